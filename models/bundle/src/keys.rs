//! Ed25519 keys (RFC 8032). A key is known by the SHA-256 of its 32 bytes.

use std::fmt;

use contract::Digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::hex;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// Points of small order in every encoding, without the bit of the sign: with such a key there are signatures that hold for
/// many messages and that anybody can make (RFC 8032, section 8; RFC 7748, section 6).
const WEAK: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// How a key is named in key sets and signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Digest);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A key that signatures are held against.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

/// A text or bytes that are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 64 lower-case hexadecimal digits.
    #[error("a key is 64 lower-case hexadecimal digits")]
    Form,
    /// Anybody could sign for it.
    #[error("anybody could sign for this key")]
    Weak,
    /// The two halves of a private key do not belong together.
    #[error("private and public key do not belong together")]
    Halves,
}

impl PublicKey {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Weak`].
    pub fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let mut point = bytes;
        point[31] &= 0x7f;
        let is_weak = WEAK.contains(&hex::encode(&point).as_str());
        if is_weak { Err(KeyError::Weak) } else { Ok(Self(bytes)) }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&self.0))
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::new(hex::decode(&text).ok_or(KeyError::Form)?)
    }
}

/// A key that signs. It is never printed.
pub struct PrivateKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key from the operating system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::Form`] when there are none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::Form)?;
        Self::from_seed(seed)
    }

    /// The key of a seed (RFC 8032, section 5.1.5), which is the secret.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Halves)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Form)?;
        Ok(Self { seed, public: PublicKey::new(public)?, pair })
    }

    /// What others know it by.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }

    pub(crate) fn secret(&self) -> String {
        hex::encode(&self.seed)
    }

    pub(crate) fn from_texts(secret: &str, public: &str) -> Result<Self, KeyError> {
        let key = Self::from_seed(hex::decode(secret).ok_or(KeyError::Form)?)?;
        if key.public.to_string() == public { Ok(key) } else { Err(KeyError::Halves) }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey of {}", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = PrivateKey::from_seed(seed).unwrap();
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(key.public().to_string(), public);
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(hex::encode(&key.sign(&[0x72])), signature);
        assert!(key.public().verifies(&[0x72], &key.sign(&[0x72])));
        assert!(!key.public().verifies(&[0x73], &key.sign(&[0x72])));
    }

    /// The neutral element: R = neutral, S = 0 is a signature of every message. The primitive takes it, the key does not.
    #[test]
    fn a_key_that_everybody_can_sign_for_is_refused() {
        let neutral: [u8; 32] = hex::decode(WEAK[1]).unwrap();
        let mut signature = [0; SIGNATURE_BYTES];
        signature[..32].copy_from_slice(&neutral);
        assert!(PublicKey(neutral).verifies(b"anything", &signature), "the check below guards against nothing");
        for weak in WEAK {
            let mut bytes: [u8; 32] = hex::decode(weak).unwrap();
            assert_eq!(PublicKey::new(bytes), Err(KeyError::Weak));
            bytes[31] |= 0x80;
            assert_eq!(PublicKey::new(bytes), Err(KeyError::Weak));
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        let key = PrivateKey::generate().unwrap();
        assert!(!format!("{key:?}").contains(&key.secret()));
        assert_ne!(PrivateKey::generate().unwrap().public(), key.public());
    }

    #[test]
    fn halves_of_two_keys_are_no_key() {
        let [one, two] = [PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap()];
        let mixed = PrivateKey::from_texts(&one.secret(), &two.public().to_string());
        assert_eq!(mixed.unwrap_err(), KeyError::Halves);
    }
}
