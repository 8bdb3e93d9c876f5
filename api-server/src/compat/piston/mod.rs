//! `/api/v2`: the API of Piston, as its version 3.1.1 answers. What differs, and why, stands in `docs/compat.md`.
//!
//! [`body`] and [`job`] read a request and refuse it as Piston does, [`execute`] and [`connect`] run it, and [`stage`] says
//! what came of it.

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any, get, post};
use serde::Serialize;

use crate::answer::Problem;
use crate::app::App;
use crate::clients::admit;

pub mod body;
pub mod connect;
pub mod execute;
pub mod input;
pub mod job;
pub mod js;
pub mod packages;
pub mod refusal;
pub mod runtimes;
pub mod signals;
pub mod stage;

use refusal::Refusal;

/// Where the API is, as its own server has it.
const PATH: &str = "/api/v2";
/// Where it is as well, as the public server has it.
const PUBLIC_PATH: &str = "/api/v2/piston";
/// How Express names JSON.
const JSON: &str = "application/json; charset=utf-8";

/// The routes, each with a slash behind it or none.
pub fn routes(app: &App) -> Router<App> {
    let answered: [(&str, MethodRouter<App>); 4] = [
        ("runtimes", get(runtimes::list)),
        ("execute", post(execute::execute)),
        ("packages", get(packages::list).post(packages::install).delete(packages::uninstall)),
        ("connect", get(connect::connect)),
    ];
    let mut router = Router::new();
    for (path, methods) in answered {
        for prefix in [PATH, PUBLIC_PATH] {
            for end in ["", "/"] {
                router = router.route(&format!("{prefix}/{path}{end}"), methods.clone().fallback(nothing));
            }
        }
    }
    let rest = format!("{PATH}/{{*rest}}");
    router.route_layer(middleware::from_fn_with_state(app.clone(), admit)).route(&rest, any(nothing))
}

/// Whether a path is one of the API, also where there is nothing at it.
#[must_use]
pub fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A problem as Piston tells it. It knows no wrong method: what it has no answer to is not there.
#[must_use]
pub fn told(problem: Problem) -> Response {
    let (status, message) = match problem {
        Problem { reason: "NotFound" | "MethodNotAllowed", .. } => (StatusCode::NOT_FOUND, "Not Found".to_owned()),
        Problem { status, every: Some(every), .. } => {
            (status, format!("Requests limited to 1 per {}ms", every.as_millis()))
        }
        Problem { status, message, .. } => (status, message),
    };
    let mut response = json(status, &Message { message });
    response.headers_mut().extend(problem.headers);
    response
}

/// What Piston says when something is wrong.
#[derive(Debug, Serialize)]
struct Message {
    message: String,
}

/// An answer in JSON.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // What is answered has no form that JSON lacks.
    let text = serde_json::to_vec(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, JSON)], text).into_response()
}

async fn nothing(method: Method, headers: HeaderMap) -> Refusal {
    let may_have_no_type = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    if may_have_no_type || body::is_json(&headers) {
        Problem::new(StatusCode::NOT_FOUND, "NotFound", "Not Found").into()
    } else {
        Refusal::NotJson
    }
}
