//! The shadow: scores what the active model has scored, when nothing else waits. No score of it is kept.

use std::collections::VecDeque;

use contract::Digest;
use domain::findings::ModelId;
use domain::{ImageFinding, InstanceOutcome};
use queue::StateDir;

use super::kept;
use super::trial::{Models, Seat};
use crate::shadow::{Comparison, Opinion};

/// The comparison's file in the state folder.
const FILE: &str = "shadow.json";
/// Images that wait for the shadow.
const WAITING_MAX: usize = 256;

/// A model that scores beside the active one.
pub struct Shadow {
    seat: Option<Seat>,
    waiting: VecDeque<(String, Opinion)>,
    comparison: Comparison,
    state: StateDir,
}

/// The name of an installed shadow.
pub struct Named {
    /// SHA-256 of its bundle's manifest.
    pub bundle: Digest,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Shadow {
    /// Opens the shadow that is installed, if there is one, beside the `active` model. One that cannot be opened says why.
    pub fn open(models: &Models, active: &ModelId, state: &StateDir) -> Option<Self> {
        let (Named { bundle, name, version }, opened) = models.open_shadow()?;
        // One that is damaged counts as none.
        let before =
            kept::read::<Comparison>(state.root(), FILE).ok().flatten().filter(|kept| kept.is_of(bundle, active));
        let mut comparison = before.unwrap_or_else(|| Comparison::new((bundle, name, version), active.network));
        let (seat, why) = match opened {
            Ok(seat) => (Some(seat), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        match &why {
            None => tracing::info!(
                model = comparison.name,
                version = comparison.version,
                "a shadow scores beside the model"
            ),
            Some(why) => tracing::error!(model = comparison.name, "the shadow does not score: {why}"),
        }
        comparison.why = why;
        Some(Self { seat, waiting: VecDeque::new(), comparison, state: state.clone() })
    }

    /// The comparison so far.
    pub const fn comparison(&self) -> &Comparison {
        &self.comparison
    }

    /// An image of the spool that the active model has scored.
    pub fn offer(&mut self, spool_name: &str, finding: &ImageFinding) {
        if self.seat.is_none() {
            return;
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
            self.comparison.skipped += 1;
        }
        self.waiting.push_back((spool_name.to_owned(), Opinion::of(finding)));
    }

    /// Scores one image that waits; false when none does.
    pub fn step(&mut self) -> bool {
        let Some(seat) = &mut self.seat else { return false };
        let Some((name, active)) = self.waiting.pop_front() else { return false };
        seat.make_ready();
        match seat.analyst.analyze(&self.state.spool().join(name)).outcome {
            InstanceOutcome::Scored(finding) => self.comparison.add(&active, &Opinion::of(&finding)),
            // Also when its file is gone meanwhile.
            InstanceOutcome::Excluded { .. } | InstanceOutcome::Failed { .. } => self.comparison.failed += 1,
        }
        if let Err(why) = kept::write(&self.state, FILE, &self.comparison) {
            tracing::warn!("the comparison with the shadow cannot be kept: {why}");
        }
        true
    }
}
