//! API keys: who a client is, by a file that holds the sha256 of each key and never a key.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use governor::{DefaultDirectRateLimiter, Quota};
use locus_core::request::is_label;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// How each key begins, so that whoever finds one knows what it opens.
const PREFIX: &str = "locus_";
/// Random bytes of a key: nobody guesses one, so that a plain hash keeps it.
const KEY_BYTES: usize = 32;
/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why the keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file can't be read.
    #[error("the API keys in {0:?} can't be read ({1}): name a file that this server may read with --api-keys")]
    Read(PathBuf, std::io::Error),
    /// It is something else than a list of keys.
    #[error("the API keys in {0:?} can't be understood: {1}; `locus-api-server keygen --name NAME` shows the form")]
    Form(PathBuf, String),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    keys: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    requests_per_minute: Option<NonZeroU32>,
    concurrent_runs: Option<NonZeroU32>,
}

type Sha256Digest = [u8; 32];

/// A client that is known by its key.
#[derive(Debug)]
pub struct Key {
    /// What the client is called.
    pub name: String,
    /// How often it may ask, where it has a rate of its own.
    pub rate: Option<DefaultDirectRateLimiter>,
    /// How many of its runs may go on at one time.
    pub concurrent_runs: Option<NonZeroU32>,
    requests_per_minute: Option<NonZeroU32>,
    running: Arc<AtomicU32>,
}

/// A run of a key that goes on, until it is dropped.
#[derive(Debug)]
pub struct Running(Arc<AtomicU32>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Key {
    /// Counts one more run, if there may be one.
    #[must_use]
    pub fn run(&self) -> Option<Running> {
        let most = self.concurrent_runs.map_or(u32::MAX, NonZeroU32::get);
        let more = |running| (running < most).then_some(running + 1);
        let counted = self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.ok().map(|_| Running(self.running.clone()))
    }
}

/// The keys of a file.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    known: RwLock<HashMap<Sha256Digest, Arc<Key>>>,
}

impl Keys {
    /// Reads the file.
    ///
    /// # Errors
    /// When it can't be read or understood.
    pub fn open(path: &Path) -> Result<(Self, Contents), KeysError> {
        let contents = Contents(std::fs::read_to_string(path).map_err(|error| KeysError::Read(path.into(), error))?);
        let known = parse(&contents.0, &HashMap::new()).map_err(|error| KeysError::Form(path.into(), error))?;
        Ok((Self { path: path.into(), known: RwLock::new(known) }, contents))
    }

    /// Whose key this is. It is looked up by its hash: how long that takes says nothing of any other key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Arc<Key>> {
        let digest: Sha256Digest = Sha256::digest(key).into();
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    /// The key of a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Arc<Key>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().find(|key| key.name == name).cloned()
    }

    /// Reads the file again whenever it says something else, for ever. What it can't be understood by changes nothing.
    pub async fn follow(self: Arc<Self>, mut seen: Contents) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look(&mut seen);
        }
    }

    fn look(&self, seen: &mut Contents) {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            // One message for as long as it is gone.
            Err(error) => format!("\0{error}"),
        };
        if text == seen.0 {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let path = self.path.display();
        let parsed = match text.strip_prefix('\0') {
            Some(error) => Err(error.to_owned()),
            None => parse(&text, &known),
        };
        match parsed {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "the API keys in {path} have changed, and are in force");
                *known = keys;
            }
            Err(error) => {
                tracing::error!("the API keys in {path} can't be used, the former ones stay in force: {error}");
            }
        }
        *seen = Contents(text);
    }
}

/// What a file of keys held when it was last read.
#[derive(Debug)]
pub struct Contents(String);

/// The keys of a text; one that was known before goes on counting where it was.
fn parse(text: &str, before: &HashMap<Sha256Digest, Arc<Key>>) -> Result<HashMap<Sha256Digest, Arc<Key>>, String> {
    // Before any message repeats it.
    if text.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).any(is_key) {
        return Err("a key itself stands in it: take another one, and write down its sha256 alone".to_owned());
    }
    let File { keys } = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let mut known: HashMap<Sha256Digest, Arc<Key>> = HashMap::new();
    for Entry { name, sha256, requests_per_minute, concurrent_runs } in keys {
        if !is_label(&name, false) {
            return Err(format!(
                "key {name:?}: a name is at most 63 letters, digits, \"-\", \"_\" and \".\", with a letter or digit at both \
                 ends"
            ));
        }
        if known.values().any(|key| key.name == name) {
            return Err(format!("key {name:?} stands twice: give each a name of its own"));
        }
        // The text itself is not told: perhaps somebody put the key there.
        let digest = digest(&sha256).ok_or_else(|| format!("key {name:?}: sha256 must be 64 hexadecimal digits"))?;
        let former = before.values().find(|key| key.name == name);
        let rate = || requests_per_minute.map(|most| DefaultDirectRateLimiter::direct(Quota::per_minute(most)));
        let key = match former {
            Some(key) if key.requests_per_minute == requests_per_minute && key.concurrent_runs == concurrent_runs => {
                key.clone()
            }
            _ => {
                let running = former.map(|key| key.running.clone()).unwrap_or_default();
                Arc::new(Key { name: name.clone(), rate: rate(), concurrent_runs, requests_per_minute, running })
            }
        };
        if let Some(other) = known.insert(digest, key) {
            return Err(format!("keys {:?} and {name:?} are the same", other.name));
        }
    }
    Ok(known)
}

/// Whether a word has the form of a key that [`generate`] makes.
fn is_key(word: &str) -> bool {
    let random = word.strip_prefix(PREFIX).and_then(|random| URL_SAFE_NO_PAD.decode(random).ok());
    random.is_some_and(|random| random.len() == KEY_BYTES)
}

fn digest(hex: &str) -> Option<Sha256Digest> {
    let mut digest = Sha256Digest::default();
    if hex.len() != 2 * digest.len() || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

/// A new key, and what the file says of it.
///
/// # Errors
/// When the name can't be one, or the system has no randomness.
pub fn generate(name: &str) -> anyhow::Result<String> {
    anyhow::ensure!(
        is_label(name, false),
        "--name {name:?}: a name is at most 63 letters, digits, \"-\", \"_\" and \".\", with a letter or digit at both ends"
    );
    let mut random = [0; KEY_BYTES];
    getrandom::fill(&mut random)?;
    let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let hash = Sha256::digest(&key).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(format!(
        "The key, which is told this once:\n\n  {key}\n\n\
         Its entry in the file of --api-keys, which begins with a line \"keys:\":\n\n  - name: {name}\n    sha256: {hash}\n"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Keys, PREFIX, generate, parse};

    const HASH_OF_A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it is written");
        file
    }

    #[test]
    fn a_key_that_was_made_opens() {
        let told = generate("ci").expect("a name");
        let key = told.lines().map(str::trim).find(|line| line.starts_with(PREFIX)).expect("the key");
        let entry = told.split("\"keys:\":\n").nth(1).expect("the entry");
        let (keys, _) = Keys::open(file(&format!("keys:\n{entry}")).path()).expect("the entry is one");
        assert_eq!(keys.find(key).expect("it is known").name, "ci");
        assert!(keys.find("").is_none() && keys.find(&key[1..]).is_none());
        assert!(generate("c i").is_err());
    }

    #[test]
    fn a_file_that_can_not_be_used_is_told_with_the_way_out() {
        for (text, part) in [
            ("", "missing field `keys`"),
            ("keys: [", "line 2"),
            ("keys: [{name: a}]", "missing field `sha256`"),
            ("keys: [{name: a, sha256: abc}]", "64 hexadecimal digits"),
            (&format!("keys: [{{name: a b, sha256: {HASH_OF_A}}}]"), "a name is"),
            (&format!("keys: [{{name: a, sha256: {HASH_OF_A}, rate: 1}}]"), "unknown field `rate`"),
            (&format!("keys: [{{name: a, sha256: {HASH_OF_A}, requestsPerMinute: 0}}]"), "nonzero"),
            (&format!("keys: [{{name: a, sha256: {HASH_OF_A}}}, {{name: b, sha256: {HASH_OF_A}}}]"), "are the same"),
            (
                &format!(
                    "keys: [{{name: a, sha256: {HASH_OF_A}}}, {{name: a, sha256: {}}}]",
                    HASH_OF_A.replace('c', "d")
                ),
                "stands twice",
            ),
        ] {
            let error = Keys::open(file(text).path()).expect_err(text).to_string();
            assert!(error.contains(part) && error.contains("keygen"), "{text}: {error}");
        }
        let error = Keys::open(std::path::Path::new("/nowhere")).expect_err("there is none").to_string();
        assert!(error.contains("--api-keys"), "{error}");
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        let told = generate("a").expect("a name");
        let key = told.lines().map(str::trim).find(|line| line.starts_with(PREFIX)).expect("the key");
        for text in [format!("keys: [{{name: a, sha256: {key}}}]"), format!("keys: [\"{key}\"]"), format!("{key}: 1")] {
            let error = parse(&text, &HashMap::new()).expect_err("no hash");
            assert!(error.contains("stands in it") && !error.contains(PREFIX), "{error}");
        }
        let error = parse("keys: [{name: a, sha256: secret}]", &HashMap::new()).expect_err("no hash");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_a_broken_one_changes_nothing() {
        let file = file(&format!("keys: [{{name: a, sha256: {HASH_OF_A}}}]"));
        let (keys, mut seen) = Keys::open(file.path()).expect("it is well formed");
        let knows = |keys: &Keys| keys.find("a").map(|key| key.name.clone());
        for (text, expected) in [
            ("keys: [oh", Some("a")),
            (&format!("keys: [{{name: b, sha256: {}}}]", HASH_OF_A.to_uppercase()), Some("b")),
            ("keys: []", None),
        ] {
            std::fs::write(file.path(), text).expect("it is written");
            keys.look(&mut seen);
            assert_eq!(knows(&keys).as_deref(), expected, "{text}");
        }
        std::fs::write(file.path(), format!("keys: [{{name: a, sha256: {HASH_OF_A}}}]")).expect("it is written");
        keys.look(&mut seen);
        std::fs::remove_file(file.path()).expect("it was there");
        keys.look(&mut seen);
        assert_eq!(knows(&keys).as_deref(), Some("a"));
    }

    #[test]
    fn runs_of_a_key_are_counted_whatever_happens_to_the_file() {
        let text = |most| format!("keys: [{{name: a, sha256: {HASH_OF_A}, concurrentRuns: {most}}}]");
        let file = file(&text(2));
        let (keys, mut seen) = Keys::open(file.path()).expect("it is well formed");
        let runs: Vec<_> = (0..3).map(|_| keys.named("a").expect("a key").run()).collect();
        assert_eq!(runs.iter().flatten().count(), 2);
        std::fs::write(file.path(), text(3)).expect("it is written");
        keys.look(&mut seen);
        let key = keys.find("a").expect("a key");
        let third = key.run();
        assert!(third.is_some() && key.run().is_none());
        drop((runs, third));
        assert!(key.run().is_some());
    }
}
