//! Who is signed in: random tokens of 256 bits, of which only digests are kept, in memory alone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};

use crate::users::{Role, User};
use crate::{ConsoleError, random_token};

/// A session ends when nothing was asked for so long.
pub const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
/// A session ends so long after signing in, whatever is asked.
pub const AGE_MAX: Duration = Duration::from_secs(8 * 3600);
/// The session that was idle for longest makes way for another one.
const SESSIONS_MAX: usize = 256;

/// What is said once on the next page: how an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it went well.
    pub good: bool,
    /// In plain words.
    pub text: String,
}

/// One signed-in user.
#[derive(Clone)]
pub struct Session {
    /// The user's name.
    pub name: String,
    /// The user's role at signing in.
    pub role: Role,
    /// Stands in each form.
    pub csrf: String,
    /// Whether the user wants to see who studies are of.
    pub identifiers: bool,
    notice: Option<Notice>,
    user: User,
    began: Instant,
    used: Instant,
}

/// All sessions.
#[derive(Default)]
pub struct Sessions(HashMap<[u8; 32], Session>);

impl Sessions {
    /// A new session and its token, for the cookie.
    ///
    /// # Errors
    /// [`ConsoleError::NoRandomness`].
    pub fn begin(&mut self, name: &str, user: &User, now: Instant) -> Result<String, ConsoleError> {
        self.0.retain(|_, session| session.lives(now));
        if self.0.len() >= SESSIONS_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key)
        {
            self.0.remove(&oldest);
        }
        let token = random_token()?;
        let csrf = random_token()?;
        let (name, role, user) = (name.to_owned(), user.role, user.clone());
        let session = Session { name, role, csrf, identifiers: true, notice: None, user, began: now, used: now };
        self.0.insert(key(&token), session);
        Ok(token)
    }

    /// The session of a token, while it lives and `user_of` still gives the user as at signing in. It is used by that, unless
    /// a page only looks by itself for what is new.
    pub fn find(
        &mut self,
        token: &str,
        (now, is_use): (Instant, bool),
        user_of: impl Fn(&str) -> Option<User>,
    ) -> Option<Session> {
        let key = key(token);
        let session = self.0.get_mut(&key)?;
        if !session.lives(now) || user_of(&session.name).as_ref() != Some(&session.user) {
            self.0.remove(&key);
            return None;
        }
        if is_use {
            session.used = now;
        }
        Some(session.clone())
    }

    /// Keeps what is to be said on the session's next page.
    pub fn tell(&mut self, token: &str, notice: Notice) {
        if let Some(session) = self.0.get_mut(&key(token)) {
            session.notice = Some(notice);
        }
    }

    /// What is to be said on the session's next page; only once.
    pub fn take_notice(&mut self, token: &str) -> Option<Notice> {
        self.0.get_mut(&key(token))?.notice.take()
    }

    /// Shows or hides who studies are of.
    pub fn show_identifiers(&mut self, token: &str, shown: bool) {
        if let Some(session) = self.0.get_mut(&key(token)) {
            session.identifiers = shown;
        }
    }

    /// Ends the session of a token.
    pub fn end(&mut self, token: &str) {
        self.0.remove(&key(token));
    }
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.duration_since(self.used) < IDLE_MAX && now.duration_since(self.began) < AGE_MAX
    }
}

/// A look-up by digest tells nothing of the token by the time it takes.
fn key(token: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        User { role: Role::Viewer, password_hash: "a".into() }
    }

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let second = Duration::from_secs(1);
        let idle = sessions.begin("ann", &user(), start).unwrap();
        assert!(sessions.find(&idle, (start + IDLE_MAX - second, true), |_| Some(user())).is_some());
        assert!(sessions.find(&idle, (start + IDLE_MAX * 2 - second, true), |_| Some(user())).is_none());
        let busy = sessions.begin("ann", &user(), start).unwrap();
        let mut now = start;
        while now + IDLE_MAX / 2 < start + AGE_MAX {
            now += IDLE_MAX / 2;
            assert!(sessions.find(&busy, (now, true), |_| Some(user())).is_some());
        }
        assert!(sessions.find(&busy, (start + AGE_MAX, true), |_| Some(user())).is_none());
        assert!(sessions.0.is_empty());
        let watching = sessions.begin("ann", &user(), start).unwrap();
        assert!(sessions.find(&watching, (start + IDLE_MAX - second, false), |_| Some(user())).is_some());
        assert!(sessions.find(&watching, (start + IDLE_MAX, true), |_| Some(user())).is_none(), "looking is no use");
    }

    #[test]
    fn a_notice_is_said_once_and_identifiers_stay_hidden() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let token = sessions.begin("ann", &user(), now).unwrap();
        let notice = Notice { good: true, text: "Done.".into() };
        sessions.tell(&token, notice.clone());
        assert_eq!([sessions.take_notice(&token), sessions.take_notice(&token)], [Some(notice), None]);
        assert!(sessions.find(&token, (now, true), |_| Some(user())).unwrap().identifiers);
        sessions.show_identifiers(&token, false);
        assert!(!sessions.find(&token, (now, true), |_| Some(user())).unwrap().identifiers);
    }

    #[test]
    fn a_session_ends_with_its_user_role_or_password() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        for changed in
            [None, Some(User { role: Role::Technician, ..user() }), Some(User { password_hash: "b".into(), ..user() })]
        {
            let token = sessions.begin("ann", &user(), now).unwrap();
            assert!(sessions.find(&token, (now, true), |name| (name == "ann").then(user)).is_some());
            assert!(sessions.find(&token, (now, true), |_| changed.clone()).is_none());
            assert!(sessions.find(&token, (now, true), |_| Some(user())).is_none(), "it does not come back");
        }
    }

    #[test]
    fn tokens_are_not_kept_and_sessions_are_bounded() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.begin("ann", &user(), now).unwrap();
        for step in 1..=SESSIONS_MAX as u64 {
            sessions.begin("ann", &user(), now + Duration::from_millis(step)).unwrap();
        }
        assert_eq!(sessions.0.len(), SESSIONS_MAX);
        assert!(sessions.find(&first, (now, true), |_| Some(user())).is_none(), "the one idle for longest went");
        let token = sessions.begin("ann", &user(), now + IDLE_MAX / 2).unwrap();
        sessions.end(&token);
        assert!(sessions.find(&token, (now + IDLE_MAX / 2, true), |_| Some(user())).is_none());
    }
}
