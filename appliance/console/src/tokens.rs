//! Tokens for machines, made by a technician. Only their digests are kept, in a file that is read at each request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::files::{read_secret, write_secret};
use crate::users::is_name;
use crate::{ConsoleError, Role, random_token};

const FILE: &str = "tokens.json";
const BYTES_MAX: u64 = 64 * 1024;
const TOKENS_MAX: usize = 32;
/// So that a token that is lost somewhere is known for what it is.
const PREFIX: &str = "mamoru_";

/// One machine's line in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What the machine may do.
    pub role: Role,
    /// SHA-256 of the token, in hexadecimal digits.
    digest: String,
    /// The technician; when that user is no technician any more, the token is good for nothing.
    pub made_by: String,
    /// Seconds since 1970.
    pub made_at_s: u64,
}

/// The tokens file of a console's folder.
pub struct Tokens(PathBuf);

impl Tokens {
    /// The file need not be there.
    pub fn new(folder: &Path) -> Self {
        Self(folder.join(FILE))
    }

    /// All tokens by name.
    ///
    /// # Errors
    /// [`ConsoleError`] `Exposed`, `TooLarge`, `Tokens`, `File`.
    pub fn all(&self) -> Result<BTreeMap<String, Token>, ConsoleError> {
        let Some(bytes) = read_secret(&self.0, BYTES_MAX)? else { return Ok(BTreeMap::new()) };
        serde_json::from_slice(&bytes).map_err(|_| ConsoleError::Tokens(self.0.clone()))
    }

    /// Makes a token, in place of one of the same name; it is given this once.
    ///
    /// # Errors
    /// [`ConsoleError`] `Name`, `TooManyTokens`, `NoRandomness`, and what reading and writing the file says.
    pub fn make(&self, name: &str, role: Role, made_by: &str) -> Result<String, ConsoleError> {
        if !is_name(name) {
            return Err(ConsoleError::Name);
        }
        let mut all = self.all()?;
        let token = format!("{PREFIX}{}", random_token()?);
        let made_at_s = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        all.insert(name.to_owned(), Token { role, digest: hashed(&token), made_by: made_by.into(), made_at_s });
        if all.len() > TOKENS_MAX {
            return Err(ConsoleError::TooManyTokens(TOKENS_MAX));
        }
        self.write(&all)?;
        Ok(token)
    }

    /// Removes a token.
    ///
    /// # Errors
    /// [`ConsoleError::NoSuchToken`], and what reading and writing the file says.
    pub fn remove(&self, name: &str) -> Result<(), ConsoleError> {
        let mut all = self.all()?;
        all.remove(name).ok_or(ConsoleError::NoSuchToken)?;
        self.write(&all)
    }

    /// The name and the line of a token.
    ///
    /// # Errors
    /// What reading the file says.
    pub fn find(&self, token: &str) -> Result<Option<(String, Token)>, ConsoleError> {
        // A look-up by digest tells nothing of the token by the time it takes.
        let digest = hashed(token);
        Ok(self.all()?.into_iter().find(|(_, one)| one.digest == digest))
    }

    fn write(&self, all: &BTreeMap<String, Token>) -> Result<(), ConsoleError> {
        let bytes = serde_json::to_vec_pretty(all).map_err(|_| ConsoleError::Tokens(self.0.clone()))?;
        write_secret(&self.0, &bytes)
    }
}

fn hashed(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_until_it_is_removed_and_never_kept() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(folder.path());
        assert!(tokens.find("").unwrap().is_none());
        let token = tokens.make("monitor", Role::Viewer, "ann").unwrap();
        let (name, found) = tokens.find(&token).unwrap().unwrap();
        assert_eq!((name.as_str(), found.role, found.made_by.as_str()), ("monitor", Role::Viewer, "ann"));
        assert!(tokens.find(&token[..token.len() - 1]).unwrap().is_none());
        assert!(!std::fs::read_to_string(folder.path().join(FILE)).unwrap().contains(&token[PREFIX.len()..]));
        let other = tokens.make("monitor", Role::Viewer, "ann").unwrap();
        assert!(tokens.find(&token).unwrap().is_none() && tokens.find(&other).unwrap().is_some(), "made anew");
        tokens.remove("monitor").unwrap();
        assert!(tokens.find(&other).unwrap().is_none());
        assert!(matches!(tokens.remove("monitor"), Err(ConsoleError::NoSuchToken)));
    }

    #[test]
    fn tokens_are_bounded_and_a_damaged_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(folder.path());
        assert!(matches!(tokens.make("A b", Role::Viewer, "ann"), Err(ConsoleError::Name)));
        for number in 0..TOKENS_MAX {
            tokens.make(&format!("t{number}"), Role::Viewer, "ann").unwrap();
        }
        assert!(matches!(tokens.make("more", Role::Viewer, "ann"), Err(ConsoleError::TooManyTokens(_))));
        write_secret(&folder.path().join(FILE), b"{").unwrap();
        assert!(matches!(tokens.find("a"), Err(ConsoleError::Tokens(_))));
        assert!(tokens.make("a", Role::Viewer, "ann").is_err());
    }
}
