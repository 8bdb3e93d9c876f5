//! Runners of any number of pods behind one address: each tells the same account, and breaks where it is told to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures::stream;
use locus_api_server::backend::cluster::{Route, Settings};
use locus_core::Event;
use locus_core::token::{Demand, Scope, TokenSigner, TokenVerifier};
use tokio::net::TcpListener;

const SEED: [u8; 32] = [7; 32];

#[derive(Default)]
pub struct Runner {
    /// What is told of every run.
    account: Mutex<Vec<u8>>,
    /// After how many bytes the next connections for a run break.
    cuts: Mutex<HashMap<String, VecDeque<usize>>>,
    /// Runs of which nothing is told once their cuts are used up.
    refused: Mutex<Vec<String>>,
    connections: Mutex<BTreeMap<String, usize>>,
    /// Answers to input, the first one next.
    pub words: Mutex<VecDeque<(u16, &'static str)>>,
    /// Input as it came: the query and the bytes.
    pub input: Mutex<Vec<(String, Bytes)>>,
    port: Mutex<u16>,
}

impl Runner {
    pub async fn start(account: &[Event]) -> Arc<Self> {
        Self::listen("127.0.0.1:0", account).await
    }

    pub async fn listen(address: &str, account: &[Event]) -> Arc<Self> {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let runner = Arc::<Self>::default();
        *runner.port.lock().expect("not poisoned") = listener.local_addr().as_ref().map_or(0, SocketAddr::port);
        *runner.account.lock().expect("not poisoned") = lines(account);
        let router = Router::new()
            .route("/v1/runs/{uid}/events", get(events))
            .route("/v1/runs/{uid}/stdin", post(stdin))
            .with_state(runner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        runner
    }

    pub fn route(&self) -> Route {
        Route::Direct { port: self.port() }
    }

    pub fn port(&self) -> u16 {
        *self.port.lock().expect("not poisoned")
    }

    /// The public key that they know readers by.
    pub fn reader() -> String {
        TokenSigner::from_seed(&SEED).public_key()
    }

    /// Settings of a front door that these runners listen to.
    pub fn settings() -> Settings {
        Settings { reader_keys: vec![TokenSigner::from_seed(&SEED)], ..Settings::default() }
    }

    pub fn breaks(&self, run: &str, cuts: impl IntoIterator<Item = usize>) {
        self.cuts.lock().expect("not poisoned").insert(format!("uid-of-{run}"), cuts.into_iter().collect());
    }

    pub fn refuses(&self, run: &str) {
        self.refused.lock().expect("not poisoned").push(format!("uid-of-{run}"));
    }

    /// How often a run's events were asked for.
    pub fn connections(&self, run: &str) -> usize {
        self.connections.lock().expect("not poisoned").get(&format!("uid-of-{run}")).copied().unwrap_or_default()
    }
}

pub fn lines(events: &[Event]) -> Vec<u8> {
    events
        .iter()
        .flat_map(|event| [serde_json::to_string(event).expect("it serializes").into_bytes(), vec![b'\n']].concat())
        .collect()
}

/// In these tests a pod has the name of its run, and both the same UID.
fn is_allowed(headers: &HeaderMap, uid: &str, scope: Scope) -> bool {
    let token = headers[header::AUTHORIZATION].to_str().expect("text").strip_prefix("Bearer ").expect("a token");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
    let verifier = TokenVerifier::parse(&TokenSigner::from_seed(&SEED).public_key()).expect("a key");
    verifier.verify(token, Demand { pod: uid, run: uid, scopes: &[scope], body: None, now }).is_ok()
}

async fn events(State(runner): State<Arc<Runner>>, Path(uid): Path<String>, headers: HeaderMap) -> Response {
    *runner.connections.lock().expect("not poisoned").entry(uid.clone()).or_default() += 1;
    if !is_allowed(&headers, &uid, Scope::Read) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let account = runner.account.lock().expect("not poisoned").clone();
    let cut = runner.cuts.lock().expect("not poisoned").get_mut(&uid).and_then(VecDeque::pop_front);
    if cut.is_none() && runner.refused.lock().expect("not poisoned").contains(&uid) {
        return StatusCode::GONE.into_response();
    }
    let told = account[..cut.unwrap_or(account.len())].to_vec();
    let broken = cut.map(|_| Err(std::io::Error::other("it breaks")));
    let parts = [Ok(Bytes::from(told))].into_iter().chain(broken);
    // The bytes have to be on their way before the connection breaks.
    let body = stream::unfold(parts, async |mut parts| {
        let part = parts.next()?;
        if part.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Some((part, parts))
    });
    Body::from_stream(body).into_response()
}

async fn stdin(
    State(runner): State<Arc<Runner>>,
    Path(uid): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    data: Bytes,
) -> Response {
    if !is_allowed(&headers, &uid, Scope::Stdin) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    runner.input.lock().expect("not poisoned").push((query.unwrap_or_default(), data));
    let (code, word) = runner.words.lock().expect("not poisoned").pop_front().unwrap_or((200, r#"{"taken":0}"#));
    (StatusCode::from_u16(code).expect("a status"), word).into_response()
}
