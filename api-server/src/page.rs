//! The page at `/`, and the one at `/embed` for the frames of other pages. They are part of the binary, so that they are
//! there wherever the server is. What stands in `static` is made of `page/` and never changed by hand.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::compression::CompressionLayer;

/// What an answer that is no page may load and do in a browser: next to nothing, in nobody's frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What the pages may load and do: their own files and their own server, nothing inline, no text made into markup or
/// script. Pictures that programs have drawn are shown from memory. Who may frame them is said behind it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data: blob:; worker-src 'self'; form-action 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'; trusted-types locus; frame-ancestors";

/// A file with a hash of its content in its name.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// A browser asks again each time, so that the page is never older than the server.
const ASK_AGAIN: &str = "no-cache";

#[derive(RustEmbed)]
#[folder = "static"]
struct Files;

/// Who may show `/embed` in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// Any page: a program runs only when somebody presses Run in the frame.
    Anyone,
    /// This server's own pages. Where programs run on the machine of whoever looks at it, another page could lead them to
    /// press.
    OwnPage,
}

/// The pages' routes.
///
/// # Panics
/// Never: what is listed is there.
pub fn routes<S: Clone + Send + Sync + 'static>(frames: Frames) -> Router<S> {
    let files = Files::iter().fold(Router::new(), |router, name| {
        let file = Files::get(&name).expect("it is listed");
        let page = Arc::new(Page::new(&name, file, frames));
        router.route(&path(&name), get(async move |asked: HeaderMap| page.answer(&asked)))
    });
    files.layer(CompressionLayer::new())
}

fn path(name: &str) -> String {
    match name {
        "index.html" => "/".to_owned(),
        "embed.html" => "/embed".to_owned(),
        name => format!("/{name}"),
    }
}

/// A file and what is said about it.
#[derive(Debug)]
struct Page {
    content: &'static [u8],
    kind: &'static str,
    caching: &'static str,
    tag: HeaderValue,
    policy: HeaderValue,
}

impl Page {
    fn new(name: &str, file: EmbeddedFile, frames: Frames) -> Self {
        let hash =
            file.metadata.sha256_hash()[..12].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let ancestors = match (name, frames) {
            ("embed.html", Frames::Anyone) => "*",
            ("embed.html", Frames::OwnPage) => "'self'",
            _ => "'none'",
        };
        let header = |text: &str| HeaderValue::from_str(text).expect("it is plain text");
        Self {
            content: match file.data {
                Cow::Borrowed(content) => content,
                Cow::Owned(content) => content.leak(),
            },
            kind: kind(name),
            caching: if name.starts_with("assets/") { IMMUTABLE } else { ASK_AGAIN },
            // A weak one: it is the same for the compressed forms.
            tag: header(&format!("W/\"{hash}\"")),
            policy: header(&format!("{PAGE_POLICY} {ancestors}")),
        }
    }

    fn answer(&self, asked: &HeaderMap) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static(self.caching)),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::ETAG, self.tag.clone()),
        ];
        let known = asked.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
        let tag = self.tag.to_str().unwrap_or_default();
        if known.split(',').any(|known| known.trim() == tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, self.content).into_response()
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
