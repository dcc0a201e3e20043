use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{make_folder, read_secret, write_secret};
use crate::{ConsoleError, password};

const FILE: &str = "users.json";
const BYTES_MAX: u64 = 64 * 1024;
const USERS_MAX: usize = 64;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees and does everything.
    Technician,
    /// Sees everything.
    Viewer,
}

impl Role {
    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Technician => "technician",
            Self::Viewer => "viewer",
        }
    }
}

/// One user's line in the file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// What this user may do.
    pub role: Role,
    /// Argon2id, as a PHC string.
    pub password_hash: String,
}

/// The users file of a console's folder. It is read at each request, so that a change counts at once.
#[derive(Clone, Debug)]
pub struct Users(PathBuf);

impl Users {
    /// The file need not be there: then nobody can sign in.
    pub fn new(folder: &Path) -> Self {
        Self(folder.join(FILE))
    }

    /// All users by name.
    ///
    /// # Errors
    /// [`ConsoleError`] `Exposed`, `TooLarge`, `Users`, `File`.
    pub fn all(&self) -> Result<BTreeMap<String, User>, ConsoleError> {
        let Some(bytes) = read_secret(&self.0, BYTES_MAX)? else { return Ok(BTreeMap::new()) };
        serde_json::from_slice(&bytes).map_err(|_| ConsoleError::Users(self.0.clone()))
    }

    fn write(&self, users: &BTreeMap<String, User>) -> Result<(), ConsoleError> {
        let bytes = serde_json::to_vec_pretty(users).map_err(|_| ConsoleError::Users(self.0.clone()))?;
        write_secret(&self.0, &bytes)
    }
}

/// Adds a user to the console's `folder`, or gives one another role and password; ends that user's sessions.
///
/// # Errors
/// [`ConsoleError`] `Name`, `Password`, `TooManyUsers`, and what reading and writing the file says.
pub fn set_user(folder: &Path, name: &str, role: Role, password: &str) -> Result<(), ConsoleError> {
    if !is_name(name) {
        return Err(ConsoleError::Name);
    }
    if password.eq_ignore_ascii_case(name) {
        return Err(ConsoleError::Password);
    }
    make_folder(folder)?;
    let file = Users::new(folder);
    let mut users = file.all()?;
    users.insert(name.to_owned(), User { role, password_hash: password::hash(password)? });
    if users.len() > USERS_MAX {
        return Err(ConsoleError::TooManyUsers(USERS_MAX));
    }
    file.write(&users)
}

/// Removes a user and ends that user's sessions.
///
/// # Errors
/// [`ConsoleError::NoSuchUser`], and what reading and writing the file says.
pub fn remove_user(folder: &Path, name: &str) -> Result<(), ConsoleError> {
    let file = Users::new(folder);
    let mut users = file.all()?;
    users.remove(name).ok_or(ConsoleError::NoSuchUser)?;
    file.write(&users)
}

/// Whether a user or a machine can be called so.
pub fn is_name(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=32).contains(&name.len()) && name.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_kept_without_their_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("console");
        assert!(Users::new(&folder).all().unwrap().is_empty());
        set_user(&folder, "ann", Role::Technician, "a long password").unwrap();
        set_user(&folder, "bob", Role::Viewer, "another password").unwrap();
        let users = Users::new(&folder).all().unwrap();
        assert_eq!((users["ann"].role, users["bob"].role), (Role::Technician, Role::Viewer));
        assert!(password::holds("a long password", Some(&users["ann"].password_hash)));
        assert!(!std::fs::read_to_string(folder.join(FILE)).unwrap().contains("password\""));
        remove_user(&folder, "ann").unwrap();
        assert!(matches!(remove_user(&folder, "ann"), Err(ConsoleError::NoSuchUser)));
        assert_eq!(Users::new(&folder).all().unwrap().len(), 1);
    }

    #[test]
    fn bad_names_and_passwords_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "Ann", "a b", "a\n", "../a", &"a".repeat(33)] {
            assert!(matches!(set_user(folder.path(), name, Role::Viewer, "a long password"), Err(ConsoleError::Name)));
        }
        for (name, password) in [("ann", "short"), ("twelve.chars", "Twelve.Chars")] {
            assert!(matches!(set_user(folder.path(), name, Role::Viewer, password), Err(ConsoleError::Password)));
        }
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn a_damaged_file_lets_nobody_in_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for damaged in ["", "{", "[]", r#"{"ann":{"role":"root","password_hash":""}}"#] {
            write_secret(&folder.path().join(FILE), damaged.as_bytes()).unwrap();
            assert!(matches!(Users::new(folder.path()).all(), Err(ConsoleError::Users(_))), "{damaged}");
            assert!(set_user(folder.path(), "ann", Role::Viewer, "a long password").is_err());
            assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), damaged);
        }
    }
}
