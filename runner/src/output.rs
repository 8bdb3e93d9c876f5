//! One output stream, kept to its limit.

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Lets the first bytes of a stream through and notices when there are more. The cut never splits a
/// UTF-8 character, so the last bytes before the limit wait until it is known whether one is whole.
#[derive(Debug)]
pub struct Cutter {
    room: u64,
    held: Vec<u8>,
    over: bool,
}

impl Cutter {
    /// Lets `limit` bytes through.
    pub fn new(limit: u64) -> Self {
        Self { room: limit, held: Vec::new(), over: false }
    }

    /// Whether the stream held more than the limit.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What of the stream may be told, now that `chunk` has come.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        if self.over {
            return Vec::new();
        }
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX).min(chunk.len());
        self.room -= fits as u64;
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(&chunk[..fits]);
        if self.room < 3 {
            self.held = bytes.split_off(bytes.len() - unfinished(&bytes));
        }
        if let Some(next) = chunk.get(fits) {
            self.over = true;
            let tail = std::mem::take(&mut self.held);
            if !goes_on(&tail, *next) {
                bytes.extend(tail);
            }
        }
        bytes
    }

    /// What is left to tell at the end of the stream.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// The number of bytes at the end that begin a character without ending it.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(3)).find(|count| is_prefix(&bytes[bytes.len() - count..])).unwrap_or(0)
}

fn is_prefix(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

fn goes_on(tail: &[u8], next: u8) -> bool {
    let longer = [tail, &[next]].concat();
    !tail.is_empty() && (is_prefix(&longer) || std::str::from_utf8(&longer).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::Cutter;

    /// What a limit lets through of a stream that comes in chunks of a size.
    fn cut(stream: &[u8], limit: u64, size: usize) -> (Vec<u8>, bool) {
        let mut cutter = Cutter::new(limit);
        let mut told: Vec<u8> = stream.chunks(size).flat_map(|chunk| cutter.push(chunk)).collect();
        told.extend(cutter.finish());
        (told, cutter.is_over())
    }

    #[test]
    fn the_cut_falls_on_a_character_boundary_however_the_bytes_come() {
        let euro = "a€€".as_bytes();
        for size in 1..=euro.len() {
            for (limit, kept) in [(0, 0), (1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (6, 4)] {
                assert_eq!(cut(euro, limit, size), (euro[..kept].to_vec(), true), "limit {limit}, chunks of {size}");
            }
            assert_eq!(cut(euro, 7, size), (euro.to_vec(), false));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_to_the_limit() {
        for size in 1..=6 {
            assert_eq!(cut(b"\xff\xfe\xe2\x82ab", 4, size), (b"\xff\xfe\xe2\x82".to_vec(), true));
            assert_eq!(cut(b"\xff\xfe\xe2\x82", 4, size), (b"\xff\xfe\xe2\x82".to_vec(), false));
            assert_eq!(cut(b"\x80\x80\x80\x80\x80", 3, size), (b"\x80\x80\x80".to_vec(), true));
        }
    }

    /// Whole characters of each length.
    fn characters() -> impl Strategy<Value = Vec<u8>> {
        let character = prop_oneof![any::<char>(), proptest::sample::select(vec!['a', 'é', '€', '💥'])];
        vec(character, 0..12).prop_map(|characters| String::from_iter(characters).into_bytes())
    }

    /// Bytes that are text here and there, with characters that begin and don't end, and the other way round.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let broken = proptest::sample::select(b"\xc3\xe2\xf0\xf4\x80\x82\x9f\xbf\xc0\xed\xa0\xffa".to_vec());
        let part = prop_oneof![characters(), vec(broken, 0..6), vec(any::<u8>(), 0..6)];
        vec(part, 0..4).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_told_is_the_head_of_the_stream_whatever_its_bytes_and_chunks(
            stream in prop_oneof![characters(), bytes()],
            sizes in vec(0..7_usize, 1..8),
            limit in 0..40_usize,
        ) {
            let is_text = std::str::from_utf8(&stream).is_ok();
            let mut cutter = Cutter::new(limit as u64);
            let mut told = Vec::new();
            let mut rest = &stream[..];
            for size in sizes.iter().cycle().take(sizes.len() * (stream.len() + 1)) {
                let (chunk, behind) = rest.split_at((*size).min(rest.len()));
                rest = behind;
                told.extend(cutter.push(chunk));
                prop_assert!(cutter.held.len() <= 3 && told.len() + cutter.held.len() <= limit);
            }
            // Sizes may be 0 alone.
            told.extend(cutter.push(rest));
            told.extend(cutter.finish());

            prop_assert!(stream.starts_with(&told) && told.len() <= limit);
            prop_assert_eq!(cutter.is_over(), stream.len() > limit);
            prop_assert!(cutter.is_over() || told == stream);
            prop_assert!(told.len() + 3 >= limit.min(stream.len()));
            prop_assert!(!is_text || std::str::from_utf8(&told).is_ok());
            prop_assert_eq!(cut(&stream, limit as u64, stream.len().max(1)), (told, cutter.is_over()));
        }
    }
}
