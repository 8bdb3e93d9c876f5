//! Memory sizes as people write them.

/// The bytes that a memory size means: digits with an optional suffix of `k`, `M`, `G`, `Ki`, `Mi` or `Gi`.
/// `None` when the text has another form or the number is too large.
#[must_use]
pub fn memory_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let factor = match &text[digits..] {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

/// A number of bytes as people write it: `128Mi`, or digits alone where no suffix fits.
#[must_use]
pub fn memory_text(bytes: u64) -> String {
    let suffixes = [("Gi", 30), ("Mi", 20), ("Ki", 10)];
    let fitting = suffixes.into_iter().find(|(_, shift)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    fitting.map_or_else(|| bytes.to_string(), |(suffix, shift)| format!("{}{suffix}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::{memory_bytes, memory_text};

    #[test]
    fn bytes_are_written_shortly_and_read_again() {
        for (bytes, text) in
            [(0, "0"), (1, "1"), (1 << 10, "1Ki"), (128 << 20, "128Mi"), (3 << 30, "3Gi"), (1000, "1000")]
        {
            assert_eq!(memory_text(bytes), text);
            assert_eq!(memory_bytes(text), Some(bytes));
        }
    }

    #[test]
    fn sizes_are_read_as_kubernetes_reads_them() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("128Mi", Some(128 << 20)),
            ("1Gi", Some(1 << 30)),
            ("5k", Some(5000)),
            ("", None),
            ("Mi", None),
            ("1.5Gi", None),
            ("-1", None),
            ("1mi", None),
            ("99999999999999999999", None),
            ("99999999999999Gi", None),
        ] {
            assert_eq!(memory_bytes(text), bytes, "{text:?}");
        }
    }
}
