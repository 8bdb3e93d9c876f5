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

#[cfg(test)]
mod tests {
    use super::memory_bytes;

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
