//! Connections: how many and of whom, how long one may be silent, and what becomes of those whose other end is gone.

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
use ipnet::IpNet;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

use crate::rate::Asker;
use crate::shares::{Held, Room};

/// How long a client may take for the head of a request, or be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes of the head of a request, and of what is read ahead of its body.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long sent bytes may wait for a client to take any of them.
#[cfg(target_os = "linux")]
const UNREAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Places beyond the number of connections: for who asks how the server is, and to tell the others that it is full.
const SPARE: usize = 16;
/// How long a client may take for the head of a request there.
const SPARE_HEAD_TIMEOUT: Duration = Duration::from_secs(3);

/// How many connections there may be.
#[derive(Debug, Clone)]
pub struct Connections {
    /// All of them; one address may have three quarters of these, and less the more the others have.
    pub most: u32,
    /// Networks of proxies: what comes from there is many clients', and can't be told apart.
    pub proxies: Vec<IpNet>,
}

/// A mark of requests on a connection beyond the number of them.
#[derive(Debug, Clone, Copy)]
pub struct Beyond;

/// Answers until it is to stop taking connections, and then those who have asked already.
///
/// On a connection beyond their number one request is answered, by what the router has for those that bear [`Beyond`]. When
/// as many of these are open as may, further ones wait.
pub async fn serve(listener: TcpListener, router: Router, connections: Connections, stop: impl Future<Output = ()>) {
    let (places, spare) = (Room::new(connections.most as usize), Room::new(SPARE));
    let (turns, stopping) = (Arc::new(Semaphore::new(SPARE)), watch::Sender::new(false));
    let accept = async || {
        // Never closed, so there will be one.
        let turn = turns.clone().acquire_owned().await.ok();
        (turn, listener.accept().await)
    };
    let mut stop = pin!(stop);
    loop {
        let (turn, accepted) = tokio::select! {
            accepted = accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            // No descriptor was left, say: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let address = peer.ip().to_canonical();
        let is_proxy = connections.proxies.iter().any(|network| network.contains(&address));
        let asker = (!is_proxy).then(|| Asker::at(address));
        let (held, beyond) = match places.take(asker.as_ref(), 1) {
            Some(held) => (held, None),
            // Who has its share of those as well is not worth an answer.
            None => match spare.take(asker.as_ref(), 1) {
                Some(held) => (held, turn),
                None => continue,
            },
        };
        set_up(&stream);
        let place = Place { _held: held, beyond, stopping: stopping.subscribe() };
        tokio::spawn(answer(Placed { stream, place }, peer, router.clone()));
    }
    drop(listener);
    stopping.send_replace(true);
    // As long as one is open, it listens for that.
    stopping.closed().await;
}

async fn answer(stream: Placed, peer: SocketAddr, router: Router) {
    let (is_beyond, mut stopping) = (stream.place.beyond.is_some(), stream.place.stopping.clone());
    let router = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
        if is_beyond {
            request.extensions_mut().insert(Beyond);
        }
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if is_beyond { SPARE_HEAD_TIMEOUT } else { HEAD_TIMEOUT })
        .keep_alive(!is_beyond)
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
    place: Place,
}

/// A place among all connections, or one beyond their number.
struct Place {
    _held: Held,
    beyond: Option<OwnedSemaphorePermit>,
    /// Whether the server is to stop.
    stopping: watch::Receiver<bool>,
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
