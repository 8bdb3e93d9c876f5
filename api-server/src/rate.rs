//! How often each client may ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Clients that are told apart. Were there more, the memory for them would be in the hands of whoever has addresses.
const CLIENTS_MAX: usize = 50_000;
/// How often those are forgotten that have not asked for a while.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// A client, as far as its rate and its share of what there is go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    /// One with an API key, by the key's name.
    Key(String),
    /// One with an address.
    V4(Ipv4Addr),
    /// One with a network: with IPv6, whoever has one address has 2^64.
    V6([u16; 4]),
    /// One whose address is not known, or one too many to be told apart.
    Other,
}

impl Asker {
    /// Who is at an address.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// The rate of each client.
#[derive(Debug)]
pub struct Rate {
    limiter: Option<DefaultKeyedRateLimiter<Asker>>,
    trusted: Vec<IpNet>,
    swept: Mutex<Instant>,
}

impl Rate {
    /// A number of requests a minute for each client, or any number; `trusted` are the proxies whose word on a client's
    /// address is taken.
    #[must_use]
    pub fn new(requests_per_minute: Option<NonZeroU32>, trusted: Vec<IpNet>) -> Self {
        let limiter = requests_per_minute.map(|most| DefaultKeyedRateLimiter::keyed(Quota::per_minute(most)));
        Self { limiter, trusted, swept: Mutex::new(Instant::now()) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When there may be the next one.
    pub fn ask(&self, asker: &Asker) -> Result<(), TooOften> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        self.sweep(limiter);
        // Keys are few, and who has one is not to wait for strangers.
        let has_place = limiter.len() < CLIENTS_MAX || matches!(asker, Asker::Key(_));
        let asker = if has_place { asker } else { &Asker::Other };
        limiter.check_key(asker).map_err(|until| TooOften::from(&until))
    }

    fn sweep(&self, limiter: &DefaultKeyedRateLimiter<Asker>) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.elapsed() < SWEEP_EVERY {
            return;
        }
        *swept = Instant::now();
        drop(swept);
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }

    /// Who asks, by the address that the request comes from or, where that is a trusted proxy's, by its word.
    #[must_use]
    pub fn asker(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Asker {
        peer.map_or(Asker::Other, |peer| Asker::at(self.origin(peer.ip().to_canonical(), headers)))
    }

    /// The last address in the chain of proxies that nobody trusted has written: those before it are the client's own
    /// words.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: IpAddr| self.trusted.iter().any(|network| network.contains(&address));
        let chain: Vec<&str> =
            headers.get_all(FORWARDED_FOR).iter().flat_map(|value| value.to_str().unwrap_or("?").split(',')).collect();
        let mut origin = peer;
        for hop in chain.iter().rev() {
            if !trusted(origin) {
                break;
            }
            let Some(address) = address(hop.trim()) else { break };
            origin = address;
        }
        origin
    }
}

/// Counts a request of a key that has a rate of its own.
///
/// # Errors
/// When there may be the next one.
pub fn ask(rate: &DefaultDirectRateLimiter) -> Result<(), TooOften> {
    rate.check().map_err(|until| TooOften::from(&until))
}

/// A client has asked more often than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften {
    /// The seconds until there may be the next request.
    pub seconds: u32,
    /// How far apart requests may come for ever.
    pub every: Duration,
}

impl From<&NotUntil<<DefaultClock as Clock>::Instant>> for TooOften {
    fn from(until: &NotUntil<<DefaultClock as Clock>::Instant>) -> Self {
        let wait = until.wait_time_from(DefaultClock::default().now());
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        Self { seconds, every: until.quota().replenish_interval() }
    }
}

/// An address, perhaps with a port, as proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = plain.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use axum::http::{HeaderMap, HeaderValue};

    use super::{Asker, CLIENTS_MAX, Rate};

    fn rate(most: u32, trusted: &[&str]) -> Rate {
        Rate::new(NonZeroU32::new(most), trusted.iter().map(|network| network.parse().expect("a network")).collect())
    }

    fn v4(address: &str) -> Asker {
        Asker::V4(address.parse().expect("an address"))
    }

    #[test]
    fn one_client_does_not_use_up_another_ones_rate() {
        let rate = rate(2, &[]);
        let (a, b) = (v4("192.0.2.1"), Asker::Key("b".into()));
        assert_eq!([rate.ask(&a), rate.ask(&a)], [Ok(()), Ok(())]);
        let wait = rate.ask(&a).expect_err("it has asked twice");
        assert!((29..=31).contains(&wait.seconds) && wait.every.as_secs() == 30, "{wait:?}");
        assert_eq!(rate.ask(&b), Ok(()));
    }

    #[test]
    fn no_rate_lets_all_through() {
        let rate = rate(0, &[]);
        assert!((0..10_000).all(|_| rate.ask(&Asker::Other).is_ok()));
    }

    #[test]
    fn clients_beyond_number_are_counted_as_one() {
        let rate = rate(1, &[]);
        let many = u32::try_from(CLIENTS_MAX).expect("it fits") + 10;
        let refused = (0..many).filter(|&number| rate.ask(&Asker::V4(number.into())).is_err()).count();
        assert_eq!(refused, 9);
        assert!(rate.limiter.expect("there is one").len() <= CLIENTS_MAX + 1);
    }

    #[test]
    fn a_client_is_who_the_last_trusted_proxy_says() {
        let six = |text: &str| {
            let [a, b, c, d, ..] = text.parse::<std::net::Ipv6Addr>().expect("an address").segments();
            Asker::V6([a, b, c, d])
        };
        for (peer, forwarded, expected) in [
            ("192.0.2.7:1", &[][..], v4("192.0.2.7")),
            ("[::ffff:192.0.2.7]:1", &[], v4("192.0.2.7")),
            ("[2001:db8:1:2:3::4]:1", &[], six("2001:db8:1:2::")),
            ("192.0.2.7:1", &["198.51.100.1"], v4("192.0.2.7")),
            ("10.0.0.1:1", &["198.51.100.1"], v4("198.51.100.1")),
            ("10.0.0.1:1", &["203.0.113.9, 198.51.100.1, 10.0.0.2"], v4("198.51.100.1")),
            ("10.0.0.1:1", &["203.0.113.9", "198.51.100.1"], v4("198.51.100.1")),
            ("10.0.0.1:1", &["198.51.100.1:4711"], v4("198.51.100.1")),
            ("10.0.0.1:1", &["[2001:db8::1]:80"], six("2001:db8::")),
            ("10.0.0.1:1", &["[2001:db8::1]"], six("2001:db8::")),
            ("10.0.0.1:1", &["198.51.100.1, unknown"], v4("10.0.0.1")),
            ("10.0.0.1:1", &["10.0.0.3"], v4("10.0.0.3")),
            ("10.0.0.1:1", &[], v4("10.0.0.1")),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_static(value));
            }
            let asker = rate(1, &["10.0.0.0/8"]).asker(Some(peer.parse().expect("an address")), &headers);
            assert_eq!(asker, expected, "{peer} {forwarded:?}");
        }
        assert_eq!(rate(1, &[]).asker(None, &HeaderMap::new()), Asker::Other);
    }
}
