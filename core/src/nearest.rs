//! What somebody most likely meant by a word that nobody knows.

/// How much of a word is looked at: to compare grows with both lengths, and a longer one is nobody's slip.
const LOOKED_AT: usize = 64;
/// The fewest letters that a word is known by when the rest of it is missing.
const HEAD_MIN: usize = 3;

/// The known words that are nearest to one that is not known, in their own order: several where they are equally near, and
/// none where all are far. Case, hyphens, underscores and blanks don't count.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word = plain(word);
    let (mut best, mut found) = (usize::MAX, Vec::new());
    for candidate in known {
        let Some(distance) = distance(&word, &plain(candidate)) else { continue };
        if distance < best {
            (best, found) = (distance, Vec::new());
        }
        if distance == best && !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    found
}

fn plain(word: &str) -> String {
    let letters = word.chars().take(LOOKED_AT).flat_map(char::to_lowercase);
    letters.filter(|letter| !matches!(letter, '_' | '-' | ' ')).collect()
}

/// How far two words are apart, where they may be the same one: a slip in each three letters but not in all, or else the one
/// is the other's beginning.
fn distance(word: &str, known: &str) -> Option<usize> {
    let distance = strsim::damerau_levenshtein(word, known);
    if distance <= known.len().max(3) / 3 && distance < known.len().max(word.len()) {
        return Some(distance);
    }
    let is_head = |head: &str, whole: &str| head.len() >= HEAD_MIN && whole.starts_with(head);
    (is_head(word, known) || is_head(known, word)).then_some(LOOKED_AT + distance)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        let known = ["timeoutSeconds", "cpuSeconds", "memoryBytes", "env", "python", "javascript", "java", "c"];
        for (word, meant) in [
            ("timeout_seconds", "timeoutSeconds"),
            ("TimeoutSecond", "timeoutSeconds"),
            ("timeout", "timeoutSeconds"),
            ("memory", "memoryBytes"),
            ("environment", "env"),
            ("pyhton", "python"),
            ("Python", "python"),
            ("python3.13", "python"),
            ("javscript", "javascript"),
            ("Java", "java"),
        ] {
            assert_eq!(nearest(word, known), [meant], "{word}");
        }
        for word in ["", "x", "klingon", &"x".repeat(10_000)] {
            assert_eq!(nearest(word, known), Vec::<&str>::new(), "{word}");
        }
    }

    #[test]
    fn of_words_that_are_equally_near_each_is_told_once() {
        assert_eq!(nearest("fodo", ["food", "ford", "fond", "food", "bar"]), ["food"]);
        assert_eq!(nearest("cat", ["car", "bat", "car", "dog"]), ["car", "bat"]);
    }
}
