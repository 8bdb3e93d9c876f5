//! Connections from operators to runners: pipes in memory that break as the schedule wants it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::StreamExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use locus_operator::pod_view::Address;
use locus_operator::runner_client::Stream;
use tokio::io::DuplexStream;
use tokio::time::sleep;
use tower::ServiceExt as _;

use super::dice::{happens, millis};
use super::faults::Fault;
use super::operator::Life;
use super::runner::Runner;

/// Bytes that are on their way.
const PIPE: usize = 64 << 10;

/// Opens a connection to the runner at an address.
pub async fn dial(life: Arc<Life>, address: Address) -> io::Result<Box<dyn Stream>> {
    if life.is_over() {
        // Ends the task that dials, which would dial for ever.
        std::panic::resume_unwind(Box::new("this operator has crashed"));
    }
    let world = &life.world;
    let mut rng = world.dice.roll(&format!("{} dial {}", life.name, address.pod_name));
    sleep(millis(&mut rng, 1..10)).await;
    if happens(&mut rng, world.odds().runner) {
        sleep(millis(&mut rng, 0..8000)).await;
        return Err(io::Error::other("no route to host"));
    }
    let runner = world.runners.at(&address.ip).ok_or_else(|| io::Error::other("connection refused"))?;
    let (ours, theirs) = tokio::io::duplex(PIPE);
    tokio::spawn(serve(life.clone(), runner, theirs));
    Ok(Box::new(ours))
}

async fn serve(life: Arc<Life>, runner: Arc<Runner>, pipe: DuplexStream) {
    let router = runner.clone().router();
    let requests = life.clone();
    let pod = runner.pod_uid.clone();
    let service = service_fn(move |request| handle(requests.clone(), pod.clone(), router.clone(), request));
    tokio::select! {
        biased;
        () = life.over() => {}
        () = runner.down() => {}
        _ = http1::Builder::new().serve_connection(TokioIo::new(pipe), service) => {}
    }
}

async fn handle(
    life: Arc<Life>,
    pod: String,
    router: Router,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let world = &life.world;
    let label = format!("{} {} {pod} {}", life.name, request.method(), request.uri().path());
    let mut rng = world.dice.roll(&label);
    let fault = Fault::of_call(&mut rng, world.odds(), request.method());
    if fault != Fault::None {
        world.note(|| format!("{label}: {fault:?}"));
    }
    match fault {
        Fault::CrashBefore => life.crash_here(&label).await,
        Fault::BrokenBefore => return Err(io::Error::other("broken")),
        _ => {}
    }
    let is_stream = request.uri().path().ends_with("/events");
    let response = router.oneshot(request.map(Body::new)).await.expect("a router always answers");
    match fault {
        Fault::CrashAfter => life.crash_here(&label).await,
        Fault::BrokenAfter if is_stream => {
            let broken = futures::stream::once(async { Err(axum::Error::new("broken")) });
            let lines = response.into_body().into_data_stream().take(rng.usize(..4)).chain(broken);
            return Ok(Response::new(Body::from_stream(lines)));
        }
        Fault::BrokenAfter => return Err(io::Error::other("broken")),
        Fault::Slow(time) => sleep(time).await,
        _ => sleep(Duration::from_millis(1)).await,
    }
    Ok(response)
}
