//! Telling of an end to whoever asked for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use locus_api_server::backend::cluster::{Callback, Settings};
use locus_core::Run;
use serde_json::json;

use super::api_server::{ApiServer, running};
use super::eventually;

type Calls = Arc<Mutex<Vec<(String, Option<String>)>>>;

fn callback(calls: &Calls) -> Callback {
    let calls = calls.clone();
    Arc::new(move |url, notice| {
        let run: Run = serde_json::from_slice(&notice.whole.expect("it is small")).expect("a run");
        calls.lock().expect("not poisoned").push((url, run.stdout));
        async { true }.boxed()
    })
}

#[tokio::test]
async fn of_many_servers_one_tells_of_an_end() {
    let (server, calls) = (Arc::<ApiServer>::default(), Calls::default());
    let mut servers = Vec::new();
    for _ in 0..3 {
        let settings = Settings { callback: Some(callback(&calls)), ..Settings::default() };
        servers.push(server.ready(settings).await);
    }
    for number in 0..20 {
        let mut run = running(&format!("run-{number}"));
        run["metadata"]["annotations"] = json!({"locus.dev/callback": format!("https://a.example/{number}")});
        server.create(run);
    }
    server.create(running("silent"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(calls.lock().expect("not poisoned").is_empty(), "none has ended");
    for number in 0..20 {
        server.writes(&format!("run-{number}"), &json!({"outcome": "Completed", "stdout": number.to_string()}));
    }
    server.writes("silent", &json!({"outcome": "Completed"}));
    let is_done = |number: i32| {
        let run = server.run(&format!("run-{number}")).expect("it is there");
        run["metadata"]["annotations"].get("locus.dev/callback-done").is_some()
    };
    eventually(|| (0..20).all(is_done)).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let mut told = calls.lock().expect("not poisoned").clone();
    told.sort();
    let mut expected: Vec<_> =
        (0..20).map(|number| (format!("https://a.example/{number}"), Some(number.to_string()))).collect();
    expected.sort();
    assert_eq!(told, expected);

    // A server that comes later finds it done.
    let settings = Settings { callback: Some(callback(&calls)), ..Settings::default() };
    let _late = server.ready(settings).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(calls.lock().expect("not poisoned").len(), 20);
}

#[tokio::test]
async fn an_end_that_was_claimed_and_never_told_is_told_by_the_next_server() {
    let (server, calls) = (Arc::<ApiServer>::default(), Calls::default());
    for (name, claimed) in [("left", "server-1 2026-01-01T00:00:00Z"), ("held", "server-1 2999-01-01T00:00:00Z")] {
        let mut run = running(name);
        let url = format!("https://a.example/{name}");
        run["metadata"]["annotations"] = json!({"locus.dev/callback": url, "locus.dev/callback-claimed": claimed});
        server.create(run);
        server.writes(name, &json!({"outcome": "Completed"}));
    }
    let _cluster = server.ready(Settings { callback: Some(callback(&calls)), ..Settings::default() }).await;
    eventually(|| !calls.lock().expect("not poisoned").is_empty()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(*calls.lock().expect("not poisoned"), [("https://a.example/left".to_owned(), Some(String::new()))]);
}
