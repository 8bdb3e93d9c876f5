//! The API server's port-forward: a WebSocket with a channel for the bytes of a port, and one for what goes wrong with it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{Request, Response, Uri};
use axum::routing::any;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The port that is asked for, as both channels begin.
const PORT: u16 = 7070;

/// Forwards every port of every pod to one of this machine.
pub async fn start(port: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let upgrade = async move |upgrade: WebSocketUpgrade| {
        upgrade.protocols(["v4.channel.k8s.io"]).on_upgrade(move |socket| async move {
            // Either end may go away whenever it likes.
            let _ = forward(socket, port).await;
        })
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(upgrade))).await });
    address
}

async fn forward(mut socket: WebSocket, port: u16) -> Result<(), axum::BoxError> {
    for channel in [0, 1] {
        let [low, high] = PORT.to_le_bytes();
        socket.send(Message::Binary(vec![channel, low, high].into())).await?;
    }
    let (mut stream, mut buffer) = (TcpStream::connect(("127.0.0.1", port)).await?, [0; 4096]);
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(bytes))) if bytes.first() == Some(&0) => stream.write_all(&bytes[1..]).await?,
                Some(Ok(_)) => {}
                _ => return Ok(()),
            },
            count = stream.read(&mut buffer) => {
                let bytes = [&[0], &buffer[..count?]].concat();
                if bytes.len() == 1 {
                    socket.send(Message::Close(None)).await?;
                    return Ok(());
                }
                socket.send(Message::Binary(bytes.into())).await?;
            }
        }
    }
}

/// Hands a request over, with the connection that it asks for.
pub async fn pass(
    address: SocketAddr,
    request: Request<kube::client::Body>,
) -> Result<Response<Body>, tower::BoxError> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("http://{address}{path}").parse::<Uri>()?;
    let body = Body::from(body.collect().await?.to_bytes());
    let client = Client::builder(TokioExecutor::new()).build_http();
    Ok(client.request(Request::from_parts(parts, body)).await?.map(Body::new))
}
