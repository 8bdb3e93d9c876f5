//! A span of time, as limits give it.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLIS: u64 = 1000;

/// A number of seconds: an integer, or a fraction that counts to the millisecond.
// In memory it is whole milliseconds, so that it can be compared, and added without a rest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = f64, minimum = 0, example = 1.5))]
pub struct Seconds(u64);

impl Seconds {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span that there is.
    pub const MAX: Self = Self::whole(u32::MAX);

    /// So many seconds.
    #[must_use]
    pub const fn whole(seconds: u32) -> Self {
        // No number is lost, which `From` can't say in a constant.
        Self(seconds as u64 * MILLIS)
    }

    /// So many milliseconds, or the longest span there is.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(millis).min(Self::MAX)
    }

    /// A number of seconds, or the longest span there is; what is finer than a millisecond counts as one more. `None` for
    /// what is less than nothing or no number.
    #[must_use]
    pub fn from_f64(seconds: f64) -> Option<Self> {
        if !seconds.is_finite() || seconds < 0.0 {
            return None;
        }
        // Not rounded up at once: 16.1 times 1000 is a little more than 16100.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to the maximum")]
        let nearest = Self((seconds.min(Self::MAX.as_f64()) * 1000.0).round() as u64);
        Some(if nearest.as_f64() < seconds { Self::from_millis(nearest.0 + 1) } else { nearest })
    }

    /// A number of seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "the maximum is far from 2^52")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Whole seconds, no fewer than these.
    #[must_use]
    pub fn rounded_up(self) -> u32 {
        u32::try_from(self.0.div_ceil(MILLIS)).unwrap_or(u32::MAX)
    }

    /// Both, one after the other, or the longest span there is.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self::from_millis(self.0.saturating_add(other.0))
    }

    /// So many of them, one after the other, or the longest span there is.
    #[must_use]
    pub fn saturating_mul(self, count: u32) -> Self {
        Self::from_millis(self.0.saturating_mul(count.into()))
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_millis(seconds.0)
    }
}

impl From<Duration> for Seconds {
    /// What is finer than a millisecond counts as one more, and what is too long is the longest span there is.
    fn from(duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Self::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shortest, as in JSON: 30, 1.5.
        self.as_f64().fmt(f)
    }
}

impl fmt::Debug for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} s")
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(MILLIS) {
            serializer.serialize_u64(self.0 / MILLIS)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Number)
    }
}

/// Reads both kinds of numbers.
struct Number;

impl Visitor<'_> for Number {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds such as 2 or 0.5")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
        Ok(Seconds::from_millis(seconds.saturating_mul(MILLIS)))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Seconds, E> {
        match u64::try_from(seconds) {
            Ok(seconds) => self.visit_u64(seconds),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(seconds), &self)),
        }
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
        Seconds::from_f64(seconds).ok_or_else(|| E::invalid_value(Unexpected::Float(seconds), &self))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::Seconds;

    fn read(number: &serde_json::Value) -> Result<Seconds, String> {
        serde_json::from_value(number.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn whole_seconds_are_written_as_integers_and_others_with_what_they_need() {
        for (millis, text) in [(0, "0"), (2000, "2"), (1500, "1.5"), (300, "0.3"), (1, "0.001"), (16_100, "16.1")] {
            let seconds = Seconds::from_millis(millis);
            assert_eq!(serde_json::to_string(&seconds).expect("it serializes"), text);
            assert_eq!(seconds.to_string(), text);
            assert_eq!(serde_json::from_str::<Seconds>(text).expect("it reads"), seconds);
        }
    }

    #[test]
    fn each_number_is_read_and_what_is_finer_than_a_millisecond_counts_as_one() {
        for (number, millis) in [
            (json!(30), 30_000),
            (json!(30.0), 30_000),
            (json!(16.1), 16_100),
            (json!(0.3), 300),
            (json!(0.3001), 301),
            (json!(1e-12), 1),
            (json!(-0.0), 0),
            (json!(86_400.001), 86_400_001),
            (json!(u64::MAX), u64::from(u32::MAX) * 1000),
            (json!(1e300), u64::from(u32::MAX) * 1000),
        ] {
            assert_eq!(read(&number), Ok(Seconds::from_millis(millis)), "{number}");
        }
    }

    #[test]
    fn what_is_no_span_of_time_is_refused_with_what_to_give() {
        for wrong in [json!(-1), json!(-0.001), json!("3"), json!(null), json!(true)] {
            let error = read(&wrong).expect_err("it is no time");
            assert!(error.contains("a number of seconds such as 2 or 0.5"), "{error}");
        }
        assert_eq!([f64::NAN, f64::INFINITY, -1.0].map(Seconds::from_f64), [None; 3]);
    }

    #[test]
    fn sums_stay_within_what_there_is_and_whole_seconds_have_room_for_all() {
        let half = Seconds::from_millis(500);
        assert_eq!(half.saturating_mul(3).saturating_add(Seconds::whole(1)), Seconds::from_millis(2500));
        assert_eq!(Seconds::MAX.saturating_add(half), Seconds::MAX);
        assert_eq!(Seconds::whole(2).saturating_mul(u32::MAX), Seconds::MAX);
        assert_eq!(
            [Seconds::ZERO, half, Seconds::whole(1), Seconds::MAX].map(Seconds::rounded_up),
            [0, 1, 1, u32::MAX]
        );
    }

    #[test]
    fn it_is_a_duration_and_a_duration_is_rounded_up() {
        assert_eq!(Duration::from(Seconds::from_millis(1500)), Duration::from_millis(1500));
        assert_eq!(Seconds::from(Duration::from_micros(1_500_001)), Seconds::from_millis(1501));
        assert_eq!(Seconds::from(Duration::MAX), Seconds::MAX);
    }
}
