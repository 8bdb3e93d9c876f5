//! `POST /execute`: runs a program and answers with its output.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use locus_core::{Outcome, Run, RunRequest, view};

use crate::answer::{Output, Problem};
use crate::app::App;
use crate::backend::{Client, Order};
use crate::body;
use crate::openapi::ExecuteRefusals;
use crate::sending::Texts;
use crate::taking::run;

/// Runs a program and waits for it. Nothing is kept of it behind the answer.
///
/// # Errors
/// Why there is no result.
#[utoipa::path(
    post, path = "/execute", tag = "execute", operation_id = "execute",
    request_body(content = RunRequest, example = json!({"language": "python", "code": "print(6 * 7)"})),
    responses(
        (status = 200, description = "What the program wrote, whatever it did.", body = Output,
            example = json!({"stdout": "42\n", "stderr": "", "error": ""})),
        ExecuteRefusals,
    ),
)]
pub async fn execute(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    body: Body,
) -> Result<Response, Problem> {
    let (request, _) = body::read(body).await?;
    if request.interactive {
        let message = "interactive has no use here, where nobody can send input: POST the run to /api/v1/runs";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", message));
    }
    let order = Order { request, client, once: None, keep_seconds: 0, note: None };
    Ok(answer(run(&app, order).await?))
}

/// The answer for a run: 200 whatever the program did, since the request was served.
fn answer(run: Run) -> Response {
    let status = match run.outcome {
        Some(Outcome::UnknownLanguage | Outcome::InvalidRequest) => StatusCode::BAD_REQUEST,
        Some(outcome) if outcome.is_platform_failure() => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    // A compiler that refuses a program has the word.
    let (mut stdout, mut stderr) = match (run.outcome, run.compile) {
        (Some(Outcome::CompileFailed), Some(compile)) => (compile.stdout, compile.stderr),
        _ => (text(run.stdout, run.stdout_base64), text(run.stderr, run.stderr_base64)),
    };
    let mut texts = Texts::default();
    texts.put(&mut stdout);
    texts.put(&mut stderr);
    (status, texts.answer(&Output { stdout, stderr, error: run.error })).into_response()
}

/// Output as text; only what is no UTF-8 is replaced.
#[must_use]
pub fn text(text: Option<String>, base64: Option<String>) -> String {
    match (text, base64) {
        (_, Some(base64)) => {
            let bytes = view::bytes(None, Some(&base64)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        (text, None) => text.unwrap_or_default(),
    }
}
