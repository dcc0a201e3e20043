//! What the command line needs beside [`crate::set_user`]: who there is, and a password to begin with.

use std::path::Path;

use crate::users::{Role, Users};
use crate::{ConsoleError, random};

/// Letters and digits that nobody mistakes for each other on a sheet of paper; 32 of them, so that a byte picks one evenly.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Groups of a password, and letters of a group: 100 bits.
const GROUPS: usize = 4;
const LETTERS: usize = 5;

/// Users and their roles, by name.
///
/// # Errors
/// What reading the file says.
pub fn user_roles(folder: &Path) -> Result<Vec<(String, Role)>, ConsoleError> {
    Ok(Users::new(folder).all()?.into_iter().map(|(name, user)| (name, user.role)).collect())
}

/// A password of 100 random bits, to be shown once and read by people.
///
/// # Errors
/// [`ConsoleError::NoRandomness`].
pub fn new_password() -> Result<String, ConsoleError> {
    let bytes = random::<{ GROUPS * LETTERS }>()?;
    let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    let groups: Vec<String> = letters.chunks(LETTERS).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_readable_long_enough_and_differ() {
        let (one, other) = (new_password().unwrap(), new_password().unwrap());
        assert!(one.len() == 23 && one != other, "{one} {other}");
        assert!(one.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{one}");
    }

    #[test]
    fn the_roster_names_users_and_roles() {
        let folder = tempfile::tempdir().unwrap();
        assert!(user_roles(&folder.path().join("none")).unwrap().is_empty());
        let folder = folder.path().join("console");
        crate::set_user(&folder, "bob", Role::Viewer, &new_password().unwrap()).unwrap();
        assert_eq!(user_roles(&folder).unwrap(), [("bob".to_owned(), Role::Viewer)]);
    }
}
