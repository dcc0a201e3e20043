//! How many associations there are, in all and per peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The places for associations. It never holds more entries than there are places.
#[derive(Debug)]
pub(crate) struct Places {
    all_max: usize,
    per_peer_max: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One place; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    peer: IpAddr,
}

impl Places {
    pub(crate) fn new(all_max: usize, per_peer_max: usize) -> Arc<Self> {
        Arc::new(Self { all_max, per_peer_max, taken: Mutex::default() })
    }

    /// A place for `peer`, if there is one.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this_peer = taken.get(&peer).copied().unwrap_or(0);
        if of_this_peer >= self.per_peer_max || taken.values().sum::<usize>() >= self.all_max {
            return None;
        }
        taken.insert(peer, of_this_peer + 1);
        Some(Place { places: Arc::clone(self), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_places_come_back() {
        let places = Places::new(3, 2);
        let [a, b, c]: [IpAddr; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|text| text.parse().unwrap());
        let first = places.take(a).unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let second = places.take(mapped).unwrap();
        assert!(places.take(a).is_none(), "two per peer, however its address is written");
        let third = places.take(b).unwrap();
        assert!(places.take(c).is_none(), "three in all");
        drop(second);
        let again = places.take(c).unwrap();
        drop((first, third, again));
        assert!(places.taken.lock().unwrap().is_empty(), "nothing is kept of peers that are gone");
    }
}
