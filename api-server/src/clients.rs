//! Who asks, and whether they may now: API keys where there are some, and a rate for each client.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::answer::Problem;
use crate::app::App;
use crate::backend::{BackendError, Client};
use crate::body::check_encoding;
use crate::compat::Dialect;
use crate::keys::{Key, Keys, Running};
use crate::rate::{self, Asker, Rate, TooOften};
use crate::{body, sending};

/// What the server knows of its clients.
#[derive(Debug)]
pub struct Clients {
    keys: Option<Arc<Keys>>,
    rate: Rate,
}

impl Default for Clients {
    /// Anybody, as often as they like.
    fn default() -> Self {
        Self { keys: None, rate: Rate::new(None, Vec::new()) }
    }
}

impl Clients {
    /// Those with a key, or anybody where there are no keys.
    #[must_use]
    pub fn new(keys: Option<Arc<Keys>>, rate: Rate) -> Self {
        Self { keys, rate }
    }

    /// Counts one more run of a client, if there may be one.
    ///
    /// # Errors
    /// [`BackendError::TooManyRuns`].
    pub fn run(&self, client: &Client) -> Result<Option<Running>, BackendError> {
        let (Some(keys), Some(name)) = (&self.keys, client) else { return Ok(None) };
        // A key that was taken away since may still end what it began.
        let Some(key) = keys.named(name) else { return Ok(None) };
        key.run().map(Some).ok_or(BackendError::TooManyRuns { most: key.concurrent_runs.map_or(u32::MAX, Into::into) })
    }

    /// Whether a key is a client's own.
    #[must_use]
    pub fn is_key_of(&self, key: &str, client: &Client) -> bool {
        self.keys.as_ref().and_then(|keys| keys.find(key)).is_some_and(|key| client.as_ref() == Some(&key.name))
    }

    fn admit(
        &self,
        key: Option<&str>,
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
    ) -> Result<(Client, Asker), Problem> {
        let Some(keys) = &self.keys else {
            let asker = self.rate.asker(peer, headers);
            self.rate.ask(&asker).map_err(too_often)?;
            return Ok((None, asker));
        };
        match key.map(|key| keys.find(key)) {
            Some(Some(key)) => {
                self.ask(&key).map_err(too_often)?;
                Ok((Some(key.name.clone()), Asker::Key(key.name.clone())))
            }
            refused => {
                // Whoever guesses has a rate as well.
                self.rate.ask(&self.rate.asker(peer, headers)).map_err(too_often)?;
                Err(unauthorized(refused.is_some()))
            }
        }
    }

    fn ask(&self, key: &Key) -> Result<(), TooOften> {
        match &key.rate {
            Some(rate) => rate::ask(rate),
            None => self.rate.ask(&Asker::Key(key.name.clone())),
        }
    }
}

/// Lets those through that may ask now, and tells the handlers who they are. What they send and what they are sent counts
/// for them.
pub async fn admit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let dialect = Dialect::of(request.method(), request.uri().path());
    let key = dialect.key(request.uri(), request.headers());
    let admitted = app.clients.admit(key.as_deref(), peer, request.headers());
    // What Piston's clients send is looked at where it is read, to be refused as it is there.
    let checked = if dialect == Dialect::Piston { Ok(()) } else { check_encoding(request.headers()) };
    let answer = match admitted.and_then(|who| checked.map(|()| who).map_err(Problem::from)) {
        Ok((client, asker)) => {
            request.extensions_mut().insert::<Client>(client);
            let request = request.map(|body| body::counted(body, &app.bodies, &asker));
            sending::counted(next.run(request).await, &app.answers, &asker)
        }
        Err(problem) => Err(problem),
    };
    answer.unwrap_or_else(Problem::into_response)
}

fn unauthorized(has_key: bool) -> Problem {
    let (message, challenge) = if has_key {
        (
            "this API key is not known here: it was mistyped, or taken away",
            "Bearer realm=\"locus\", error=\"invalid_token\"",
        )
    } else {
        ("this server asks for an API key: send the header Authorization: Bearer <key>", "Bearer realm=\"locus\"")
    };
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "Unauthorized", message);
    problem.with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

fn too_often(TooOften { seconds, every }: TooOften) -> Problem {
    let message = format!("you ask too often: try again in {seconds} s");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "RateLimited", message);
    Problem { every: Some(every), ..problem.with(header::RETRY_AFTER, seconds) }
}
