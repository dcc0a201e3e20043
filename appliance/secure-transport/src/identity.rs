//! Which certificate a peer must have, parsed at the border.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Identity;

/// One certificate, by its SHA-256 fingerprint, or all that are for one name, by their subject's only common name.
///
/// A name outlasts renewals; it is as good as the authorities that are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ExpectedCertificate {
    /// SHA-256 of the whole certificate.
    Fingerprint([u8; 32]),
    /// The subject's common name, letter for letter.
    CommonName(String),
}

/// A text that names no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a certificate is its SHA-256 fingerprint of 64 hexadecimal digits, with or without colons, or CN=NAME")]
pub struct ExpectedCertificateError;

impl ExpectedCertificate {
    /// Parses a fingerprint, as `openssl x509 -fingerprint -sha256` prints it or without its colons, or `CN=NAME`.
    ///
    /// # Errors
    /// [`ExpectedCertificateError`].
    pub fn parse(text: &str) -> Result<Self, ExpectedCertificateError> {
        if let Some(name) = text.strip_prefix("CN=") {
            let is_plain = !name.is_empty() && name.trim() == name && !name.contains(char::is_control);
            return if is_plain { Ok(Self::CommonName(name.into())) } else { Err(ExpectedCertificateError) };
        }
        let digits = match text.len() {
            64 => text.to_owned(),
            95 if text.bytes().skip(2).step_by(3).all(|byte| byte == b':') => text.replace(':', ""),
            _ => return Err(ExpectedCertificateError),
        };
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ExpectedCertificateError);
        }
        let mut fingerprint = [0; 32];
        for (byte, place) in fingerprint.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&digits[place..place + 2], 16).map_err(|_| ExpectedCertificateError)?;
        }
        Ok(Self::Fingerprint(fingerprint))
    }

    /// Is it this one?
    #[must_use]
    pub fn is(&self, identity: &Identity) -> bool {
        match self {
            Self::Fingerprint(fingerprint) => *fingerprint == identity.fingerprint,
            Self::CommonName(name) => identity.common_name.as_ref() == Some(name),
        }
    }
}

impl fmt::Display for ExpectedCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(bytes) => bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}")),
            Self::CommonName(name) => write!(formatter, "CN={name}"),
        }
    }
}

impl TryFrom<String> for ExpectedCertificate {
    type Error = ExpectedCertificateError;

    fn try_from(text: String) -> Result<Self, ExpectedCertificateError> {
        Self::parse(&text)
    }
}

impl From<ExpectedCertificate> for String {
    fn from(expected: ExpectedCertificate) -> Self {
        expected.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_openssl_prints_them() {
        let digits: String = (0..32).map(|byte: u8| format!("{byte:02x}")).collect();
        let colons: Vec<_> = (0..32).map(|byte: u8| format!("{byte:02X}")).collect();
        let expected = ExpectedCertificate::parse(&digits).unwrap();
        assert_eq!(ExpectedCertificate::parse(&colons.join(":")), Ok(expected.clone()));
        assert_eq!(expected.to_string(), digits);
        let identity = |first| {
            let mut fingerprint: [u8; 32] = std::array::from_fn(|place| place as u8);
            fingerprint[0] = first;
            Identity { fingerprint, common_name: Some(digits.clone()) }
        };
        assert!(expected.is(&identity(0)) && !expected.is(&identity(1)));
        let euro = format!("{}€", "0".repeat(61));
        let joined = colons.join("-");
        for text in ["", "00", &digits[1..], &format!("{digits}0"), &digits.replace('0', "g"), &joined, &euro] {
            assert_eq!(ExpectedCertificate::parse(text), Err(ExpectedCertificateError), "{text:?}");
        }
    }

    #[test]
    fn names_are_compared_letter_for_letter() {
        let named = |name: Option<&str>| Identity { fingerprint: [0; 32], common_name: name.map(str::to_owned) };
        let expected = ExpectedCertificate::parse("CN=mammo1.example").unwrap();
        assert!(expected.is(&named(Some("mammo1.example"))));
        for other in [None, Some(""), Some("MAMMO1.example"), Some("mammo1.example.org"), Some("CN=mammo1.example")] {
            assert!(!expected.is(&named(other)), "{other:?}");
        }
        assert_eq!(String::from(expected), "CN=mammo1.example");
        for text in ["CN=", "CN= a", "CN=a\nb", "cn=a", "O=a"] {
            assert_eq!(ExpectedCertificate::parse(text), Err(ExpectedCertificateError), "{text:?}");
        }
    }
}
