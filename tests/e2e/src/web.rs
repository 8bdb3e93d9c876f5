//! HTTP to pods of the release, through the API server's port-forward.

use std::net::{Ipv4Addr, SocketAddr};

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::cluster::{FRONT_DOOR, RELEASE_NAMESPACE, is_ready, pods_with};

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{:?} is not JSON: {error}", self.body))
    }
}

/// Posts JSON to a path of the front door.
pub async fn post(client: &Client, path: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("content-type", "application/json").body(body.to_string());
    ask_front_door(client, request.expect("the request is well formed")).await
}

/// Asks the front door.
pub async fn ask_front_door(client: &Client, request: Request<String>) -> Answer {
    let (pod, port) = front_door(client).await;
    ask_pod(client, &pod, port, request).await
}

/// Makes the front door answer at an address of this machine, each connection by a port-forward of its own.
pub async fn open_front_door(client: &Client) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let client = client.clone();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.expect("connections can be accepted");
            let client = client.clone();
            tokio::spawn(async move {
                let (pod, port) = front_door(&client).await;
                let pods: Api<Pod> = Api::namespaced(client, RELEASE_NAMESPACE);
                let mut forwarder = pods.portforward(&pod.name_any(), &[port]).await.expect("a port can be forwarded");
                let mut stream = forwarder.take_stream(port).expect("the port has a stream");
                // Either side may go away whenever it likes.
                let _ = tokio::io::copy_bidirectional(&mut connection, &mut stream).await;
            });
        }
    });
    address
}

/// Where its Service would lead: to the target of port 80, of a ready pod that the Service selects.
async fn front_door(client: &Client) -> (Pod, u16) {
    let services: Api<Service> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let service = services.get(FRONT_DOOR).await.expect("the release has a service locus-api");
    let spec = service.spec.expect("a service has a spec");
    let port = spec.ports.into_iter().flatten().find(|port| port.port == 80).expect("the service has port 80");
    let selector = spec.selector.expect("the service selects pods");
    let pods = pods_with(client, selector).await.expect("pods can be listed");
    let pod = pods.into_iter().find(is_ready).expect("the service has a ready pod");
    let port = match port.target_port.unwrap_or(IntOrString::Int(80)) {
        IntOrString::Int(port) => port,
        IntOrString::String(name) => named_port(&pod, &name),
    };
    let port = u16::try_from(port).expect("a port");
    (pod, port)
}

fn named_port(pod: &Pod, name: &str) -> i32 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let port = ports.find(|port| port.name.as_deref() == Some(name));
    port.unwrap_or_else(|| panic!("the pod has no port {name}")).container_port
}

/// Asks a pod of the release.
pub async fn ask_pod(client: &Client, pod: &Pod, port: u16, request: Request<String>) -> Answer {
    let pods: Api<Pod> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let mut forwarder = pods.portforward(&pod.name_any(), &[port]).await.expect("a port can be forwarded");
    let stream = forwarder.take_stream(port).expect("the port has a stream");
    ask(stream, request).await.expect("the pod answers")
}

/// Asks whoever is at the other end of a stream.
///
/// # Errors
/// There is no answer, or it is not text.
pub async fn ask<S>(stream: S, mut request: Request<String>) -> anyhow::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    request.headers_mut().entry("host").or_insert(http::HeaderValue::from_static("locus-e2e"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: String::from_utf8(body.into())? })
}
