//! Detached signatures: several keys over one text.

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::hex;
use crate::keys::{KeyId, PrivateKey, SIGNATURE_BYTES};

/// Signatures at most, of one text.
pub const SIGNATURES_MAX: usize = 64;

/// Largest text of signatures, in bytes.
pub const SIGNATURES_BYTES_MAX: u64 = 64 << 10;

/// Signatures over one text. Nothing is said of them before a key set counts them ([`crate::Root::count`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signatures(Vec<SignatureEntry>);

/// One key's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureEntry {
    /// Whose.
    pub key: KeyId,
    /// Its 64 bytes as 128 lower-case hexadecimal digits.
    pub signature: String,
}

impl Signatures {
    /// Those of `keys` over `message`.
    #[must_use]
    pub fn of(message: &[u8], keys: &[PrivateKey]) -> Self {
        let sign =
            |key: &PrivateKey| SignatureEntry { key: key.public().id(), signature: hex::encode(&key.sign(message)) };
        Self(keys.iter().map(sign).collect())
    }

    /// As they stand in a bundle.
    ///
    /// # Errors
    /// When they cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        canonical::to_bytes(self)
    }

    /// Reads at most [`SIGNATURES_MAX`]; `None` when `bytes` are none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let signatures: Self = canonical::from_bytes(bytes).ok()?;
        (signatures.0.len() <= SIGNATURES_MAX).then_some(signatures)
    }

    /// These and `others`.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Each key with its signature; one that has not the form of a signature is left out, for it holds for nothing.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, [u8; SIGNATURE_BYTES])> + '_ {
        self.0.iter().filter_map(|entry| Some((entry.key, hex::decode(&entry.signature)?)))
    }
}
