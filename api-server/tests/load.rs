//! Two hundred clients at one time, for as long as `LOCUS_LOAD_SECONDS` says.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{Answer, Server, execute, get, python, send};
use serde_json::Value;

const CLIENTS: usize = 200;
/// What the server may grow by: the requests of all clients, and what it keeps of runs that have ended.
const GROWTH_BYTES_MAX: usize = 256 << 20;

async fn wait(server: SocketAddr, program: &Value) -> Answer {
    let request = Request::post(format!("http://{server}/api/v1/runs?wait=10m"));
    send(request.body(Body::from(program.to_string())).expect("a request")).await
}

fn resident_bytes(process: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("linux tells it");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute: tests/run runs it"]
async fn nothing_is_lost_and_the_memory_stays_within_bounds() {
    let seconds = std::env::var("LOCUS_LOAD_SECONDS").map_or(60, |text| text.parse().expect("a number of seconds"));
    // Fewer places than clients, so that some are sent away.
    let server = Arc::new(Server::start(&["--max-queued", "150"]));
    assert_eq!(execute(server.address, &python("print(1)")).await.json()["stdout"], "1\n");
    let before = resident_bytes(&server.pid());
    let (end, over) = (Instant::now() + Duration::from_secs(seconds), Arc::new(AtomicBool::new(false)));
    let watched = {
        let (process, over) = (server.pid(), over.clone());
        tokio::spawn(async move {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(resident_bytes(&process));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            most
        })
    };
    let clients = (0..CLIENTS).map(|client| {
        let server = server.clone();
        tokio::spawn(async move {
            let (mut times, mut refused) = (Vec::new(), 0_usize);
            while Instant::now() < end {
                let number = times.len() + refused;
                let began = Instant::now();
                let program = python(&format!("print({client}, {number})"));
                // Every other one takes a run that is kept after its end.
                let answer = if client % 2 == 0 {
                    execute(server.address, &program).await
                } else {
                    wait(server.address, &program).await
                };
                if answer.status == StatusCode::TOO_MANY_REQUESTS {
                    let wait: u64 = answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
                    refused += 1;
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                    continue;
                }
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
                assert_eq!(answer.json()["stdout"], format!("{client} {number}\n"), "{answer:?}");
                times.push(began.elapsed());
            }
            (times, refused)
        })
    });
    let (mut times, mut refused) = (Vec::new(), 0);
    for client in futures::future::join_all(clients).await {
        let (its_times, its_refused) = client.expect("each answer is a success or 429");
        times.extend(its_times);
        refused += its_refused;
    }
    over.store(true, Ordering::Relaxed);
    let grown = watched.await.expect("it was watched").saturating_sub(before);
    times.sort();
    let percentile = |part: usize| times[(times.len() - 1) * part / 100];
    println!(
        "load: {} runs, {refused} sent away, p50 {:?}, p99 {:?}, memory grew by {} MiB at most",
        times.len(),
        percentile(50),
        percentile(99),
        grown >> 20
    );
    let metrics = get(server.address, "/metrics").await.body;
    let completed = format!("runs_total{{language=\"python\",outcome=\"Completed\"}} {}\n", times.len() + 1);
    assert!(metrics.contains(&completed), "{completed} is not in\n{metrics}");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
}
