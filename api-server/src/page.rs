//! The page at `/`. It is part of the binary, so that it is there wherever the server is.

use axum::Router;
use axum::http::header;
use axum::routing::get;

/// What the page may load and do: its own files and its own server, nothing inline, in nobody's frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("../static/index.html")),
    ("/app.js", "text/javascript; charset=utf-8", include_str!("../static/app.js")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../static/style.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../static/icon.svg")),
];

/// The page's routes.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        // A browser asks again each time, so that the page is never older than the server.
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
        router.route(path, get(move || async move { (headers, content) }))
    })
}
