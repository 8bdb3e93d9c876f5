//! The document of the HTTP API, which follows from the handlers, and the page that shows it.
//!
//! What a handler answers when all goes well stands beside it. How it may refuse is told here, so that the same refusal
//! reads the same everywhere.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::{HeaderValue, header};
use serde_json::json;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr};
use utoipa::{IntoResponses, OpenApi, PartialSchema as _, ToSchema};
use utoipa_swagger_ui::SwaggerUi;

use crate::answer::{Output, ProblemBody};

/// A Server-Sent Event of a run, line by line.
#[derive(Debug, ToSchema)]
pub struct ServerSentEvent {
    /// `state`, `stdout`, `stderr`, `caseStarted`, `caseEnded`, `file` or `finished`.
    pub event: String,
    /// The place behind it.
    pub id: String,
    /// One JSON object.
    pub data: String,
}

/// Where the document is.
pub const DOCUMENT_PATH: &str = "/openapi.json";
/// Where the page is that shows it.
pub const PAGE_PATH: &str = "/docs";
/// The page draws with styles and images that stand in it; all else is as on the other page.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
const KEY_SCHEME: &str = "apiKey";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Locus",
        description = "Runs programs in a sandbox: `POST /api/v1/runs` takes one, its events tell what it does, and \
                       `POST /execute` waits for a short one.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Output, ProblemBody)),
    tags(
        (name = "runs", description = "Programs that are run, and what comes of them."),
        (name = "execute", description = "A program that is run while the client waits."),
        (name = "server", description = "What this server is and how it does."),
    ),
)]
struct Base;

/// The document without any route.
#[must_use]
pub fn base() -> Document {
    Base::openapi()
}

/// The document of routes, as clients get it.
#[must_use]
pub fn finished(mut document: Document) -> Document {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(KEY_SCHEME, scheme);
    if let Some(RefOr::T(Schema::AllOf(case))) = components.schemas.get_mut("CaseView") {
        // A case that was not run has no end at all; said with "null", it would be no object.
        let no_end = ObjectBuilder::new().build();
        let end = AnyOfBuilder::new().item(Ref::from_schema_name("CaseEnd")).item(no_end).build();
        case.items[0] = RefOr::T(Schema::AnyOf(end));
    }
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        // What is for readers of the code.
        let text = operation.description.take().unwrap_or_default();
        let text = text.split("# Errors").next().unwrap_or_default().trim();
        if operation.responses.responses.contains_key("401") {
            // A server without keys asks for none.
            let none = SecurityRequirement::default();
            operation.security = Some(vec![none, SecurityRequirement::new(KEY_SCHEME, Vec::<String>::new())]);
        }
        operation.description = (!text.is_empty()).then(|| text.to_owned());
    }
    // The router's mark of a part that may hold slashes is not the document's.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten()
}

/// The routes of the document and of its page, whose files are part of the binary.
pub fn routes<S: Clone + Send + Sync + 'static>(document: Document) -> Router<S> {
    let policy =
        SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    Router::from(SwaggerUi::new(PAGE_PATH).url(DOCUMENT_PATH, document)).layer(policy)
}

/// A status and what it may mean: the reason, and a message.
type Refusal = (u16, &'static str, &'static str);

const OPEN: [Refusal; 1] =
    [(403, "ForeignOrigin", "other web pages may not run programs on this machine: allow one with --cors-origin")];
const ANY: [Refusal; 3] = [
    (401, "Unauthorized", "this server asks for an API key: send the header Authorization: Bearer <key>"),
    (429, "RateLimited", "you ask too often: try again in 2 s"),
    (503, "Crowded", "too many connections are open, or too many of yours: try again in a second"),
];
const BODY: [Refusal; 4] = [
    (400, "BodyIncomplete", "the request's body broke off"),
    (408, "BodyTimeout", "the request's body took too long to arrive"),
    (413, "BodyTooLarge", "the request is larger than 1048576 bytes"),
    (415, "UnsupportedEncoding", "bodies are read as they come: send this one without Content-Encoding: gzip"),
];
const TAKING: [Refusal; 9] = [
    (400, "InvalidJson", "the request is not valid JSON: expected value at line 2 column 15"),
    (400, "UnknownField", "unknown field `lenguage` at line 1 column 11: did you mean `language`?"),
    (400, "InvalidRequest", "give exactly one of code and files"),
    (400, "UnknownLanguage", "language \"klingon\" is not known; choose one of: python, javascript"),
    (429, "QueueFull", "too many runs are waiting: try again in 1 s"),
    (429, "TooManyRuns", "2 of your runs go on, and there may be no more at one time: wait for the end of one"),
    (500, "RunnerFailed", "the runner can't be started"),
    (503, "Draining", "the server is shutting down"),
    (503, "Unavailable", "the cluster can't be reached"),
];
const WAITING: [Refusal; 1] = [(504, "NoResult", "the run has no result after 1200 s and was given up")];
const OF_ONE: [Refusal; 4] = [
    (400, "InvalidRequest", "the query can't be understood"),
    (404, "NotFound", "there is no run \"run-1\": it was never taken, or its time is over"),
    (500, "RunnerFailed", "the run can't be read"),
    (503, "Unavailable", "the cluster can't be reached"),
];
const POSITION: [Refusal; 1] = [(
    400,
    "InvalidPosition",
    "\"first\" is no such place in the events of a run: send the id of the last event that came",
)];
const ONCE: [Refusal; 3] = [
    (400, "InvalidIdempotencyKey", "an Idempotency-Key is 1 to 255 visible ASCII characters"),
    (
        410,
        "ResultGone",
        "the run of this Idempotency-Key is over, and its result is no longer kept: take a new key to run it again",
    ),
    (
        422,
        "IdempotencyKeyReused",
        "this Idempotency-Key was used for another request: send the same one, or take a new key",
    ),
];
const INPUT: [Refusal; 3] = [
    (409, "NoInput", "the run is over"),
    (409, "InputMissing", "input is missing before this: 4 bytes are taken by now, send what follows them"),
    (429, "InputFull", "the program does not read its input: at most 1048576 bytes are taken by now, try again"),
];
const SOCKET: [Refusal; 2] = [
    (409, "NoInput", "the run is over"),
    (426, "UpgradeRequired", "send input with POST, or connect with a WebSocket"),
];
const LISTING: [Refusal; 2] =
    [(400, "InvalidRequest", "limit=0 must be from 1 to 100"), (503, "Unavailable", "the cluster can't be reached")];

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $form:ty = $($refusals:expr),+;)+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses::<$form>([$(&$refusals[..]),+].concat())
            }
        }
    )+};
}

refusals! {
    /// How `POST /execute` refuses.
    ExecuteRefusals: Output = ANY, OPEN, BODY, TAKING, WAITING;
    /// How `POST /api/v1/runs` refuses.
    CreateRefusals: ProblemBody = ANY, OPEN, BODY, TAKING, ONCE;
    /// How routes of one run refuse.
    RunRefusals: ProblemBody = ANY, OPEN, OF_ONE;
    /// How the events of a run refuse.
    WatchRefusals: ProblemBody = ANY, OPEN, OF_ONE, POSITION;
    /// How the list of runs refuses.
    ListRefusals: ProblemBody = ANY, OPEN, LISTING;
    /// How the input of a run refuses.
    InputRefusals: ProblemBody = ANY, OPEN, BODY, OF_ONE, INPUT;
    /// How a WebSocket to a run refuses.
    SocketRefusals: ProblemBody = ANY, OPEN, OF_ONE, SOCKET;
    /// How a route refuses that has no refusals of its own.
    AnyRefusals: ProblemBody = ANY, OPEN;
    /// How a route refuses that needs no key.
    OpenRefusals: ProblemBody = OPEN;
}

/// An answer for each status, with an example for each reason.
fn responses<T: ToSchema + Form>(refusals: Vec<Refusal>) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Refusal>> = BTreeMap::new();
    for refusal in refusals {
        by_status.entry(refusal.0).or_default().push(refusal);
    }
    by_status
        .into_iter()
        .map(|(status, refusals)| (status.to_string(), RefOr::T(response::<T>(status, &refusals))))
        .collect()
}

fn response<T: ToSchema + Form>(status: u16, refusals: &[Refusal]) -> Response {
    let reasons: Vec<_> = refusals.iter().map(|(_, reason, _)| format!("`{reason}`")).collect();
    let examples = refusals.iter().map(|(_, reason, message)| {
        let example = utoipa::openapi::example::ExampleBuilder::new().value(Some(T::example(reason, message))).build();
        ((*reason).to_owned(), RefOr::T(example))
    });
    let schema = Ref::from_schema_name(T::name());
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    let mut response = ResponseBuilder::new().description(reasons.join(", ")).content("application/json", content);
    let text =
        |description: &str| HeaderBuilder::new().schema(Some(String::schema())).description(Some(description)).build();
    if matches!(status, 429 | 503) {
        response = response.header("Retry-After", text("Seconds after which to try again."));
    }
    if status == 401 {
        response = response.header("WWW-Authenticate", text("How to authenticate."));
    }
    response.build()
}

/// The form in which a route refuses.
trait Form {
    fn example(reason: &str, message: &str) -> serde_json::Value;
}

impl Form for ProblemBody {
    fn example(reason: &str, message: &str) -> serde_json::Value {
        json!({ "reason": reason, "message": message, "requestId": "0b4b2f2e-5a3b-4a67-9a1c-3d1f0a8e7b55" })
    }
}

impl Form for Output {
    fn example(_: &str, message: &str) -> serde_json::Value {
        json!({ "stdout": "", "stderr": "", "error": message })
    }
}
