//! The keys that sign run tokens: the current one, and the one before it while pods that know only that still live.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use locus_core::token::TokenSigner;

/// The operator's signing keys; the first one is current.
pub struct Keys(Vec<TokenSigner>);

impl Keys {
    /// Keys of which the first one is current.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn new(signers: Vec<TokenSigner>) -> Self {
        assert!(!signers.is_empty(), "an operator has a signing key");
        Self(signers)
    }

    /// Reads the key files. A missing current key is made, for operators outside a cluster; inside one its
    /// folder is read-only and the error says so.
    ///
    /// # Errors
    /// When a file can't be read, made, or holds no key.
    pub fn read(current: &Path, previous: Option<&Path>) -> anyhow::Result<Self> {
        let mut signers = vec![read_or_make(current)?];
        if let Some(previous) = previous.filter(|path| path.exists()) {
            signers.push(read(previous)?);
        }
        Ok(Self::new(signers))
    }

    /// The public keys that a new pod is given.
    #[must_use]
    pub fn public_keys(&self) -> String {
        self.0.iter().map(TokenSigner::public_key).collect::<Vec<_>>().join(",")
    }

    /// The key to sign with for a pod that was given these public keys.
    #[must_use]
    pub fn signer_for(&self, public_keys: &str) -> Option<&TokenSigner> {
        self.0.iter().find(|signer| public_keys.split(',').any(|key| key == signer.public_key()))
    }
}

fn read(path: &Path) -> anyhow::Result<TokenSigner> {
    let pem = std::fs::read_to_string(path).with_context(|| format!("signing key {}", path.display()))?;
    TokenSigner::from_pem(&pem).with_context(|| format!("signing key {}", path.display()))
}

fn read_or_make(path: &Path) -> anyhow::Result<TokenSigner> {
    if path.exists() {
        return read(path);
    }
    let context = || format!("signing key {} is missing and can't be made", path.display());
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed)).with_context(context)?;
    let signer = TokenSigner::from_seed(&seed);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(context)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(context)?;
    file.write_all(signer.to_pem()?.as_bytes()).with_context(context)?;
    Ok(signer)
}
