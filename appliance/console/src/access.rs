//! Signing in and out.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::{HeaderMap, header};
use tokio::sync::Semaphore;

use crate::attempts::Attempts;
use crate::audit::Audit;
use crate::sessions::{Session, Sessions};
use crate::users::Users;
use crate::{ConsoleError, password};

/// Holds the token of a session.
pub const SESSION: &str = "__Host-mamoru-session";
/// Holds what the sign-in form must bring along.
pub const FORM: &str = "__Host-mamoru-form";
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

/// Users, sessions, attempts and audit of one console.
pub struct Access {
    users: Users,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
    audit: Audit,
    hashes: Semaphore,
}

impl Access {
    /// On the files in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            users: Users::new(folder),
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
        let token = cookie(headers, SESSION)?;
        let users = self.users.all().ok()?;
        let user = |name: &str| users.get(name).cloned();
        lock(&self.sessions).find(token, Instant::now(), user)
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
