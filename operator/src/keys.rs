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

/// The public parts of the front door's keys. The current one has to be there where it is named, the previous one need not.
///
/// # Errors
/// When a file can't be read or holds no key.
pub fn readers(current: Option<&Path>, previous: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let files = current.into_iter().chain(previous.filter(|path| path.exists()));
    files.map(|path| Ok(read(path)?.public_key())).collect()
}

fn read(path: &Path) -> anyhow::Result<TokenSigner> {
    let pem = std::fs::read_to_string(path).with_context(|| format!("key {}", path.display()))?;
    TokenSigner::from_pem(&pem).with_context(|| format!("key {}", path.display()))
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

#[cfg(test)]
mod tests {
    use locus_core::token::TokenSigner;

    use super::readers;

    #[test]
    fn readers_are_known_by_the_public_parts_of_their_keys() -> anyhow::Result<()> {
        let folder = std::env::temp_dir().join(format!("locus-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let files = ["current.pem", "previous.pem"].map(|name| folder.join(name));
        let signers = [1, 2].map(|seed| TokenSigner::from_seed(&[seed; 32]));
        let [current, previous] = signers.each_ref().map(TokenSigner::public_key);
        std::fs::write(&files[0], signers[0].to_pem()?.as_bytes())?;
        assert_eq!(readers(None, None)?, Vec::<String>::new());
        assert_eq!(readers(Some(&files[0]), Some(&files[1]))?.len(), 1);
        std::fs::write(&files[1], signers[1].to_pem()?.as_bytes())?;
        assert_eq!(readers(Some(&files[0]), Some(&files[1]))?, [current, previous]);
        std::fs::remove_dir_all(&folder)?;
        assert!(readers(Some(&files[0]), None).is_err());
        Ok(())
    }
}
