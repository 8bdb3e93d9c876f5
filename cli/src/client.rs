//! The HTTP API, as this command asks it. Everything that is asked may be asked again, so that an answer that was lost on
//! the way is asked for again.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use locus_api_server::app::NOTHING_HERE;
use locus_core::{Run, RunRequest};
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::request::unreadable;
use crate::trouble::{Problem, Refusal, Trouble};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A stream of events has a sign of life every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// How long a server that has answered before may be away, or say that it is busy.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A server, from outside.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<HeaderValue>,
    has_answered: AtomicBool,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// Summaries of runs.
    pub runs: Vec<Run>,
    /// Where the next page begins, if there is more.
    #[serde(default)]
    pub next: Option<String>,
}

/// What is shown of a language; the rest stays as it is for JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LanguageInfo {
    /// What a request names it by.
    pub selector: String,
    /// The name that people read.
    pub name: String,
    /// The version that a program meets.
    pub version: String,
    /// Whether the id alone means this version.
    pub default: bool,
    /// Other names for the id.
    pub aliases: Vec<String>,
    /// The name of the file that `code` becomes.
    pub file_name: String,
}

impl Client {
    /// A client of the server at a URL.
    ///
    /// # Errors
    /// It is no such URL, or the key can't be sent.
    pub fn new(server: &str, key: Option<&str>) -> Result<Self, Trouble> {
        let wrong =
            |why: String| Trouble::Usage(format!("{server:?} is not a server's URL ({why}): give http://HOST:PORT"));
        let mut base = Url::parse(server).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(wrong("it is neither http nor https".to_owned()));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("something follows a ? or a #".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let key = key.map(bearer).transpose()?;
        // Another part of the process may have chosen one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("locus/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            // A key is for the server that was named, and for no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Trouble::NoPlace(format!("there can't be any connections: {}", sentence(&error))))?;
        Ok(Self { http, base, key, has_answered: AtomicBool::new(false) })
    }

    /// The server's address, as people know it.
    #[must_use]
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Has a run taken; the key makes it one run, however often it is asked for.
    ///
    /// # Errors
    /// The server does not take it.
    pub async fn create(&self, request: &RunRequest, key: &str) -> Result<Run, Trouble> {
        let ask = || self.request(Method::POST, "api/v1/runs").header("idempotency-key", key).json(request);
        self.json(ask).await
    }

    /// A run as it is now.
    ///
    /// # Errors
    /// There is none.
    pub async fn get<T: DeserializeOwned>(&self, id: &str) -> Result<T, Trouble> {
        let path = run_path(id, "")?;
        self.json(|| self.request(Method::GET, &path)).await
    }

    /// A page of a list.
    ///
    /// # Errors
    /// The server has none.
    pub async fn list<T: DeserializeOwned>(&self, query: &[(&str, String)]) -> Result<T, Trouble> {
        self.json(|| self.request(Method::GET, "api/v1/runs").query(query)).await
    }

    /// Asks a run to stop.
    ///
    /// # Errors
    /// There is none.
    pub async fn cancel(&self, id: &str) -> Result<Run, Trouble> {
        let path = run_path(id, "")?;
        self.json(|| self.request(Method::DELETE, &path)).await
    }

    /// Gives a run more standard input; `at` is how much was given before.
    ///
    /// # Errors
    /// It takes none, or none now.
    pub async fn stdin(&self, id: &str, at: u64, end: bool, data: &[u8]) -> Result<(), Trouble> {
        let path = run_path(id, "/stdin")?;
        let query = [("at", at.to_string()), ("end", end.to_string())];
        let ask = || self.request(Method::POST, &path).query(&query).body(data.to_vec());
        self.ask(ask).await.map(drop)
    }

    /// What a file of a run holds.
    ///
    /// # Errors
    /// There is no such file.
    pub async fn file(&self, id: &str, name: &str) -> Result<Vec<u8>, Trouble> {
        let mut url = self.url(&run_path(id, "/files")?);
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.extend(name.split('/'));
        }
        let response = self.ask(|| self.to(Method::GET, url.clone())).await?;
        Ok(response.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec())
    }

    /// The languages.
    ///
    /// # Errors
    /// The server does not tell them.
    pub async fn languages<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        self.json(|| self.request(Method::GET, "api/v1/languages")).await
    }

    /// The events of a run behind a position.
    ///
    /// # Errors
    /// The server does not tell them.
    pub async fn events(&self, id: &str, after: &str) -> Result<Response, Trouble> {
        let path = run_path(id, "/events")?;
        let ask = || {
            let request = self.request(Method::GET, &path).header("accept", "text/event-stream");
            if after.is_empty() { request } else { request.header("last-event-id", after) }
        };
        self.ask(ask).await
    }

    /// What to say of a connection that broke.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Trouble {
        Trouble::Unreachable { server: self.server().to_owned(), why: sentence(error) }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.to(method, self.url(path))
    }

    fn to(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.header("authorization", key.clone()),
            None => request,
        }
    }

    async fn json<T: DeserializeOwned>(&self, ask: impl Fn() -> RequestBuilder) -> Result<T, Trouble> {
        let response = self.ask(ask).await?;
        response
            .json()
            .await
            .map_err(|error| if error.is_decode() { self.odd(sentence(&error)) } else { self.unreachable(&error) })
    }

    /// What to say of an answer that is none of Locus.
    pub(crate) fn odd(&self, why: String) -> Trouble {
        Trouble::Odd { server: self.server().to_owned(), why }
    }

    /// Asks until there is an answer: a server that never was there is not waited for, one that was or that is busy is.
    async fn ask(&self, ask: impl Fn() -> RequestBuilder) -> Result<Response, Trouble> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = PAUSE;
        loop {
            let (trouble, wait) = match ask().send().await {
                Ok(response) => {
                    let status = response.status();
                    let wait = retry_after(&response).unwrap_or(pause);
                    if status.is_success() {
                        self.has_answered.store(true, Ordering::Relaxed);
                        return Ok(response);
                    }
                    let trouble = self.refusal(response).await;
                    if !may_pass(status) || trouble.reason() == Some("InputFull") {
                        return Err(trouble);
                    }
                    (trouble, wait)
                }
                Err(error) => {
                    let trouble = self.unreachable(&error);
                    if error.is_builder() || (error.is_connect() && !self.has_answered.load(Ordering::Relaxed)) {
                        return Err(trouble);
                    }
                    (trouble, pause)
                }
            };
            if Instant::now() + wait > deadline {
                return Err(trouble);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn refusal(&self, response: Response) -> Trouble {
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        match serde_json::from_str::<Problem>(&text) {
            // Locus is there, and not where it is looked for.
            Ok(Problem { message, .. }) if message == NOTHING_HERE => self.odd(match self.base.path() {
                "/" => message,
                path => format!("{message}; without the {} it may be the right one", path.trim_end_matches('/')),
            }),
            Ok(Problem { reason, message }) => {
                self.has_answered.store(true, Ordering::Relaxed);
                let message = match status {
                    StatusCode::UNAUTHORIZED => {
                        format!("{message}; name a file that holds the key with --api-key-file, or set LOCUS_API_KEY")
                    }
                    _ => message,
                };
                Trouble::Refused(Box::new(Refusal { status, reason, message }))
            }
            Err(_) => self.odd(format!("it answers {status}")),
        }
    }
}

fn bearer(key: &str) -> Result<HeaderValue, Trouble> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
        .map_err(|_| Trouble::Usage("the API key holds what no key holds: give it as one line of text".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The key of a file, or of the environment.
///
/// # Errors
/// The file can't be read.
pub fn api_key(file: Option<&Path>) -> Result<Option<String>, Trouble> {
    let Some(file) = file else { return Ok(std::env::var("LOCUS_API_KEY").ok().filter(|key| !key.is_empty())) };
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    Ok(Some(text.trim().to_owned()))
}

fn run_path(id: &str, rest: &str) -> Result<String, Trouble> {
    // Whatever else stands in a path would ask for something else.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Trouble::Usage(format!("{id:?} is no run's id: `locus ls` tells them")));
    }
    Ok(format!("api/v1/runs/{id}{rest}"))
}

fn may_pass(status: StatusCode) -> bool {
    let passing = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    passing.contains(&status)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What an error says, down to its cause: the outer ones only name the step.
fn sentence(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Client, run_path};

    #[test]
    fn what_is_no_url_of_a_server_is_refused_with_the_way_out() {
        for url in ["", "locus.example.org", "ftp://a", "file:///etc/passwd", "http://", "http://a?b", "http://a#b"] {
            let error = Client::new(url, None).expect_err("it is refused");
            assert!(error.code() == 2 && error.to_string().contains("http://HOST:PORT"), "{url}: {error}");
        }
    }

    #[test]
    fn a_server_may_stand_below_a_path() {
        for url in ["https://a.example/locus", "https://a.example/locus/"] {
            let client = Client::new(url, None).expect("it is right");
            assert_eq!(client.url("api/v1/runs").as_str(), "https://a.example/locus/api/v1/runs");
            assert_eq!(client.server(), "https://a.example/locus");
        }
    }

    #[test]
    fn an_id_can_not_lead_elsewhere() {
        assert_eq!(run_path("a-1", "/events").expect("it is an id"), "api/v1/runs/a-1/events");
        for id in ["", "..", "a/b", "a?x", "a b", "é"] {
            assert!(run_path(id, "").is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_key_of_several_lines_is_refused() {
        assert!(Client::new("http://a", Some("a\nb")).is_err());
        assert!(Client::new("http://a", Some("a\n")).is_ok());
    }
}
