//! Ids in the one form that LibreChat takes: 21 characters of a 64 letter alphabet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

const LENGTH: usize = 21;
const BITS: usize = 6;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// What a session is as a number: 21 letters of 6 bits.
const SESSIONS: u128 = 1 << (LENGTH * BITS);

/// A session, which is a run: its id is that of the run in other letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId(u128);

impl SessionId {
    /// One that no other has.
    pub fn new() -> Self {
        Self(uuid::Uuid::new_v4().as_u128() % SESSIONS)
    }

    /// The session of a text, if it is the id of one.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() != LENGTH {
            return None;
        }
        let digit = |letter: u8| LETTERS.iter().position(|known| *known == letter);
        let number = text.bytes().try_fold(0_u128, |number, letter| Some((number << BITS) | digit(letter)? as u128));
        number.map(Self)
    }

    /// The id as LibreChat has it.
    pub fn text(self) -> String {
        let digits = (0..LENGTH).rev().map(|place| (self.0 >> (place * BITS)) & 63);
        digits.map(|digit| char::from(LETTERS[usize::try_from(digit).unwrap_or_default()])).collect()
    }

    /// The id of the run.
    pub fn run(self) -> String {
        format!("run-{:032x}", self.0)
    }
}

/// The id of a file of a session: it follows from the name.
pub fn of_file(name: &str) -> String {
    let mut id = URL_SAFE_NO_PAD.encode(Sha256::digest(name));
    id.truncate(LENGTH);
    id
}

/// Whether a text may be the id of a file.
pub fn is_file(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|letter| LETTERS.contains(&letter))
}

#[cfg(test)]
mod tests {
    use super::{SessionId, is_file, of_file};

    #[test]
    fn a_session_is_a_run_in_other_letters() {
        for session in [SessionId(0), SessionId((1 << 126) - 1), SessionId::new()] {
            let text = session.text();
            assert!(is_file(&text), "{text}");
            assert_eq!(SessionId::read(&text), Some(session));
            assert_eq!(session.run().len(), 36);
        }
        assert_eq!(SessionId(65).text(), "AAAAAAAAAAAAAAAAAAABB");
        for wrong in ["", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAé"] {
            assert_eq!(SessionId::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_is_found_by_what_follows_from_its_name() {
        assert_eq!(of_file("a/b.csv"), of_file("a/b.csv"));
        assert_ne!(of_file("a"), of_file("b"));
        assert!(is_file(&of_file("ä")));
        assert!(!is_file("main.py"));
    }
}
