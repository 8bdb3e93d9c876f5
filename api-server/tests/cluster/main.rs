//! The cluster backend, in front of an API server and of runners in this process.

mod acting;
mod api_server;
mod callbacks;
mod portforward;
mod real;
mod runner;
mod taking;
mod telling;

use std::time::Duration;

use locus_api_server::backend::Order;
use locus_core::RunRequest;

async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time");
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time")
}

fn request() -> RunRequest {
    RunRequest { language: "python".into(), code: Some("print(1)".into()), ..RunRequest::default() }
}

fn order() -> Order {
    Order { request: request(), client: None, once: None, keep_seconds: 0, note: None }
}
