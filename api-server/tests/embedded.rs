//! The real server, with programs on this machine.

mod common;

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use common::{Server, contract, execute, get, python};
use serde_json::json;

#[tokio::test]
async fn this_machine_keeps_the_contract() {
    contract::holds(Server::start(&[]).address).await;
}

#[tokio::test]
async fn the_server_tells_what_it_found_and_what_it_lacks() {
    let mut server = Server::start(&[]);
    for part in ["no-new-privs", "in force                  namespaces"] {
        assert!(server.banner.contains(part), "{part} is not in\n{}", server.banner);
    }
    let python = server.says("Python 3.");
    assert!(python.contains('/'), "{python}");
    let ready = get(server.address, "/readyz").await;
    assert_eq!((ready.status, ready.json()["backend"].clone()), (StatusCode::OK, json!("embedded")));
    let sandbox = ready.json()["sandbox"].clone();
    assert_eq!((&sandbox["isolation"], &sandbox["weakness"]), (&json!("namespaces"), &json!(null)));
    // Whether there are cgroups is up to whoever runs the server.
    let layers = sandbox["layers"].as_array().expect("layers");
    assert!(layers.iter().all(|layer| layer["inForce"] == true || layer["name"] == "cgroup-limits"), "{layers:?}");
}

#[tokio::test]
async fn twenty_programs_at_once_do_not_mix() {
    let server = Server::start(&[]);
    let runs = (0..20).map(|number| async move {
        let code = format!("import time; time.sleep(0.1); print({number}, open('main.py').read().count('{number}'))");
        (number, execute(server.address, &python(&code)).await)
    });
    for (number, answer) in futures::future::join_all(runs).await {
        let body = answer.json();
        assert!(body["stdout"].as_str().is_some_and(|text| text.starts_with(&format!("{number} "))), "{body}");
        assert_eq!(body["error"], "");
    }
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let server = Server::start(&["--max-concurrent", "1", "--max-queued", "1"]);
    let slow = python("import time; time.sleep(1)");
    let answers = futures::future::join_all((0..3).map(|_| execute(server.address, &slow))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).collect();
    assert_eq!(refused.len(), 1, "{answers:?}");
    assert_eq!(refused[0].headers["retry-after"], "1");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_program_with_it() {
    let server = Server::start(&[]);
    // The program is in a world of its own: all that this test can see of it is the name of its process.
    let name = format!("beat-{}", std::process::id());
    let code = format!("import ctypes, time\nctypes.CDLL(None).prctl(15, b'{name}')\nwhile True: time.sleep(1)\n");
    let body = python(&code).to_string();
    let mut connection = TcpStream::connect(server.address).expect("it listens");
    write!(connection, "POST /execute HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .expect("it reads");
    let lives = || {
        let processes = std::fs::read_dir("/proc").expect("linux has /proc").flatten();
        let mut names = processes.filter_map(|process| std::fs::read_to_string(process.path().join("comm")).ok());
        names.any(|other| other.trim_end() == name)
    };
    eventually("the program runs", lives).await;
    drop(connection);
    eventually("the program is gone", || !lives()).await;
    let metrics = get(server.address, "/metrics").await.body;
    assert!(metrics.contains(r#"runs_total{language="python",outcome="Cancelled"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_finishes_what_runs() {
    let server = Server::start(&[]);
    let slow = python("import time; time.sleep(1); print('done')");
    let stop = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(Command::new("kill").arg(server.pid()).status().expect("kill runs").success());
    };
    let (answer, ()) = tokio::join!(execute(server.address, &slow), stop);
    assert_eq!(answer.json()["stdout"], "done\n");
    assert!(TcpStream::connect(server.address).is_err(), "it still listens");
    assert!(server.ended_well());
}

#[test]
fn a_port_in_use_is_told_with_the_way_out() {
    let server = Server::start(&[]);
    let second = Command::new(env!("CARGO_BIN_EXE_locus-api-server"))
        .args(["--listen", &server.address.to_string()])
        .output()
        .expect("it starts");
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(error.contains("already in use") && error.contains("--listen"), "{error}");
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
