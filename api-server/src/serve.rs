//! Connections: how many, how long one may be silent, and what becomes of those whose other end is gone.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

/// How long a client may take for the head of a request, or be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes of the head of a request, and of what is read ahead of its body.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long sent bytes may wait for a client to take any of them.
#[cfg(target_os = "linux")]
const UNREAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers until it is to stop taking connections, and then those who have asked already.
///
/// A connection beyond `most` waits until another one ends: those that ask for nothing do soon.
pub async fn serve(listener: TcpListener, router: Router, most: u32, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(most as usize));
    let stopping = watch::Sender::new(false);
    let accept = async || {
        // Never closed, so there will be a place.
        let place = places.clone().acquire_owned().await.ok();
        (place, listener.accept().await)
    };
    let mut stop = pin!(stop);
    loop {
        let (place, accepted) = tokio::select! {
            accepted = accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            // No descriptor was left, say: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        set_up(&stream);
        tokio::spawn(answer(Placed { stream, _place: place }, peer, router.clone(), stopping.subscribe()));
    }
    drop(listener);
    stopping.send_replace(true);
    let _all = places.acquire_many(most).await;
}

async fn answer(stream: Placed, peer: SocketAddr, router: Router, mut stopping: watch::Receiver<bool>) {
    let router = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    let told = tokio::select! {
        _ = &mut connection => return,
        told = stopping.wait_for(|stopping| *stopping) => told.is_ok(),
    };
    if told {
        connection.as_mut().graceful_shutdown();
    }
    let _ = connection.await;
}

/// None of it is worth refusing a client for.
fn set_up(stream: &TcpStream) {
    // An answer is one small packet, which must not wait for more to come.
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    // A client that waits for a run is silent for minutes, and so is one that is gone.
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(UNREAD_TIMEOUT));
}

/// A connection with its place among all of them, which it has for as long as it is open, as a WebSocket too.
struct Placed {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
