//! A service that is running changes to another model, while the command looks on.

use std::time::{Duration, Instant};

use updater::{Candidate, Model, Slot, State};

use super::updater;
use crate::config::{Config, ConfirmedBy};
use crate::control::{self, NotRunning, Request, Response};

/// How long a trial is looked on, and how often. A plan of TensorRT is there already: the self-test built it.
const TRIAL_WAIT: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);

/// What came of the wish that the service change over.
pub enum Asked {
    /// It does.
    Now,
    /// There is none.
    NobodyRuns,
    /// It does not.
    Refused(String),
}

/// What became of a model that was put on trial.
pub enum Fate {
    /// Nobody runs it yet.
    AtNextStart,
    /// The service does not want it.
    Refused(String),
    /// It runs, and somebody is to confirm it.
    OnTrial,
    /// It runs, for good.
    Confirmed,
    /// It failed in the service.
    TakenBack(String),
}

impl Fate {
    /// Machine-readable.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::AtNextStart => "at_next_start",
            Self::Refused(_) => "not_taken",
            Self::OnTrial => "on_trial",
            Self::Confirmed => "confirmed",
            Self::TakenBack(_) => "taken_back",
        }
    }

    /// For people.
    pub fn text(&self, starts: u8) -> String {
        match self {
            Self::AtNextStart => format!(
                "No service is running: it runs on trial from the next start on, {starts} times at most until it is confirmed."
            ),
            Self::Refused(why) => format!("The running service does not take it: {why}."),
            Self::OnTrial => "It runs on trial now. To keep it: mamoru bundle confirm".into(),
            Self::Confirmed => {
                "The running service scored a synthetic exam with it: it is the active model now.".into()
            }
            Self::TakenBack(why) => format!("It failed in the running service and was taken back: {why}."),
        }
    }
}

/// Asks the running service to change to the model that is to run.
///
/// # Errors
/// When a service runs and does not answer.
pub fn ask(config: &Config) -> anyhow::Result<Asked> {
    match control::ask(&config.state_dir, &Request::ChangeModel) {
        Ok(Response::Failed { why }) => Ok(Asked::Refused(why)),
        Ok(_) => Ok(Asked::Now),
        Err(error) if error.is::<NotRunning>() => Ok(Asked::NobodyRuns),
        Err(error) => Err(error),
    }
}

/// Asks, and waits until the trial of `slot` is decided.
///
/// # Errors
/// As [`ask`].
pub fn follow(config: &Config, slot: &Slot, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Fate> {
    match ask(config)? {
        Asked::Now => {}
        Asked::NobodyRuns => return Ok(Fate::AtNextStart),
        Asked::Refused(why) => return Ok(Fate::Refused(why)),
    }
    let since = Instant::now();
    while since.elapsed() < TRIAL_WAIT {
        // The service has the models' lock now and then.
        let state = updater(&config.state_dir).and_then(|updater| updater.state());
        if let Some(fate) = state.ok().and_then(|state| fate(&state, slot, config.updates.confirmed_by)) {
            return Ok(fate);
        }
        progress("the running service tries it on a synthetic exam");
        std::thread::sleep(LOOK);
    }
    Ok(Fate::OnTrial)
}

/// What became of `slot`; `None` while that is open.
fn fate(state: &State, slot: &Slot, by: ConfirmedBy) -> Option<Fate> {
    if let Some(denied) = state.denied.iter().find(|denied| denied.bundle == slot.bundle) {
        return Some(Fate::TakenBack(denied.why.clone()));
    }
    if state.active == Model::Slot(slot.clone()) {
        return Some(Fate::Confirmed);
    }
    match &state.candidate {
        Some(Candidate { slot: waiting, trial: Some(trial) }) if waiting == slot => {
            (by == ConfirmedBy::Person && trial.starts > 0).then_some(Fate::OnTrial)
        }
        // Somebody else removed it meanwhile.
        _ => Some(Fate::TakenBack("it is not installed any more".into())),
    }
}
