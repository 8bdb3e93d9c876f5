//! What a request says, in its query and in its body alike.

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::Refusal;
use super::fields::Fields;

/// The parameters of a request by their names; those of the body count before those of the query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(Map<String, Value>);

impl Params {
    /// Those of a request without a body.
    pub fn of(parts: &Parts) -> Self {
        Self::of_query(&parts.uri)
    }

    /// Those of a query.
    pub fn of_query(uri: &Uri) -> Self {
        Self(form(uri.query().unwrap_or_default().as_bytes()))
    }

    /// Those of a request with a body. One of a type that holds no parameters has none.
    ///
    /// # Errors
    /// JSON that is none.
    pub fn of_body(parts: &Parts, body: &Bytes) -> Result<Self, Refusal> {
        let Self(mut all) = Self::of(parts);
        all.extend(match kind(&parts.headers) {
            Kind::Json if body.trim_ascii().is_empty() => Map::new(),
            Kind::Json => match serde_json::from_slice(body) {
                Ok(Value::Object(object)) => object,
                Ok(_) => Map::new(),
                Err(_) => return Err(Refusal::by_framework(StatusCode::BAD_REQUEST, &parts.headers)),
            },
            Kind::Form => form(body),
            Kind::Other => Map::new(),
        });
        Ok(Self(all))
    }

    /// A part of a request that holds parameters of its own.
    pub fn of_part(part: &Value) -> Self {
        Self(part.as_object().cloned().unwrap_or_default())
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A parameter that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Whether a parameter is given as `true`, which is text in a query; nothing else turns a switch on.
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The parts of a submission that the answer is to have.
    ///
    /// # Errors
    /// There are no parts of such names.
    pub fn fields(&self) -> Result<Fields, Refusal> {
        Fields::read(self.text("fields").unwrap_or_default())
            .map_err(|names| Refusal::bad(format!("invalid fields: [{names}]")))
    }
}

enum Kind {
    Json,
    Form,
    Other,
}

fn kind(headers: &HeaderMap) -> Kind {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    if ["application/json", "text/x-json", "application/jsonrequest"].into_iter().any(is) {
        Kind::Json
    } else if is("application/x-www-form-urlencoded") {
        Kind::Form
    } else {
        Kind::Other
    }
}

fn form(text: &[u8]) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(text);
    pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use axum::http::request::Parts;
    use bytes::Bytes;

    use super::Params;

    fn parts(query: &str, kind: &str) -> Parts {
        let request = Request::post(format!("/submissions?{query}")).header("content-type", kind);
        request.body(Body::empty()).expect("a request").into_parts().0
    }

    #[test]
    fn parameters_stand_in_the_query_and_in_the_body() {
        let parts = parts("wait=true&stdin=a%20b", "application/json; charset=utf-8");
        let params = Params::of_body(&parts, &Bytes::from_static(br#"{"stdin": "c", "language_id": 71}"#));
        let params = params.expect("it is JSON");
        assert!(params.is_on("wait") && !params.is_on("base64_encoded"));
        assert_eq!((params.text("stdin"), params.get("language_id")), (Some("c"), Some(&71.into())));
        assert_eq!(Params::of(&parts).text("stdin"), Some("a b"));
    }

    #[test]
    fn a_body_is_read_by_its_type() {
        let read = |kind, body| Params::of_body(&parts("", kind), &Bytes::from_static(body));
        let form = read("application/x-www-form-urlencoded", b"source_code=print(1)&language_id=71").expect("a form");
        assert_eq!((form.text("source_code"), form.text("language_id")), (Some("print(1)"), Some("71")));
        for (kind, body) in
            [("text/plain", &b"{\"stdin\": 1}"[..]), ("application/json", b""), ("application/json", b"[1]")]
        {
            assert_eq!(read(kind, body).expect("it is read"), Params::default(), "{kind}");
        }
        assert!(read("application/json", b"{").is_err());
    }
}
