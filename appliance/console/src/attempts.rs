//! How often somebody may try to sign in: by address, and by name.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Attempts of one address in [`WINDOW`]; also of all of a /64 of IPv6 together.
pub const PER_ADDRESS: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// After so many failures within [`LOCK`] nobody signs in under the name for [`LOCK`].
pub const FAILURES: u32 = 5;
/// How long a name is locked after the last failure.
pub const LOCK: Duration = Duration::from_secs(5 * 60);
const ENTRIES_MAX: usize = 4096;

/// Counts of attempts and failures.
#[derive(Default)]
pub struct Attempts {
    addresses: HashMap<IpAddr, (Instant, u32)>,
    names: HashMap<String, (Instant, u32)>,
}

impl Attempts {
    /// Counts an attempt from `address`; `false` when there were too many.
    pub fn address_may(&mut self, address: IpAddr, now: Instant) -> bool {
        make_room(&mut self.addresses, now, WINDOW);
        let entry = self.addresses.entry(network(address)).or_insert((now, 0));
        if now.duration_since(entry.0) >= WINDOW {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        entry.1 <= PER_ADDRESS
    }

    /// Counts a failure for the name before the password is looked at, so that attempts at the same moment count;
    /// `false` when the name is locked, and then the password must not be looked at.
    pub fn name_may(&mut self, name: &str, now: Instant) -> bool {
        make_room(&mut self.names, now, LOCK);
        let entry = self.names.entry(name.to_owned()).or_insert((now, 0));
        if now.duration_since(entry.0) >= LOCK {
            entry.1 = 0;
        }
        if entry.1 >= FAILURES {
            return false;
        }
        *entry = (now, entry.1 + 1);
        true
    }

    /// The password was right: what was counted for the name is forgotten.
    pub fn succeeded(&mut self, name: &str) {
        self.names.remove(name);
    }
}

/// Whoever has one address of IPv6 mostly has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

/// Below the limit: what counts no longer goes first, then what is oldest.
fn make_room<K: Clone + Eq + Hash>(entries: &mut HashMap<K, (Instant, u32)>, now: Instant, kept: Duration) {
    if entries.len() < ENTRIES_MAX {
        return;
    }
    entries.retain(|_, (at, _)| now.duration_since(*at) < kept);
    if entries.len() >= ENTRIES_MAX
        && let Some(oldest) = entries.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone())
    {
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tries_only_so_often() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..PER_ADDRESS {
            assert!(attempts.address_may(address, now));
        }
        assert!(!attempts.address_may(address, now));
        assert!(!attempts.address_may("::ffff:192.0.2.1".parse().unwrap(), now), "the same one, mapped");
        assert!(attempts.address_may("192.0.2.2".parse().unwrap(), now));
        assert!(attempts.address_may(address, now + WINDOW));
        for host in 0..PER_ADDRESS {
            assert!(attempts.address_may(format!("2001:db8::{host:x}").parse().unwrap(), now));
        }
        assert!(!attempts.address_may("2001:db8::ffff".parse().unwrap(), now), "one network");
    }

    #[test]
    fn a_name_is_locked_after_failures_and_opens_again() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..FAILURES {
            assert!(attempts.name_may("ann", now));
        }
        assert!(!attempts.name_may("ann", now));
        assert!(!attempts.name_may("ann", now + LOCK - Duration::from_secs(1)), "asking does not prolong it");
        assert!(attempts.name_may("bob", now));
        assert!(attempts.name_may("ann", now + LOCK));
        attempts.succeeded("ann");
        for _ in 0..FAILURES {
            assert!(attempts.name_may("ann", now + LOCK));
        }
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..ENTRIES_MAX as u32 + 10 {
            attempts.name_may(&number.to_string(), now);
            attempts.address_may(IpAddr::V4(number.into()), now);
        }
        assert!(attempts.names.len() <= ENTRIES_MAX && attempts.addresses.len() <= ENTRIES_MAX);
    }
}
