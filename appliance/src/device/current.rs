//! Which model scores just now, for everybody but the scoring stage; and the wish that it be decided anew.

use std::sync::{Arc, PoisonError, RwLock};

use domain::Aggregation;
use domain::findings::ModelId;
use tokio::sync::watch;

use crate::engine::health::HealthBoard;

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
}

impl Current {
    /// Begins with `running`.
    pub fn new(running: Running) -> Self {
        Self { running: RwLock::new(Arc::new(running)), asked: watch::Sender::new(0) }
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
}
