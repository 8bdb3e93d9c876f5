//! Run tokens: who may do what to which run in which pod.
//!
//! A token is `<claims>.<signature>`, both base64url without padding; the claims are JSON and the
//! signature is Ed25519 over the first part as it stands. The pod holds public keys only.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Start, follow, cancel and acknowledge the run: the operator's.
    Run,
    /// Read the run's state, events and files.
    Read,
    /// Write to the run's standard input.
    Stdin,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The UID of the pod that may accept the token.
    pub aud: String,
    /// The UID of the run that it is good for.
    pub run: String,
    /// What it allows.
    pub scope: Scope,
    /// When it ends, in seconds since the Unix epoch.
    pub exp: u64,
    /// The sha256 of the request's body in hex; present in a token that starts a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Why a token was refused. The message tells no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not have the form of a token.
    #[error("the token is malformed")]
    Malformed,
    /// No key that the pod holds made its signature.
    #[error("the token's signature does not match a key of this pod")]
    Signature,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is for another pod.
    #[error("the token is for another pod")]
    Audience,
    /// It is for another run.
    #[error("the token is for another run")]
    Run,
    /// It does not allow what is asked.
    #[error("the token's scope does not allow this")]
    Scope,
    /// It was made for another body.
    #[error("the token was made for another body")]
    Body,
}

/// Why a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not an Ed25519 key in PKCS#8 PEM.
    #[error("the signing key is not an Ed25519 private key in PKCS#8 PEM")]
    Private,
    /// Not the base64url form of an Ed25519 public key.
    #[error("public key {0:?} is not 32 bytes of base64url")]
    Public(String),
}

/// A private key that makes tokens.
#[derive(Clone)]
pub struct TokenSigner(SigningKey);

impl TokenSigner {
    /// Reads a PKCS#8 PEM private key.
    ///
    /// # Errors
    /// [`KeyError::Private`] when the text is not an Ed25519 key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        // Some tools leave the public key out of their PKCS#8 document and some put it in: both parse.
        SigningKey::from_pkcs8_pem(pem.trim()).map(Self).map_err(|_| KeyError::Private)
    }

    /// A key from 32 bytes of a secure random source.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key as PKCS#8 PEM.
    ///
    /// # Errors
    /// [`KeyError::Private`] when the key can't be written in that form.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|_| KeyError::Private)
    }

    /// The public key, as pods are given it: base64url without padding.
    #[must_use]
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }

    /// Makes a token.
    ///
    /// # Panics
    /// Never: claims always serialize.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).expect("claims are plain data"));
        let signature = self.0.sign(payload.as_bytes());
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// What a request must be allowed to do.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// The UID of the pod that was asked.
    pub pod: &'a str,
    /// The UID of the run that the request names.
    pub run: &'a str,
    /// The scopes that are enough.
    pub scopes: &'a [Scope],
    /// The body, for a request that starts a run.
    pub body: Option<&'a [u8]>,
    /// The time, in seconds since the Unix epoch.
    pub now: u64,
}

/// The public keys that a pod holds.
#[derive(Debug, Clone)]
pub struct TokenVerifier {
    /// Their tokens allow what they say.
    keys: Vec<VerifyingKey>,
    /// Their tokens allow [`Scope::Read`] and [`Scope::Stdin`] at the most, whatever they say.
    readers: Vec<VerifyingKey>,
}

impl TokenVerifier {
    /// Reads comma-separated public keys in the form of [`TokenSigner::public_key`].
    ///
    /// # Errors
    /// [`KeyError::Public`] names the key that can't be read; no key at all is an error too.
    pub fn parse(keys: &str) -> Result<Self, KeyError> {
        Ok(Self { keys: parse(keys)?, readers: Vec::new() })
    }

    /// The same, with comma-separated keys of those who may only read and write input.
    ///
    /// # Errors
    /// [`KeyError::Public`] names the key that can't be read.
    pub fn with_readers(self, keys: &str) -> Result<Self, KeyError> {
        Ok(Self { readers: parse(keys)?, ..self })
    }

    /// Checks a token against what a request demands.
    ///
    /// # Errors
    /// The first reason to refuse it; the signature is checked before anything is believed.
    pub fn verify(&self, token: &str, demand: Demand<'_>) -> Result<Claims, TokenError> {
        let (payload, signature) = token.split_once('.').ok_or(TokenError::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        let signature = Signature::from_slice(&signature).map_err(|_| TokenError::Malformed)?;
        let is_of =
            |keys: &[VerifyingKey]| keys.iter().any(|key| key.verify_strict(payload.as_bytes(), &signature).is_ok());
        let is_readers = !is_of(&self.keys);
        if is_readers && !is_of(&self.readers) {
            return Err(TokenError::Signature);
        }
        let claims = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Malformed)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed)?;
        if claims.exp <= demand.now {
            return Err(TokenError::Expired);
        }
        if claims.aud != demand.pod {
            return Err(TokenError::Audience);
        }
        if claims.run != demand.run {
            return Err(TokenError::Run);
        }
        let may = !is_readers || matches!(claims.scope, Scope::Read | Scope::Stdin);
        if !may || !demand.scopes.contains(&claims.scope) {
            return Err(TokenError::Scope);
        }
        if demand.body.is_some_and(|body| claims.body.as_deref() != Some(&body_digest(body))) {
            return Err(TokenError::Body);
        }
        Ok(claims)
    }
}

fn parse(keys: &str) -> Result<Vec<VerifyingKey>, KeyError> {
    let parse = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok()?;
        VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
    };
    keys.split(',').map(|text| parse(text).ok_or_else(|| KeyError::Public(text.to_owned()))).collect()
}

/// The sha256 of a body in lower-case hex, as it stands in [`Claims::body`].
#[must_use]
pub fn body_digest(body: &[u8]) -> String {
    Sha256::digest(body).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::{Claims, Demand, Scope, TokenError, TokenSigner, TokenVerifier, body_digest};

    fn claims() -> Claims {
        Claims { aud: "pod".into(), run: "run".into(), scope: Scope::Run, exp: 100, body: Some(body_digest(b"{}")) }
    }

    const DEMAND: Demand<'static> =
        Demand { pod: "pod", run: "run", scopes: &[Scope::Run], body: Some(b"{}"), now: 99 };

    fn check(claims: &Claims, demand: Demand<'_>) -> Result<(), TokenError> {
        let signer = TokenSigner::from_seed(&[7; 32]);
        let verifier = TokenVerifier::parse(&signer.public_key()).expect("the key is well formed");
        verifier.verify(&signer.sign(claims), demand).map(drop)
    }

    #[test]
    fn a_token_is_good_for_its_own_pod_run_scope_body_and_time_only() {
        assert_eq!(check(&claims(), DEMAND), Ok(()));
        assert_eq!(check(&claims(), Demand { now: 100, ..DEMAND }), Err(TokenError::Expired));
        assert_eq!(check(&claims(), Demand { pod: "other", ..DEMAND }), Err(TokenError::Audience));
        assert_eq!(check(&claims(), Demand { run: "other", ..DEMAND }), Err(TokenError::Run));
        assert_eq!(check(&claims(), Demand { scopes: &[Scope::Read], ..DEMAND }), Err(TokenError::Scope));
        assert_eq!(check(&claims(), Demand { body: Some(b"{ }"), ..DEMAND }), Err(TokenError::Body));
        assert_eq!(check(&Claims { body: None, ..claims() }, DEMAND), Err(TokenError::Body));
    }

    #[test]
    fn a_token_of_a_foreign_or_changed_key_is_refused() {
        let verifier = TokenVerifier::parse(&TokenSigner::from_seed(&[7; 32]).public_key()).expect("well formed");
        let foreign = TokenSigner::from_seed(&[8; 32]).sign(&claims());
        assert_eq!(verifier.verify(&foreign, DEMAND), Err(TokenError::Signature));
        for token in ["", ".", "a.b", "e30.e30"] {
            assert_eq!(verifier.verify(token, DEMAND), Err(TokenError::Malformed), "{token:?}");
        }
    }

    #[test]
    fn two_keys_are_valid_while_one_replaces_the_other() {
        let (old, new) = (TokenSigner::from_seed(&[7; 32]), TokenSigner::from_seed(&[8; 32]));
        let keys = format!("{},{}", old.public_key(), new.public_key());
        let verifier = TokenVerifier::parse(&keys).expect("well formed");
        for signer in [old, new] {
            assert!(verifier.verify(&signer.sign(&claims()), DEMAND).is_ok());
        }
    }

    #[test]
    fn a_readers_key_reads_and_writes_input_whatever_its_tokens_say() {
        let (operator, reader) = (TokenSigner::from_seed(&[7; 32]), TokenSigner::from_seed(&[8; 32]));
        let verifier = TokenVerifier::parse(&operator.public_key()).expect("well formed");
        let with = verifier.clone().with_readers(&reader.public_key()).expect("well formed");
        assert!(verifier.clone().with_readers("no key").is_err());
        let all = [Scope::Run, Scope::Read, Scope::Stdin];
        for scope in all {
            let claims = Claims { scope, ..claims() };
            for scopes in [&all[..], &[Scope::Run], &[Scope::Read], &[Scope::Stdin]] {
                let demand = Demand { scopes, ..DEMAND };
                let may = |allowed: bool| if allowed { Ok(claims.clone()) } else { Err(TokenError::Scope) };
                let is_demanded = scopes.contains(&scope);
                assert_eq!(with.verify(&operator.sign(&claims), demand), may(is_demanded), "{scope:?} {scopes:?}");
                let allowed = is_demanded && scope != Scope::Run;
                assert_eq!(with.verify(&reader.sign(&claims), demand), may(allowed), "{scope:?} {scopes:?}");
                assert_eq!(verifier.verify(&reader.sign(&claims), demand), Err(TokenError::Signature));
            }
        }
    }

    #[test]
    fn a_key_survives_its_pem_form() {
        let signer = TokenSigner::from_seed(&[7; 32]);
        let again = TokenSigner::from_pem(&signer.to_pem().expect("it serializes")).expect("it parses");
        assert_eq!(again.public_key(), signer.public_key());
        assert!(TokenSigner::from_pem("no key").is_err());
        assert!(TokenVerifier::parse("").is_err());
    }
}
