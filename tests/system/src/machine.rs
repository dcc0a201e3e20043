//! How many devices run at once: each takes 600 MB of memory and all processors, and times are tested.

use std::sync::{Condvar, Mutex, PoisonError};

/// Devices at the same time within one test program.
const DEVICES_MAX: usize = 2;

static RUNNING: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// A place for one device, until it is dropped.
#[derive(Debug)]
pub struct Place(());

impl Place {
    /// Waits for a place: as long as the tests take that hold one, and each of them has its deadlines.
    pub fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running =
            FREED.wait_while(running, |running| *running >= DEVICES_MAX).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
