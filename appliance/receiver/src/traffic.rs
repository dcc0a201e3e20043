//! Who is sending just now: what whoever waits for a study's last image wants to know.
//!
//! Kept in memory only: after a restart no association is open. Bounded by the places for associations and by
//! [`CLOSED_MAX`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::{AeTitle, Senders, StudyKey, UnixMillis};
use tokio::sync::watch;

/// Studies whose last association's end is remembered; beyond, the oldest is forgotten. A settling time is seconds.
const CLOSED_MAX: usize = 256;

/// The open associations, and the ends of the last ones.
#[derive(Debug)]
pub struct Traffic {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, Open>,
    closed: VecDeque<(StudyKey, UnixMillis)>,
}

#[derive(Debug)]
struct Open {
    calling_ae: AeTitle,
    opened_at: UnixMillis,
    /// Of its last image that was acknowledged.
    study: Option<StudyKey>,
    receiving_since: Option<UnixMillis>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { state: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Traffic {
    /// A receiver that sees a new value after an association or an image has ended.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What those who sent images of `study`, the application entities `senders`, are doing.
    #[must_use]
    pub fn of(&self, study: &StudyKey, senders: &BTreeSet<AeTitle>) -> Senders {
        let state = self.lock();
        let closed = state.closed.iter().filter(|(closed, _)| closed == study).map(|(_, at)| *at);
        let mut found = Senders { closed_at: closed.max(), ..Senders::default() };
        let earlier = |first: Option<UnixMillis>, second: Option<UnixMillis>| first.into_iter().chain(second).min();
        for open in state.open.values().filter(|open| senders.contains(&open.calling_ae)) {
            match &open.study {
                Some(current) if current == study => {
                    found.is_open = true;
                    found.is_receiving |= open.receiving_since.is_some();
                }
                Some(_) => {}
                None => {
                    found.unknown_since = earlier(found.unknown_since, Some(open.opened_at));
                    found.receiving_unknown_since = earlier(found.receiving_unknown_since, open.receiving_since);
                }
            }
        }
        found
    }

    /// An association is open until the visit is dropped.
    pub(crate) fn open(self: &Arc<Self>, calling_ae: AeTitle, now: UnixMillis) -> Visit {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, Open { calling_ae, opened_at: now, study: None, receiving_since: None });
        Visit { traffic: Arc::clone(self), number }
    }

    fn close(&self, number: u64, now: UnixMillis) {
        let mut state = self.lock();
        if let Some(study) = state.open.remove(&number).and_then(|open| open.study) {
            state.closed.retain(|(closed, _)| *closed != study);
            state.closed.push_back((study, now));
            if state.closed.len() > CLOSED_MAX {
                state.closed.pop_front();
            }
        }
        drop(state);
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|change| *change = change.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open association.
#[derive(Debug)]
pub(crate) struct Visit {
    traffic: Arc<Traffic>,
    number: u64,
}

impl Visit {
    /// An image begins to come in.
    pub(crate) fn begin(&self, now: UnixMillis) {
        if let Some(open) = self.traffic.lock().open.get_mut(&self.number) {
            open.receiving_since = Some(now);
        }
    }

    /// It has come to its end; `study` is its study when it was taken.
    pub(crate) fn end(&self, study: Option<StudyKey>) {
        if let Some(open) = self.traffic.lock().open.get_mut(&self.number) {
            open.receiving_since = None;
            open.study = study.or(open.study.take());
        }
        self.traffic.changed();
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.traffic.close(self.number, now());
    }
}

/// The time of day.
pub(crate) fn now() -> UnixMillis {
    UnixMillis::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use contract::Uid;

    use super::*;

    fn ae(title: &str) -> AeTitle {
        AeTitle::parse(title).unwrap()
    }

    fn study(name: &str) -> StudyKey {
        StudyKey(Uid::derived(&[name]))
    }

    fn of(traffic: &Traffic, name: &str) -> Senders {
        traffic.of(&study(name), &BTreeSet::from([ae("UNIT")]))
    }

    #[test]
    fn an_association_belongs_to_the_study_of_its_last_image() {
        let traffic = Arc::new(Traffic::default());
        let visit = traffic.open(ae("UNIT"), UnixMillis(5));
        let unknown = Senders { unknown_since: Some(UnixMillis(5)), ..Senders::default() };
        assert_eq!(of(&traffic, "a"), unknown);
        assert_eq!(traffic.of(&study("a"), &BTreeSet::from([ae("OTHER")])), Senders::default(), "another sender");
        visit.begin(UnixMillis(6));
        assert_eq!(of(&traffic, "a"), Senders { receiving_unknown_since: Some(UnixMillis(6)), ..unknown });
        visit.end(Some(study("a")));
        let open = Senders { is_open: true, ..Senders::default() };
        assert_eq!((of(&traffic, "a"), of(&traffic, "b")), (open, Senders::default()));
        visit.begin(UnixMillis(7));
        assert_eq!(of(&traffic, "a"), Senders { is_receiving: true, ..open });
        visit.end(None);
        assert_eq!(of(&traffic, "a"), open, "one that was refused changes nothing");
        visit.begin(UnixMillis(8));
        visit.end(Some(study("b")));
        assert_eq!((of(&traffic, "a"), of(&traffic, "b")), (Senders::default(), open), "it has gone on");
        drop(visit);
        let closed = of(&traffic, "b");
        assert!(closed.closed_at.is_some() && !closed.is_open && of(&traffic, "a").closed_at.is_none());
    }

    #[test]
    fn ends_are_announced_and_remembered_up_to_a_number() {
        let traffic = Arc::new(Traffic::default());
        let mut changes = traffic.changes();
        for number in 0..=CLOSED_MAX {
            let visit = traffic.open(ae("UNIT"), UnixMillis(1));
            visit.end(Some(study(&number.to_string())));
            changes.borrow_and_update();
            drop(visit);
            assert!(changes.has_changed().unwrap());
        }
        assert_eq!(traffic.lock().closed.len(), CLOSED_MAX);
        assert!(of(&traffic, "0").closed_at.is_none() && of(&traffic, "1").closed_at.is_some());
        assert!(traffic.lock().open.is_empty());
    }
}
