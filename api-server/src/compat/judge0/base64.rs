//! Base64 as Judge0's own library reads and writes it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The most characters of a line.
const LINE: usize = 60;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Bytes in lines, each with its end; no bytes are no line.
pub fn encode(bytes: &[u8]) -> String {
    let text = ENGINE.encode(bytes);
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    // It is ASCII.
    for line in text.as_bytes().chunks(LINE) {
        lines.extend(line.iter().copied().map(char::from));
        lines.push('\n');
    }
    lines
}

/// What a text stands for. It is never refused: what is no base64 in it is passed over, and what comes behind the padding is
/// not looked at.
pub fn decode(text: &str) -> Vec<u8> {
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut digits: Vec<u8> = text.bytes().take_while(|byte| *byte != b'=').filter(is_of_it).collect();
    // One digit alone is less than a byte.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    ENGINE.decode(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn bytes_are_written_in_lines_that_each_end() {
        assert_eq!(encode(b""), "");
        assert_eq!(encode(b"hello, world\n"), "aGVsbG8sIHdvcmxkCg==\n");
        assert_eq!(encode(&[b'a'; 45]), format!("{}\n", "YWFh".repeat(15)));
        assert_eq!(encode(&[b'a'; 46]), format!("{}\nYQ==\n", "YWFh".repeat(15)));
    }

    #[test]
    fn whatever_is_sent_is_read_as_far_as_it_is_base64() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("aGk=", b"hi"),
            ("aGk", b"hi"),
            ("a G\nk=\n", b"hi"),
            ("aGk=aGk=", b"hi"),
            ("a-G_k", b"hi"),
            ("aGk*", b"hi"),
            ("aGkhx", b"hi!"),
            ("a", b""),
            ("/w==", b"\xff"),
        ] {
            assert_eq!(decode(text), bytes, "{text:?}");
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), all);
    }
}
