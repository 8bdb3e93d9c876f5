//! How much of a text fits a number of JSON-encoded bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The head of a stream, as it stands in a status.
pub struct Head {
    /// The text, or base64.
    pub content: String,
    /// Whether `content` is base64, since the bytes are not valid UTF-8.
    pub base64: bool,
    /// Whether anything was left out.
    pub cut: bool,
    /// The JSON-encoded bytes of `content`.
    pub cost: usize,
}

impl Head {
    /// It as the two fields of a status that a stream may stand in: as text, or in base64.
    #[must_use]
    pub fn fields(self) -> (Option<String>, Option<String>) {
        if self.base64 { (None, Some(self.content)) } else { (Some(self.content), None) }
    }
}

/// The head of a stream that costs at most `budget`; `dropped` tells that bytes are missing at its end already.
#[must_use]
pub fn head(bytes: &[u8], dropped: bool, budget: usize) -> Head {
    match std::str::from_utf8(bytes) {
        Ok(text) => text_head(text, dropped, budget),
        // What was dropped may have split the last character.
        Err(error) if dropped && error.error_len().is_none() => head(&bytes[..error.valid_up_to()], dropped, budget),
        Err(_) => {
            let kept = bytes.len().min(budget / 4 * 3);
            let content = STANDARD.encode(&bytes[..kept]);
            Head { cost: content.len(), content, base64: true, cut: dropped || kept < bytes.len() }
        }
    }
}

fn text_head(text: &str, dropped: bool, budget: usize) -> Head {
    let mut cost = 0;
    let fitting = text.char_indices().find(|(_, character)| {
        cost += encoded_char_len(*character);
        cost > budget
    });
    let kept = match fitting {
        Some((end, character)) => {
            cost -= encoded_char_len(character);
            &text[..end]
        }
        None => text,
    };
    Head { content: kept.to_owned(), base64: false, cut: dropped || kept.len() < text.len(), cost }
}

/// The JSON-encoded bytes of a text.
#[must_use]
pub fn encoded_len(text: &str) -> usize {
    text.chars().map(encoded_char_len).sum()
}

/// The API server encodes as Go does, which also writes `<`, `>`, `&` and two line separators as six bytes.
const fn encoded_char_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        _ => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn a_head_is_cut_between_characters_and_counts_what_json_makes_of_them() {
        for (text, budget, kept) in [
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("aé", 2, "a"),
            ("\u{1}b", 6, "\u{1}"),
            ("\n\n", 3, "\n"),
            ("a", 0, ""),
        ] {
            let head = head(text.as_bytes(), false, budget);
            assert_eq!((head.content.as_str(), head.cut), (kept, kept != text), "{text:?} in {budget}");
            assert!(head.cost <= budget && !head.base64);
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_cut_as_base64() {
        let head = head(&[0xff; 10], false, 8);
        assert!(head.base64 && head.cut && head.content.len() == 8);
    }

    #[test]
    fn a_character_that_was_split_by_the_cut_does_not_make_the_stream_binary() {
        let dropped = head(&"é".as_bytes()[..1], true, 100);
        assert!(!dropped.base64 && dropped.cut);
        assert!(head(&"é".as_bytes()[..1], false, 100).base64);
    }
}
