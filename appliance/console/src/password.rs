//! Argon2id with 19 MiB and two passes, the least that OWASP's password storage sheet asks for.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};

use crate::ConsoleError;

/// In characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// The hash as a PHC string, with a salt of its own.
///
/// # Errors
/// [`ConsoleError::Password`] out of [`LENGTH`], [`ConsoleError::NoRandomness`].
pub fn hash(password: &str) -> Result<String, ConsoleError> {
    if !LENGTH.contains(&password.chars().count()) {
        return Err(ConsoleError::Password);
    }
    let salt = SaltString::encode_b64(&crate::random::<16>()?).map_err(|_| ConsoleError::NoRandomness)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|_| ConsoleError::Password)?;
    Ok(hash.to_string())
}

/// Whether `password` has this hash. Takes as long without one, so that nobody learns which names exist.
pub fn holds(password: &str, hash: Option<&str>) -> bool {
    const NOBODYS: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cy1zYWx0MTIz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if password.chars().count() > *LENGTH.end() {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODYS)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_holds() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(hash("correct horse battery").unwrap(), hashed, "each has its salt");
        assert!(holds("correct horse battery", Some(&hashed)));
        assert!(!holds("correct horse batterx", Some(&hashed)));
        assert!(!holds("correct horse battery", None));
        assert!(!holds("correct horse battery", Some("")));
        assert!(!holds(&"a".repeat(129), Some(&hashed)));
    }

    #[test]
    fn lengths_are_held() {
        assert!(matches!(hash(&"ä".repeat(11)), Err(ConsoleError::Password)));
        assert!(matches!(hash(&"a".repeat(129)), Err(ConsoleError::Password)));
        assert!(hash(&"ä".repeat(12)).is_ok());
    }
}
