//! Which model scores just now and how its last self-test ended, for everybody but the scoring stage; and the wishes that the
//! model be decided anew and that it be tested.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use domain::Aggregation;
use domain::findings::ModelId;
use tokio::sync::watch;

use crate::engine::health::HealthBoard;
use crate::selftest::{SelfTest, Verdict};
use crate::shadow::Comparison;

/// A model that scores.
#[derive(Debug)]
pub struct Running {
    /// Which one.
    pub model: ModelId,
    /// How it wants a breast's images aggregated.
    pub aggregation: Aggregation,
    /// How its engines are.
    pub board: Arc<HealthBoard>,
}

/// The model that scores just now.
#[derive(Debug)]
pub struct Current {
    running: RwLock<Arc<Running>>,
    asked: watch::Sender<u64>,
    tested: RwLock<Option<SelfTest>>,
    test_asked: watch::Sender<u64>,
    is_test_accepted: AtomicBool,
    shadow: RwLock<Option<Comparison>>,
}

impl Current {
    /// Begins with `running`, and how its last self-test ended.
    pub fn new(running: Running, tested: Option<SelfTest>) -> Self {
        Self {
            running: RwLock::new(Arc::new(running)),
            asked: watch::Sender::new(0),
            tested: RwLock::new(tested),
            test_asked: watch::Sender::new(0),
            is_test_accepted: AtomicBool::new(false),
            shadow: RwLock::new(None),
        }
    }

    /// The model that scores just now.
    pub fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Another one scores from now on.
    pub fn set(&self, running: Running) {
        *self.running.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(running);
    }

    /// Asks the scoring stage to look which model is to run, after the image in work.
    pub fn ask(&self) {
        self.asked.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How often that was asked for.
    pub fn asked(&self) -> watch::Receiver<u64> {
        self.asked.subscribe()
    }

    /// The last self-test, of whatever model.
    pub fn self_test(&self) -> Option<SelfTest> {
        self.tested.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A self-test has ended.
    pub fn set_self_test(&self, test: SelfTest) {
        *self.tested.write().unwrap_or_else(PoisonError::into_inner) = Some(test);
    }

    /// Did the model that scores just now fail its last self-test?
    pub fn is_in_doubt(&self) -> bool {
        let network = self.running().model.network;
        let tested = self.tested.read().unwrap_or_else(PoisonError::into_inner);
        tested.as_ref().is_some_and(|test| test.verdict == Verdict::Failed && test.subject.network == network)
    }

    /// Asks the scoring stage for a self-test, after the image in work. With `is_accepted` what it gives is expected from then
    /// on.
    pub fn ask_self_test(&self, is_accepted: bool) {
        self.is_test_accepted.fetch_or(is_accepted, Ordering::Relaxed);
        self.test_asked.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How often that was asked for.
    pub fn self_test_asked(&self) -> watch::Receiver<u64> {
        self.test_asked.subscribe()
    }

    /// Whether what the next self-test gives is to be expected from then on; asked once.
    pub fn take_acceptance(&self) -> bool {
        self.is_test_accepted.swap(false, Ordering::Relaxed)
    }

    /// How a shadow compares, where there is one.
    pub fn shadow(&self) -> Option<Comparison> {
        self.shadow.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A shadow compares so, or there is none.
    pub fn set_shadow(&self, comparison: Option<Comparison>) {
        *self.shadow.write().unwrap_or_else(PoisonError::into_inner) = comparison;
    }
}
