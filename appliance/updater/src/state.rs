//! Which slot is what, as data, and the transitions. No clock, no disk: each transition gives the next state or says why not.
//!
//! ```text
//!  stage          verify             activate           start ...        confirm
//! ------> staging -----> candidate ---------> trying ---------> trying ---------> active (the old one: previous)
//!            |  abandon      |  fail            |  fail, or no start left            |  roll back
//!            v               v                  v                                    v
//!          gone         gone, denied    gone, denied: the active one runs      previous runs, this one denied
//! ```

mod refused;
mod slot;

pub use refused::Refused;
pub use slot::{Model, Slot};

use bundle::BundleManifest;
use contract::Digest;
use serde::{Deserialize, Serialize};

/// Starts that a model on trial has at most.
pub const STARTS_MAX: u8 = 10;

/// Bundles that are remembered as denied; the oldest are forgotten first.
const DENIED_MAX: usize = 64;

/// Longest reason that is kept, in characters.
const WHY_CHARS_MAX: usize = 300;

/// A model that runs until it is confirmed or its starts are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Starts that it had.
    pub starts: u8,
    /// Starts that it has in all.
    pub starts_max: u8,
}

/// A model that is installed and complete, and runs only on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Where it is.
    pub slot: Slot,
    /// `None` until it is activated.
    pub trial: Option<Trial>,
}

/// A bundle that is not installed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// SHA-256 of its manifest.
    pub bundle: Digest,
    /// Why.
    pub why: String,
}

/// How the last change of the model ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Confirmed.
    Committed {
        /// The model that became the active one.
        slot: Slot,
    },
    /// Taken back.
    RolledBack {
        /// The model that was taken back.
        slot: Slot,
        /// Why.
        why: String,
    },
}

/// All that is known of the models. Its default: nothing is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The number of the next slot.
    pub next_slot: u64,
    /// What is being written, and counts for nothing yet.
    pub staging: Option<Slot>,
    /// What waits or is on trial.
    pub candidate: Option<Candidate>,
    /// What runs, unless a trial does.
    pub active: Model,
    /// What ran before it.
    pub previous: Option<Model>,
    /// What scores silently beside it.
    pub shadow: Option<Slot>,
    /// What is not installed again, oldest first.
    pub denied: Vec<Denied>,
    /// How the last change ended.
    pub last: Option<Outcome>,
}

impl Default for State {
    fn default() -> Self {
        let (staging, candidate, previous, shadow, last) = (None, None, None, None, None);
        Self { next_slot: 1, staging, candidate, active: Model::BuiltIn, previous, shadow, denied: vec![], last }
    }
}

impl State {
    /// The model that runs: the one on trial, else the active one.
    #[must_use]
    pub fn to_run(&self) -> Model {
        match &self.candidate {
            Some(Candidate { slot, trial: Some(_) }) => Model::Slot(slot.clone()),
            _ => self.active.clone(),
        }
    }

    /// Every slot that must stay.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        let candidate = self.candidate.as_ref().map(|candidate| &candidate.slot);
        let previous = self.previous.as_ref().and_then(Model::slot);
        let models = [self.staging.as_ref(), candidate, self.active.slot(), previous, self.shadow.as_ref()];
        models.into_iter().flatten()
    }

    /// A bundle begins to be written into a new slot. A candidate that waits stays until the new one is complete.
    ///
    /// # Errors
    /// [`Refused::OnTrial`], [`Refused::AlreadyInstalled`].
    pub fn stage(&self, bundle: Digest, manifest: &BundleManifest) -> Result<(Self, Slot), Refused> {
        if self.trial().is_some() {
            return Err(Refused::OnTrial);
        }
        let candidate = self.candidate.as_ref().map(|candidate| &candidate.slot);
        let known = [candidate, self.active.slot(), self.shadow.as_ref()];
        if known.into_iter().flatten().any(|slot| slot.bundle == bundle) {
            return Err(Refused::AlreadyInstalled);
        }
        let slot = Slot {
            number: self.next_slot,
            bundle,
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            sequence: manifest.sequence,
            label: manifest.label,
        };
        Ok((Self { next_slot: self.next_slot + 1, staging: Some(slot.clone()), ..self.clone() }, slot))
    }

    /// What was being written is complete and durable: it becomes the candidate, in place of one that waited.
    ///
    /// # Errors
    /// [`Refused::NotStaging`].
    pub fn verified(&self) -> Result<Self, Refused> {
        let slot = self.staging.clone().ok_or(Refused::NotStaging)?;
        Ok(Self { staging: None, candidate: Some(Candidate { slot, trial: None }), ..self.clone() })
    }

    /// What was being written is given up.
    #[must_use]
    pub fn abandoned(&self) -> Self {
        Self { staging: None, ..self.clone() }
    }

    /// The slot that waits under this name, as candidate or shadow.
    ///
    /// # Errors
    /// [`Refused::OnTrial`], [`Refused::NotInstalled`].
    pub fn waiting(&self, bundle: Digest) -> Result<Slot, Refused> {
        if self.trial().is_some() {
            return Err(Refused::OnTrial);
        }
        let candidate = self.candidate.as_ref().map(|candidate| &candidate.slot);
        let mut waiting = [candidate, self.shadow.as_ref()].into_iter().flatten();
        waiting.find(|slot| slot.bundle == bundle).cloned().ok_or(Refused::NotInstalled)
    }

    /// A candidate or shadow goes on trial for `starts` starts (1 to [`STARTS_MAX`]). Another candidate that waited is given
    /// up.
    ///
    /// # Errors
    /// [`Refused::OnTrial`], [`Refused::NotInstalled`].
    pub fn activated(&self, bundle: Digest, starts: u8) -> Result<Self, Refused> {
        let slot = self.waiting(bundle)?;
        let trial = Some(Trial { starts: 0, starts_max: starts.clamp(1, STARTS_MAX) });
        let shadow = self.shadow.clone().filter(|shadow| shadow.bundle != bundle);
        Ok(Self { candidate: Some(Candidate { slot, trial }), shadow, ..self.clone() })
    }

    /// The service starts: a trial has one start less, or ends when it has none left. What a power cut left half written is
    /// given up.
    #[must_use]
    pub fn started(&self) -> Self {
        let state = self.abandoned();
        match self.trial() {
            Some(Trial { starts, starts_max }) if starts < starts_max => {
                let trial = Some(Trial { starts: starts + 1, starts_max });
                let candidate = state.candidate.clone().map(|candidate| Candidate { trial, ..candidate });
                Self { candidate, ..state }
            }
            Some(Trial { starts_max, .. }) => {
                state.given_up(&format!("it was started {starts_max} times and never confirmed"))
            }
            None => state,
        }
    }

    /// The model on trial did its work: it is the active one, and what was is what a rollback returns to.
    ///
    /// # Errors
    /// [`Refused::NotOnTrial`], also for another bundle than the one on trial; [`Refused::NotStarted`].
    pub fn confirmed(&self, bundle: Digest) -> Result<Self, Refused> {
        let Some(Candidate { slot, trial: Some(trial) }) = self.candidate.clone() else {
            return Err(Refused::NotOnTrial);
        };
        if slot.bundle != bundle {
            return Err(Refused::NotOnTrial);
        }
        if trial.starts == 0 {
            return Err(Refused::NotStarted);
        }
        Ok(Self {
            candidate: None,
            previous: Some(self.active.clone()),
            active: Model::Slot(slot.clone()),
            last: Some(Outcome::Committed { slot }),
            ..self.clone()
        })
    }

    /// A bundle that waits or is on trial failed: it goes, and is not installed again.
    ///
    /// # Errors
    /// [`Refused::NotInstalled`].
    pub fn failed(&self, bundle: Digest, why: &str) -> Result<Self, Refused> {
        if self.candidate.as_ref().is_some_and(|candidate| candidate.slot.bundle == bundle) {
            return Ok(self.given_up(why));
        }
        match &self.shadow {
            Some(slot) if slot.bundle == bundle => Ok(Self { shadow: None, ..self.denying(slot.clone(), why) }),
            _ => Err(Refused::NotInstalled),
        }
    }

    /// A person wants the model from before: a trial ends, else the active model makes way for the one before it. What is
    /// taken back is not installed again.
    ///
    /// # Errors
    /// [`Refused::NothingBefore`].
    pub fn rolled_back(&self, why: &str) -> Result<Self, Refused> {
        if self.trial().is_some() {
            return Ok(self.given_up(why));
        }
        match (&self.active, &self.previous) {
            (Model::Slot(slot), Some(previous)) => {
                Ok(Self { active: previous.clone(), previous: None, ..self.denying(slot.clone(), why) })
            }
            _ => Err(Refused::NothingBefore),
        }
    }

    /// The active model's files are damaged: the one before it runs, or the built-in one. It is not denied, since the fault
    /// is the disk's.
    #[must_use]
    pub fn active_lost(&self, why: &str) -> Self {
        let Model::Slot(slot) = self.active.clone() else { return self.clone() };
        let last = Some(Outcome::RolledBack { slot, why: shortened(why) });
        let active = self.previous.clone().unwrap_or(Model::BuiltIn);
        Self { active, previous: None, last, ..self.clone() }
    }

    /// A candidate that waits scores silently beside the active model from now on.
    ///
    /// # Errors
    /// [`Refused::OnTrial`], [`Refused::NotInstalled`].
    pub fn shadowed(&self, bundle: Digest) -> Result<Self, Refused> {
        let slot = self.waiting(bundle)?;
        let candidate = self.candidate.clone().filter(|candidate| candidate.slot.bundle != bundle);
        Ok(Self { candidate, shadow: Some(slot), ..self.clone() })
    }

    /// An installed bundle that does not run goes.
    ///
    /// # Errors
    /// [`Refused::Running`], [`Refused::NotInstalled`].
    pub fn removed(&self, bundle: Digest) -> Result<Self, Refused> {
        let is = |slot: &Slot| slot.bundle == bundle;
        if self.to_run().slot().is_some_and(is) || self.active.slot().is_some_and(is) {
            return Err(Refused::Running);
        }
        let candidate = self.candidate.clone().filter(|candidate| !is(&candidate.slot));
        let shadow = self.shadow.clone().filter(|slot| !is(slot));
        let previous = self.previous.clone().filter(|model| !model.slot().is_some_and(is));
        let next = Self { candidate, shadow, previous, ..self.clone() };
        if next == *self { Err(Refused::NotInstalled) } else { Ok(next) }
    }

    /// A denied bundle may be installed again.
    ///
    /// # Errors
    /// [`Refused::NotInstalled`].
    pub fn allowed(&self, bundle: Digest) -> Result<Self, Refused> {
        let denied: Vec<Denied> = self.denied.iter().filter(|denied| denied.bundle != bundle).cloned().collect();
        if denied.len() == self.denied.len() { Err(Refused::NotInstalled) } else { Ok(Self { denied, ..self.clone() }) }
    }

    fn trial(&self) -> Option<Trial> {
        self.candidate.as_ref().and_then(|candidate| candidate.trial)
    }

    fn given_up(&self, why: &str) -> Self {
        match self.candidate.clone() {
            Some(Candidate { slot, .. }) => Self { candidate: None, ..self.denying(slot, why) },
            None => self.clone(),
        }
    }

    fn denying(&self, slot: Slot, why: &str) -> Self {
        let why = shortened(why);
        let mut denied: Vec<Denied> =
            self.denied.iter().filter(|denied| denied.bundle != slot.bundle).cloned().collect();
        denied.push(Denied { bundle: slot.bundle, why: why.clone() });
        denied.drain(..denied.len().saturating_sub(DENIED_MAX));
        Self { denied, last: Some(Outcome::RolledBack { slot, why }), ..self.clone() }
    }
}

fn shortened(why: &str) -> String {
    why.chars().filter(|character| !character.is_control()).take(WHY_CHARS_MAX).collect()
}
