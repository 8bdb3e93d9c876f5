//! The front door's routes and what lies around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{NO_STORE, Problem, name_requests};
use crate::backend::Backend;
use crate::body::BODIES_BYTES_MAX;
use crate::callback::Callbacks;
use crate::clients::{Clients, admit};
use crate::events::LAST_EVENT_ID;
use crate::metrics::Metrics;
use crate::page::Frames;
use crate::pages::Pages;
use crate::runs::IDEMPOTENCY_KEY;
use crate::sending::ANSWERS_BYTES_MAX;
use crate::serve::Beyond;
use crate::shares::Room;
use crate::{compat, events, execute, openapi, ops, page, runs, stdin};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What is said of a path that leads nowhere.
pub const NOTHING_HERE: &str = "there is nothing at this path";
/// Browsers keep the answer to a preflight this long.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

/// What every route shares.
#[derive(Clone)]
pub struct App {
    /// Where programs run.
    pub backend: Arc<dyn Backend>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who may ask, and how often.
    pub clients: Arc<Clients>,
    /// What tells clients that their runs have ended, where they ask for it.
    pub callbacks: Option<Arc<Callbacks>>,
    /// Room for bodies that are being read.
    pub bodies: Arc<Room>,
    /// Room for answers that have not gone out.
    pub answers: Arc<Room>,
    draining: Arc<AtomicBool>,
    pages: Pages,
}

impl App {
    /// A front door to a backend.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            metrics: Arc::default(),
            clients: Arc::default(),
            callbacks: None,
            bodies: Room::new(BODIES_BYTES_MAX),
            answers: Room::new(ANSWERS_BYTES_MAX),
            draining: Arc::default(),
            pages: Pages::default(),
        }
    }

    /// Serves these clients alone.
    #[must_use]
    pub fn with_clients(self, clients: Clients) -> Self {
        Self { clients: Arc::new(clients), ..self }
    }

    /// Refuses what these callbacks would, and counts what they do.
    #[must_use]
    pub fn with_callbacks(self, callbacks: Arc<Callbacks>) -> Self {
        Self { metrics: callbacks.metrics.clone(), callbacks: Some(callbacks), ..self }
    }

    /// Lets these web pages call and no others. Where programs run on somebody's own machine, any page that they visit
    /// could otherwise start one.
    #[must_use]
    pub fn for_pages(self, pages: Pages) -> Self {
        Self { pages, ..self }
    }

    /// From now on the server tells that it is shutting down.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// All routes. `origins` are the web pages that may call them.
pub fn router(app: App, origins: AllowOrigin) -> Router {
    let own_headers = [header::CONTENT_TYPE, header::AUTHORIZATION, IDEMPOTENCY_KEY, LAST_EVENT_ID, REQUEST_ID];
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(own_headers.into_iter().chain(compat::request_headers()).collect::<Vec<_>>())
        .expose_headers([header::LOCATION, header::RETRY_AFTER, REQUEST_ID, compat::mcp::SESSION_ID])
        .max_age(PREFLIGHT_MAX_AGE);
    let frames = if app.pages.is_own_alone() { Frames::OwnPage } else { Frames::Anyone };
    let (routes, document) = documented(&app).split_for_parts();
    // The last layer is the first one that a request meets.
    routes
        .merge(compat::piston::routes(&app))
        .merge(compat::judge0::routes(&app))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, NO_STORE))
        .merge(openapi::routes(openapi::finished(document)))
        .merge(page::routes(frames))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), refuse_other_pages))
        .layer(middleware::from_fn(refuse_beyond_number))
        .layer(middleware::from_fn(name_requests))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .layer(cors)
        // A file that a program has left has a stricter one.
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(page::CONTENT_SECURITY_POLICY),
        ))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "no-referrer"))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(middleware::from_fn(drop_odd_request_id))
        .with_state(app)
}

/// The routes of the HTTP API, each with its part of the document.
fn documented(app: &App) -> OpenApiRouter<App> {
    let runs = OpenApiRouter::new()
        .routes(routes!(runs::create, runs::list))
        .routes(routes!(runs::get, runs::cancel))
        .routes(routes!(events::events))
        .routes(routes!(stdin::send, stdin::connect))
        .routes(routes!(runs::file));
    let for_clients = OpenApiRouter::new()
        .routes(routes!(execute::execute))
        .nest(runs::PATH, runs)
        .routes(routes!(ops::languages))
        // Those who speak these know them already: they have no part in the document.
        .merge(compat::mcp::routes(app).into())
        .merge(compat::librechat::routes().into())
        .route_layer(middleware::from_fn_with_state(app.clone(), admit));
    OpenApiRouter::with_openapi(openapi::base())
        .merge(for_clients)
        .routes(routes!(ops::healthz))
        .routes(routes!(ops::readyz))
        .routes(routes!(ops::metrics))
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NotFound", NOTHING_HERE)
}

async fn method_not_allowed() -> Problem {
    let message = "this path does not answer to this method; the Allow header says which it takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}

async fn refuse_other_pages(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.pages.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => Problem::new(StatusCode::FORBIDDEN, "ForeignOrigin", error.to_string()).into_response(),
    }
}

/// Answers who asks how the server is, and nobody else, on a connection beyond the number of them.
async fn refuse_beyond_number(request: Request, next: Next) -> Response {
    if request.extensions().get::<Beyond>().is_none() || ops::PATHS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let message = "too many connections are open, or too many of yours: try again in a second";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Crowded", message).with(header::RETRY_AFTER, 1).into_response()
}

/// Counts requests and logs their ends: the route, never the path as it was typed, and nothing of the body.
async fn observe(
    State(app): State<App>,
    Extension(id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let _counted = app.metrics.request();
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    tracing::debug!(
        http.method = %method,
        http.route = route.as_ref().map_or("none", MatchedPath::as_str),
        http.status = response.status().as_u16(),
        request.id = id.header_value().to_str().unwrap_or_default(),
        duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered",
    );
    response
}

/// Takes away a client's own request id that is no plain word: it stands in logs and answers.
async fn drop_odd_request_id(mut request: Request, next: Next) -> Response {
    let plain = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    if !request.headers().get(REQUEST_ID).is_some_and(plain) {
        request.headers_mut().remove(REQUEST_ID);
    }
    next.run(request).await
}
