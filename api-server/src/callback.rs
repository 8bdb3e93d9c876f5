//! Telling a client that its run has ended, at the URL that it gave.
//!
//! Whoever gives the URL chooses where this server connects to. So the address that a name stands for is checked, and the
//! address that was checked is the one that is dialled; whoever answers can't send the request on elsewhere.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use ipnet::IpNet;
use locus_core::Run;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tower::Service;
use url::{Host, Url};

use crate::address::may_be_called;
use crate::backend::Asked;
use crate::compat::judge0;
use crate::metrics::Metrics;
use crate::sending;
use crate::shares::{Held, Room};

/// The waits before the first attempt and the further ones.
const PAUSES: [Duration; 4] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one attempt may take, up to the head of its answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// Attempts at one time: a receiver that takes its time keeps only so many others waiting.
const AT_ONE_TIME: usize = 32;
/// Callbacks that wait or are under way, and the bytes that they are to tell.
const PENDING_MAX: usize = 1000;
const PENDING_BYTES_MAX: usize = 32 << 20;
/// The most bytes that a callback tells.
pub const NOTICE_BYTES_MAX: usize = 256 << 10;

/// A function that tells a URL of a run, and whether that went well.
pub type Hook = Arc<dyn Fn(String, Notice) -> BoxFuture<'static, bool> + Send + Sync>;

/// What is told of a run, written once for all attempts.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The run's id.
    pub id: String,
    /// How it is sent.
    pub method: Method,
    /// All of the run, where that is not too large.
    pub whole: Option<Bytes>,
    /// The run without what its program may make large, which says so.
    pub brief: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Brief {
    #[serde(flatten)]
    run: Run,
    output_left_out: bool,
}

impl Notice {
    /// All of a run, if that is not too large.
    #[must_use]
    pub fn of(mut run: Run) -> Self {
        // JSON is never smaller than its texts, and what is too large is not even written.
        let is_small = sending::texts(&mut run).map(|text| text.len()).sum::<usize>() <= NOTICE_BYTES_MAX;
        let whole = is_small.then(|| written(&run)).filter(|json| json.len() <= NOTICE_BYTES_MAX);
        Self { whole, ..Self::brief(&run) }
    }

    /// A run in the words of the API that took it, perhaps without its output.
    #[must_use]
    pub fn to_whom_asked(run: Run, asked: &Asked, is_whole: bool) -> Self {
        let told = |is_whole| judge0::to_callback(&run, asked, is_whole).map(Bytes::from);
        match (told(false), told(is_whole)) {
            (Some(brief), whole) => {
                let whole = whole.filter(|json| is_whole && json.len() <= NOTICE_BYTES_MAX);
                Self { id: run.id, method: Method::PUT, whole, brief }
            }
            (None, _) if is_whole => Self::of(run),
            (None, _) => Self::brief(&run),
        }
    }

    /// A run whose output is too large to be told.
    #[must_use]
    pub fn brief(run: &Run) -> Self {
        let brief = written(&Brief { run: run.summary(), output_left_out: true });
        Self { id: run.id.clone(), method: Method::POST, whole: None, brief }
    }

    /// As much of it as there is room for.
    fn within(self, room: &Arc<Room>) -> Option<(Bytes, Held)> {
        let mut forms = self.whole.into_iter().chain([self.brief]);
        forms.find_map(|form| room.take(None, form.len()).map(|held| (form, held)))
    }
}

/// The JSON of a value that has one.
fn written(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// Why a URL is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none of the web.
    #[error("callback {0:?} must be an http:// or https:// URL")]
    Url(String),
    /// It holds a name and a password, which would be sent on.
    #[error("a callback URL must not hold a user name or a password")]
    User,
    /// It leads to a place that is not the public's.
    #[error("callback host {0:?} is at {1}, which is no public address: this server calls no others")]
    NotPublic(String, IpAddr),
}

/// Sends callbacks.
pub struct Callbacks {
    client: Client<HttpsConnector<HttpConnector<PublicOnly>>, Full<Bytes>>,
    allowed: Arc<[IpNet]>,
    pauses: &'static [Duration],
    turns: Semaphore,
    pending: watch::Sender<usize>,
    room: Arc<Room>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Callbacks {
    /// Callbacks to public addresses and those in `allowed`.
    ///
    /// # Panics
    /// Never: the protocol versions are those of the cryptography that is built in.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>, metrics: Arc<Metrics>) -> Self {
        let allowed: Arc<[IpNet]> = allowed.into();
        let mut http = HttpConnector::new_with_resolver(PublicOnly { allowed: allowed.clone() });
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_root_certificates(authorities())
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        // A connection is never kept: the next callback checks where it goes for itself.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let (turns, pending) = (Semaphore::new(AT_ONE_TIME), watch::Sender::new(0));
        let room = Room::new(PENDING_BYTES_MAX);
        Self { client, allowed, pauses: &PAUSES, turns, pending, room, metrics }
    }

    /// Says at once what would be refused at the end of the run, as far as the URL alone shows it.
    ///
    /// # Errors
    /// Why the URL would not be called.
    pub fn check(&self, url: &str) -> Result<(), Refused> {
        checked(url, &self.allowed).map(drop)
    }

    /// This, as a function.
    #[must_use]
    pub fn hook(self: Arc<Self>) -> Hook {
        Arc::new(move |url, notice| self.deliver(url, notice).boxed())
    }

    /// Tells a URL of a run, several times if need be, and says whether it was told. It is pending from now on.
    pub fn deliver(self: &Arc<Self>, url: String, notice: Notice) -> impl Future<Output = bool> + Send + 'static {
        let (callbacks, pending) = (self.clone(), Pending::one_more(&self.pending));
        let (id, method) = (notice.id.clone(), notice.method.clone());
        let form = if pending.number > PENDING_MAX { None } else { notice.within(&self.room) };
        async move {
            let _pending = pending;
            let told = match form {
                Some((body, _held)) => callbacks.attempts(&url, &id, &method, &body).await,
                None => Err(Failure::Crowded),
            };
            callbacks.count(&url, &id, &told);
            told.is_ok()
        }
    }

    /// Waits until none is pending.
    pub async fn idle(&self) {
        // An error would mean that the sender is gone, which is in `self`.
        let _ = self.pending.subscribe().wait_for(|pending| *pending == 0).await;
    }

    fn count(&self, url: &str, id: &str, told: &Result<(), Failure>) {
        self.metrics.callback(match told {
            Ok(()) => "delivered",
            Err(Failure::Refused(_)) => "refused",
            Err(_) => "failed",
        });
        // Where a path or a query leads is the client's own affair, and perhaps its secret.
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        match told {
            Ok(()) => tracing::debug!(run.id = id, callback.host = host, "callback delivered"),
            Err(error) => tracing::warn!(run.id = id, callback.host = host, "callback not delivered: {error}"),
        }
    }

    async fn attempts(&self, url: &str, id: &str, method: &Method, body: &Bytes) -> Result<(), Failure> {
        let uri = checked(url, &self.allowed)?;
        let mut failure = Failure::Crowded;
        for pause in self.pauses {
            tokio::time::sleep(*pause).await;
            // Never closed.
            let _turn = self.turns.acquire().await;
            match tokio::time::timeout(ATTEMPT_TIMEOUT, self.attempt(uri.clone(), id, method, body.clone())).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) if !error.may_pass() => return Err(error),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = Failure::Slow,
            }
        }
        Err(failure)
    }

    async fn attempt(&self, uri: Uri, id: &str, method: &Method, body: Bytes) -> Result<(), Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("locus/", env!("CARGO_PKG_VERSION"))));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert("locus-run-id", id);
        }
        // The body of the answer is left where it is.
        let status = self.client.request(request).await.map_err(|error| Failure::of(&error))?.status();
        if status.is_success() { Ok(()) } else { Err(Failure::Answer(status)) }
    }
}

/// A callback that is pending, until it is dropped.
struct Pending {
    pending: watch::Sender<usize>,
    number: usize,
}

impl Pending {
    fn one_more(pending: &watch::Sender<usize>) -> Self {
        let mut number = 0;
        pending.send_modify(|pending| {
            *pending += 1;
            number = *pending;
        });
        Self { pending: pending.clone(), number }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.pending.send_modify(|pending| *pending -= 1);
    }
}

/// Why a URL was not told.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("it answered {0}")]
    Answer(StatusCode),
    #[error("it did not answer in time")]
    Slow,
    #[error("{0}")]
    Broken(String),
    #[error("too many callbacks are pending")]
    Crowded,
}

impl Failure {
    /// The refusal among the causes, and else the last of them.
    fn of(error: &(dyn Error + 'static)) -> Self {
        let (mut cause, mut last) = (Some(error), String::new());
        while let Some(error) = cause {
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(refused) = inner.and_then(|inner| inner.downcast_ref::<Refused>()) {
                return Self::Refused(refused.clone());
            }
            last = error.to_string();
            cause = error.source();
        }
        Self::Broken(last)
    }

    /// Whether another attempt may go better.
    fn may_pass(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Answer(status) => {
                status.is_server_error()
                    || matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            _ => true,
        }
    }
}

/// A URL as browsers read it, so that an address in any spelling is one.
fn checked(text: &str, allowed: &[IpNet]) -> Result<Uri, Refused> {
    let wrong = || Refused::Url(text.to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::User);
    }
    let address = match url.host().ok_or_else(wrong)? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    };
    if let Some(address) = address.filter(|&address| !may_be_called(address, allowed)) {
        return Err(Refused::NotPublic(url.host_str().unwrap_or_default().to_owned(), address));
    }
    url.as_str().parse().map_err(|_| wrong())
}

/// The authorities that sign for servers: Mozilla's, and those that this system adds.
fn authorities() -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Asks the system for the addresses of a name, and gives them only if each is the public's: a name that stands for
/// others too is up to something.
#[derive(Debug, Clone)]
struct PublicOnly {
    allowed: Arc<[IpNet]>,
}

impl Service<Name> for PublicOnly {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = self.allowed.clone();
        async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            only_public(name.as_str(), found, &allowed).map(Vec::into_iter)
        }
        .boxed()
    }
}

fn only_public(name: &str, found: Vec<SocketAddr>, allowed: &[IpNet]) -> io::Result<Vec<SocketAddr>> {
    match found.iter().find(|address| !may_be_called(address.ip(), allowed)) {
        Some(address) => Err(io::Error::other(Refused::NotPublic(name.to_owned(), address.ip()))),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use futures::FutureExt as _;
    use locus_core::Run;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::{Callbacks, Method, NOTICE_BYTES_MAX, Notice, Refused, checked, only_public};
    use crate::metrics::Metrics;
    use crate::shares::Room;

    #[test]
    fn a_url_that_leads_to_this_servers_neighbours_is_refused_however_it_is_spelled() {
        for url in [
            "http://127.0.0.1/",
            "http://127.0.0.1:6443/x",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://①②⑦.0.0.1/",
            "http://%31%32%37.0.0.1/",
            "http://0/",
            "https://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[fd00::1]:8080/",
            "http://[fe80::1]/",
        ] {
            assert!(matches!(checked(url, &[]), Err(Refused::NotPublic(..))), "{url}: {:?}", checked(url, &[]));
        }
        for url in
            ["http://u@example.org/", "http://u:p@example.org/", "http://:p@example.org/", "http://example.org@1.1.1.1"]
        {
            assert_eq!(checked(url, &[]), Err(Refused::User), "{url}");
        }
        for url in [
            "",
            "example.org",
            "ftp://example.org/",
            "file:///etc/passwd",
            "http://",
            "http:///",
            "http://[fe80::1%25eth0]/",
            "http://1.2.3.4.5/",
            "http://256.0.0.1/",
            "gopher://1.1.1.1/",
            "http://a b/",
        ] {
            assert!(
                matches!(checked(url, &[]), Err(Refused::Url(_) | Refused::NotPublic(..))),
                "{url}: {:?}",
                checked(url, &[])
            );
        }
        for url in
            ["http://example.org", "https://example.org:8443/a?b=c#d", "http://1.1.1.1/", "https://[2606:4700::1111]/"]
        {
            assert!(checked(url, &[]).is_ok(), "{url}");
        }
        assert!(checked("http://127.0.0.1/", &["127.0.0.0/8".parse().expect("a network")]).is_ok());
    }

    #[test]
    fn a_name_that_stands_for_one_neighbour_among_others_is_refused() {
        let found = |addresses: &[&str]| -> Vec<SocketAddr> {
            addresses.iter().map(|address| address.parse().expect("an address")).collect()
        };
        assert!(only_public("a", found(&["1.1.1.1:0", "[2606:4700::1]:0"]), &[]).is_ok());
        for neighbours in [&["1.1.1.1:0", "10.0.0.1:0"][..], &["[::1]:0"], &["[2606:4700::1]:0", "127.0.0.1:0"]] {
            assert!(only_public("a", found(neighbours), &[]).is_err(), "{neighbours:?}");
        }
    }

    fn callbacks(allowed: &str) -> Arc<Callbacks> {
        let allowed = allowed.split_whitespace().map(|network| network.parse().expect("a network")).collect();
        Arc::new(Callbacks { pauses: &[Duration::ZERO; 3], ..Callbacks::new(allowed, Arc::<Metrics>::default()) })
    }

    fn run() -> Notice {
        Notice::of(Run { id: "r1".into(), stdout: Some("4\n".into()), ..Run::default() })
    }

    #[test]
    fn a_run_that_is_large_is_told_without_its_output() {
        let of = |stdout: &str| Notice::of(Run { id: "r1".into(), stdout: Some(stdout.into()), ..Run::default() });
        let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON");
        let small = of("4\n");
        let whole = json(&small.whole.expect("it is small"));
        assert_eq!((&whole["stdout"], whole.get("outputLeftOut")), (&"4\n".into(), None));
        // As text and as JSON.
        for large in ["x".repeat(NOTICE_BYTES_MAX + 1), "\0".repeat(NOTICE_BYTES_MAX / 6 + 1)] {
            let large = of(&large);
            let brief = json(&large.brief);
            assert!(large.whole.is_none());
            assert_eq!((&brief["id"], &brief["outputLeftOut"]), (&"r1".into(), &true.into()));
            assert_eq!(brief.get("stdout"), None);
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_told_in_brief_and_then_not_at_all() {
        let notice = || Notice {
            id: String::new(),
            method: Method::POST,
            whole: Some(vec![b' '; 80].into()),
            brief: vec![b' '; 15].into(),
        };
        let room = Room::new(100);
        let held: Vec<_> = std::iter::repeat_with(|| notice().within(&room)).map_while(|form| form).collect();
        assert_eq!(held.iter().map(|(form, _)| form.len()).collect::<Vec<_>>(), [80, 15]);
        drop(held);
        assert!(notice().within(&room).is_some());
    }

    /// Answers each connection with the next of some texts, and gives what was sent.
    async fn receiver(answers: Vec<&'static str>) -> (SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answering = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = vec![0; 4096];
                let mut length = 0;
                while !request[..length].ends_with(b"}") {
                    length += stream.read(&mut request[length..]).await.expect("it sends");
                }
                stream.write_all(answer.as_bytes()).await.expect("it reads");
                request.truncate(length);
                asked.push(String::from_utf8(request).expect("text"));
            }
            asked
        });
        (address, answering)
    }

    const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

    #[tokio::test]
    async fn a_run_is_told_and_told_again_where_that_did_not_go_well() {
        let (address, answering) = receiver(vec!["HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n", "", OK]).await;
        let callbacks = callbacks("127.0.0.0/8 ::1/128");
        assert!(callbacks.deliver(format!("http://localhost:{}/hook?a=b", address.port()), run()).await);
        let asked = answering.await.expect("it was asked");
        assert!(asked[2].starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{}", asked[2]);
        for part in ["locus-run-id: r1\r\n", "content-type: application/json\r\n", r#""stdout":"4\n""#] {
            assert!(asked[2].contains(part), "{part} is not in {}", asked[2]);
        }
        assert!(callbacks.metrics.text().contains("callbacks_total{outcome=\"delivered\"} 1"));
    }

    #[tokio::test]
    async fn an_answer_that_sends_elsewhere_is_not_followed() {
        let (address, answering) =
            receiver(vec!["HTTP/1.1 307 There\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"]).await;
        let callbacks = callbacks("127.0.0.0/8");
        assert!(!callbacks.deliver(format!("http://{address}/"), run()).await);
        assert_eq!(answering.await.expect("it was asked").len(), 1);
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read() {
        let (address, _answering) =
            receiver(vec!["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"]).await;
        let delivered = callbacks("127.0.0.0/8").deliver(format!("http://{address}/"), run()).await;
        assert!(delivered);
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_never_dialled() {
        let (address, answering) = receiver(vec![OK]).await;
        let callbacks = callbacks("");
        assert!(!callbacks.deliver(format!("http://localhost:{}/", address.port()), run()).await);
        assert!(answering.now_or_never().is_none(), "it was dialled");
        assert!(callbacks.metrics.text().contains("callbacks_total{outcome=\"refused\"} 1"));
        callbacks.idle().await;
    }
}
