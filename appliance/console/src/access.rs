//! Signing in and out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::{HeaderMap, header};
use tokio::sync::Semaphore;

use crate::attempts::Attempts;
use crate::audit::Audit;
use crate::sessions::{Notice, Session, Sessions};
use crate::tokens::{Token, Tokens};
use crate::users::{Role, Users, set_user};
use crate::{ConsoleError, password};

/// Holds the token of a session.
pub const SESSION: &str = "__Host-mamoru-session";
/// Holds what the sign-in form must bring along.
pub const FORM: &str = "__Host-mamoru-form";
/// Stands at what a page asks for by itself, which keeps no session alive.
pub const LIVE: &str = "x-mamoru-live";
/// Each takes 19 MiB.
const HASHES_AT_ONCE: usize = 2;

/// What came of trying to sign in.
pub enum SignIn {
    /// The token of the new session.
    Done(String),
    /// Name or password is wrong, or the name is locked: strangers do not learn which.
    Refused,
    /// This address tried too often.
    TooOften,
}

/// What came of changing a password.
pub enum Change {
    /// It is changed, and the sessions of the user have ended.
    Done,
    /// The old one is wrong, or the name is locked after failures.
    Refused,
    /// The new one is not acceptable.
    Unfit,
}

/// Users, sessions, tokens, attempts and audit of one console.
pub struct Access {
    /// Who did what.
    pub audit: Audit,
    folder: PathBuf,
    users: Users,
    tokens: Tokens,
    /// Held while a file of users or tokens is read, changed and written.
    changing: tokio::sync::Mutex<()>,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
    hashes: Semaphore,
}

impl Access {
    /// On the files in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            users: Users::new(folder),
            tokens: Tokens::new(folder),
            changing: tokio::sync::Mutex::default(),
            sessions: Mutex::default(),
            attempts: Mutex::default(),
            audit: Audit::new(folder),
            hashes: Semaphore::new(HASHES_AT_ONCE),
        }
    }

    /// Tries to sign in, and records how that went.
    ///
    /// # Errors
    /// What reading the users or writing the audit file says; then nobody is signed in.
    pub async fn sign_in(&self, name: &str, password: String, address: IpAddr) -> Result<SignIn, ConsoleError> {
        if !lock(&self.attempts).address_may(address, Instant::now()) {
            tracing::warn!(%address, "too many attempts to sign in");
            return Ok(SignIn::TooOften);
        }
        let user = self.users.all()?.remove(name);
        let who = if user.is_some() { name } else { "unknown" };
        if !lock(&self.attempts).name_may(name, Instant::now()) {
            self.audit.record(who, address, "sign in", "locked")?;
            return Ok(SignIn::Refused);
        }
        let _turn = self.hashes.acquire().await;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let right = tokio::task::spawn_blocking(move || password::holds(&password, hash.as_deref())).await;
        let Some(user) = user.filter(|_| right.unwrap_or(false)) else {
            self.audit.record(who, address, "sign in", "refused")?;
            return Ok(SignIn::Refused);
        };
        self.audit.record(who, address, "sign in", "done")?;
        lock(&self.attempts).succeeded(name);
        Ok(SignIn::Done(lock(&self.sessions).begin(name, &user, Instant::now())?))
    }

    /// Ends the session of these headers.
    ///
    /// # Errors
    /// What writing the audit file says; the session has ended all the same.
    pub fn sign_out(&self, headers: &HeaderMap, session: &Session, address: IpAddr) -> Result<(), ConsoleError> {
        if let Some(token) = cookie(headers, SESSION) {
            lock(&self.sessions).end(token);
        }
        self.audit.record(&session.name, address, "sign out", "done")
    }

    /// The session of these headers, if it lives.
    pub fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.find(headers, !headers.contains_key(LIVE))
    }

    /// Whether the session or the token of these headers lives; asking is no use of it.
    pub fn still(&self, headers: &HeaderMap) -> bool {
        self.find(headers, false).is_some() || self.machine(headers).is_some()
    }

    fn find(&self, headers: &HeaderMap, is_use: bool) -> Option<Session> {
        let token = cookie(headers, SESSION)?;
        let users = self.users.all().ok()?;
        let user = |name: &str| users.get(name).cloned();
        lock(&self.sessions).find(token, (Instant::now(), is_use), user)
    }

    /// The name and role of the machine whose token these headers hold, while its maker is a technician.
    pub fn machine(&self, headers: &HeaderMap) -> Option<(String, Role)> {
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let (name, found) = self.tokens.find(token).ok()??;
        let maker = self.users.all().ok()?.remove(&found.made_by)?;
        (maker.role == Role::Technician).then_some((name, found.role))
    }

    /// Keeps what is to be said on the next page of these headers' session.
    pub fn tell(&self, headers: &HeaderMap, notice: Notice) {
        if let Some(token) = cookie(headers, SESSION) {
            lock(&self.sessions).tell(token, notice);
        }
    }

    /// What is to be said now; a page that only looks for what is new says nothing.
    pub fn take_notice(&self, headers: &HeaderMap) -> Option<Notice> {
        let token = cookie(headers, SESSION).filter(|_| !headers.contains_key(LIVE))?;
        lock(&self.sessions).take_notice(token)
    }

    /// Shows or hides who studies are of.
    pub fn show_identifiers(&self, headers: &HeaderMap, shown: bool) {
        if let Some(token) = cookie(headers, SESSION) {
            lock(&self.sessions).show_identifiers(token, shown);
        }
    }

    /// Gives the session's user another password. Failures count as those of signing in.
    ///
    /// # Errors
    /// What reading and writing the users says.
    pub async fn change_password(&self, session: &Session, old: String, new: String) -> Result<Change, ConsoleError> {
        if !lock(&self.attempts).name_may(&session.name, Instant::now()) {
            return Ok(Change::Refused);
        }
        let _turn = self.hashes.acquire().await;
        let _changing = self.changing.lock().await;
        let hash = self.users.all()?.remove(&session.name).map(|user| user.password_hash);
        let right = tokio::task::spawn_blocking(move || password::holds(&old, hash.as_deref())).await;
        if !right.unwrap_or(false) {
            return Ok(Change::Refused);
        }
        lock(&self.attempts).succeeded(&session.name);
        let (folder, name, role) = (self.folder.clone(), session.name.clone(), session.role);
        match tokio::task::spawn_blocking(move || set_user(&folder, &name, role, &new)).await {
            Ok(Ok(())) => Ok(Change::Done),
            Ok(Err(ConsoleError::Password)) | Err(_) => Ok(Change::Unfit),
            Ok(Err(error)) => Err(error),
        }
    }

    /// All tokens by name.
    ///
    /// # Errors
    /// What reading the file says.
    pub fn tokens(&self) -> Result<BTreeMap<String, Token>, ConsoleError> {
        self.tokens.all()
    }

    /// Makes a token; see [`Tokens::make`].
    ///
    /// # Errors
    /// As there.
    pub async fn make_token(&self, name: &str, role: Role, made_by: &str) -> Result<String, ConsoleError> {
        let _changing = self.changing.lock().await;
        self.tokens.make(name, role, made_by)
    }

    /// Removes a token.
    ///
    /// # Errors
    /// As [`Tokens::remove`].
    pub async fn remove_token(&self, name: &str) -> Result<(), ConsoleError> {
        let _changing = self.changing.lock().await;
        self.tokens.remove(name)
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split("; ")).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
