//! Which web pages may call the server. Browsers name the page that makes a request in `Origin`, save where it is the
//! server's own; what is refused here is refused whatever CORS would let the page see of the answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The web pages that may call.
#[derive(Debug, Clone, Default)]
pub enum Pages {
    /// Any page.
    #[default]
    Anyone,
    /// The server's own page, and pages of these origins.
    These {
        /// A scheme and a host, as browsers write them.
        origins: Vec<HeaderValue>,
        /// Whether programs run on the machine of whoever looks at the page: then a name that somebody else lets point
        /// to it is not this server's.
        on_this_machine: bool,
    },
}

/// Why a request is refused. Each message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// Another page makes it.
    #[error("other web pages may not run programs here: allow one with --cors-origin")]
    Page,
    /// It goes to a name that is not known for this machine's.
    #[error("this server is called by an address or as localhost: allow a name with --cors-origin http://NAME:PORT")]
    Host,
}

impl Pages {
    /// Checks who makes a request. Scripts send no `Origin` and are not asked for one.
    ///
    /// # Errors
    /// When a page makes it that may not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Foreign> {
        let Self::These { origins, on_this_machine } = self else { return Ok(()) };
        let host = text(headers, &header::HOST);
        let is_listed = |origin: &str| origins.iter().any(|listed| listed == origin);
        let has_own_name = host.is_none_or(|host| {
            !on_this_machine
                || is_plain(host)
                || ["http", "https"].iter().any(|scheme| is_listed(&format!("{scheme}://{host}")))
        });
        if !has_own_name {
            return Err(Foreign::Host);
        }
        let is_own = |origin: &str| host.is_some() && origin.split_once("://").map(|(_, name)| name) == host;
        match (headers.contains_key(header::ORIGIN), text(headers, &header::ORIGIN)) {
            (false, _) => Ok(()),
            (true, Some(origin)) if is_own(origin) || is_listed(origin) => Ok(()),
            (true, _) => Err(Foreign::Page),
        }
    }

    /// Whether it is the server's own page alone that may call.
    #[must_use]
    pub fn is_own_alone(&self) -> bool {
        matches!(self, Self::These { origins, .. } if origins.is_empty())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether a host is an address or `localhost`, which nobody can let point elsewhere.
fn is_plain(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Foreign, Pages};

    fn check(pages: &Pages, host: &str, origin: Option<&str>) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(host).expect("a header"));
        if let Some(origin) = origin {
            headers.insert("origin", HeaderValue::from_str(origin).expect("a header"));
        }
        pages.check(&headers)
    }

    fn these(origins: &[&'static str], on_this_machine: bool) -> Pages {
        Pages::These {
            origins: origins.iter().map(|origin| HeaderValue::from_static(origin)).collect(),
            on_this_machine,
        }
    }

    #[test]
    fn on_somebodys_machine_no_other_page_and_no_borrowed_name_gets_through() {
        let own = these(&[], true);
        for host in ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000", "10.0.0.7"] {
            assert_eq!(check(&own, host, None), Ok(()), "{host}");
            assert_eq!(check(&own, host, Some(&format!("http://{host}"))), Ok(()), "{host}");
        }
        for origin in ["https://evil.example", "null", "http://localhost:3000", ""] {
            assert_eq!(check(&own, "127.0.0.1:8000", Some(origin)), Err(Foreign::Page), "{origin}");
        }
        // A name that its owner lets point to this machine: a browser takes it for the page's own and may name no origin.
        assert_eq!(check(&own, "evil.example:8000", None), Err(Foreign::Host));
        assert_eq!(check(&own, "evil.example:8000", Some("http://evil.example:8000")), Err(Foreign::Host));
        assert_eq!(check(&own, "127.0.0.1.evil.example", None), Err(Foreign::Host));
    }

    #[test]
    fn pages_that_are_named_get_through_and_no_others() {
        let listed = these(&["https://good.example", "http://box:8000"], true);
        assert_eq!(check(&listed, "127.0.0.1:8000", Some("https://good.example")), Ok(()));
        assert_eq!(check(&listed, "127.0.0.1:8000", Some("https://evil.example")), Err(Foreign::Page));
        assert_eq!(check(&listed, "evil.example:8000", Some("http://evil.example:8000")), Err(Foreign::Host));
        assert_eq!(check(&listed, "box:8000", Some("http://box:8000")), Ok(()));
        assert_eq!(check(&listed, "box:8000", None), Ok(()));
    }

    #[test]
    fn a_server_for_others_goes_by_any_name() {
        let listed = these(&["https://good.example"], false);
        for (origin, answer) in [
            (None, Ok(())),
            (Some("https://locus.example"), Ok(())),
            (Some("https://good.example"), Ok(())),
            (Some("https://evil.example"), Err(Foreign::Page)),
        ] {
            assert_eq!(check(&listed, "locus.example", origin), answer, "{origin:?}");
        }
        assert_eq!(check(&Pages::Anyone, "x", Some("https://evil.example")), Ok(()));
    }
}
