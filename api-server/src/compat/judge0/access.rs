//! Who may ask: Judge0's two headers, each of which may stand in the query as well.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::Response;

use super::answer::{Refusal, head};
use super::params::Params;
use crate::app::App;
use crate::backend::Client;

const TOKEN: &str = "X-Auth-Token";
const USER: &str = "X-Auth-User";
/// The headers that its clients send from web pages, beside those of all.
pub const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-auth-user"),
    HeaderName::from_static("tokens"),
];

/// The API key that a request names in Judge0's way.
#[must_use]
pub fn key(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    named(TOKEN, headers, &Params::of_query(uri))
}

fn named(name: &str, headers: &HeaderMap, params: &Params) -> Option<String> {
    match headers.get(name) {
        Some(value) => value.to_str().ok().map(str::to_owned),
        None => params.text(name).map(str::to_owned),
    }
}

/// Lets a client see all of its submissions: it names its key a second time, as a user. Where there are no keys nobody is
/// told from others, and nobody may.
pub fn authorized(app: &App, client: &Client, headers: &HeaderMap, params: &Params) -> Result<(), Refusal> {
    let is_own = named(USER, headers, params).is_some_and(|key| app.clients.is_key_of(&key, client));
    if is_own { Ok(()) } else { Err(Refusal::Head(StatusCode::FORBIDDEN)) }
}

/// `POST /authenticate`: whoever comes so far is.
pub async fn authenticate() -> Response {
    head(StatusCode::OK)
}

/// `POST /authorize`.
///
/// # Errors
/// The client is not.
pub async fn authorize(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Refusal> {
    authorized(&app, &client, request.headers(), &Params::of_query(request.uri()))?;
    Ok(head(StatusCode::OK))
}
