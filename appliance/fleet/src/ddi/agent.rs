//! What is done when: one turn asks the server once, and does what can be done now.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::config::{ConfigFault, DdiConfig};
use super::download;
use super::installer::Installer;
use super::protocol::{Execution, Feedback, Finished, Poll};
use super::server::Server;
use super::state::{Stage, State, Verdict};
use crate::fault::Fault;
use crate::pause;
use crate::record::{self, Found, Store};
use crate::stop::Stop;
use crate::trust::TrustFault;

/// How often a model on trial is looked at.
const TRIAL_LOOK: Duration = Duration::from_secs(5);
/// Turns in a row without a wait; a server that always has something new waits like the others then.
const SOON_MAX: u32 = 8;

/// Why there is no agent.
#[derive(Debug, Error)]
pub enum StartFault {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// The authorities.
    #[error(transparent)]
    Trust(#[from] TrustFault),
    /// The disk.
    #[error("the record of updates cannot be read: {0}")]
    Disk(#[from] io::Error),
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// How long to wait before the next one.
    pub wait: Duration,
    /// Why it failed, in words for a technician.
    pub trouble: Option<String>,
}

/// What comes after a turn that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There may be more to do.
    Soon,
    /// Something goes on here.
    Look,
    /// Nothing before the next poll.
    Idle,
}

/// Why a turn failed.
#[derive(Debug)]
pub(super) enum Trouble {
    Fault(Fault),
    Disk(io::Error),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Takes bundles from an update server.
pub struct Agent<I, S> {
    pub(super) config: DdiConfig,
    pub(super) server: Server,
    pub(super) installer: I,
    store: S,
    pub(super) staging: PathBuf,
    pub(super) state: State,
    pub(super) stop: Stop,
    /// What the server asks for, within the bounds.
    interval: Duration,
    next_poll: Instant,
    faults: u32,
    soon: u32,
    pub(super) tries: Tries,
    /// The confirmation that was denied and need not be again.
    pub(super) denied_confirmation: Option<u64>,
}

/// How the download fares; of no use after a restart.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// In a row without more bytes than ever before.
    pub(super) fruitless: u32,
    /// The most bytes that ever were there.
    pub(super) best: u64,
    /// It was begun anew because its parts did not fit.
    pub(super) is_anew: bool,
}

impl<I: Installer, S: Store> Agent<I, S> {
    /// An agent that downloads into the file `staging`, which nothing else uses, in a folder that is there and on the disk
    /// where bundles are installed from; and remembers in `store`. A record that is damaged or of other software is begun
    /// anew: the installer still knows where each bundle stands.
    ///
    /// # Errors
    /// [`StartFault`], in words for a technician.
    pub fn new(config: DdiConfig, staging: PathBuf, store: S, installer: I, stop: Stop) -> Result<Self, StartFault> {
        config.check()?;
        let server = Server::new(&config)?;
        let state = match record::read(&store)? {
            Found::Whole(state) => state,
            Found::Nothing => State::default(),
            Found::Unusable => {
                tracing::warn!("the record of updates is damaged or of other software, and is begun anew");
                State::default()
            }
        };
        if state.action.is_none() {
            download::remove(&staging)?;
        }
        let (interval, next_poll) = (config.interval_min(), Instant::now());
        let tries = Tries::default();
        Ok(Self {
            config,
            server,
            installer,
            store,
            staging,
            state,
            stop,
            interval,
            next_poll,
            faults: 0,
            soon: 0,
            tries,
            denied_confirmation: None,
        })
    }

    /// Takes turns until it is stopped. A download and waits end at once; an installation that has begun is waited for.
    pub fn run(mut self) {
        loop {
            let turn = self.turn();
            if self.stop.wait(turn.wait) {
                return;
            }
        }
    }

    /// Asks the server once, and does what can be done now. Blocks, for a download as long as that takes.
    pub fn turn(&mut self) -> Turn {
        let next = self.exchange();
        let soon = std::mem::take(&mut self.soon);
        match next {
            Ok(next) => {
                if std::mem::take(&mut self.faults) > 0 {
                    tracing::info!("the update server answers again");
                }
                let wait = match next {
                    Next::Soon if soon < SOON_MAX => {
                        self.soon = soon + 1;
                        Duration::ZERO
                    }
                    Next::Look => TRIAL_LOOK.min(self.interval),
                    Next::Soon | Next::Idle => pause::jittered(self.interval),
                };
                Turn { wait, trouble: None }
            }
            Err(trouble) => {
                self.faults = self.faults.saturating_add(1);
                let (words, asked) = match trouble {
                    Trouble::Fault(fault) => (fault.to_string(), fault.retry_after),
                    Trouble::Disk(error) => (format!("updates cannot be kept on the disk: {}", error.kind()), None),
                };
                if self.faults == 1 {
                    tracing::warn!("updates: {words}");
                }
                let wait = pause::jittered(pause::back_off(self.faults)).max(asked.unwrap_or_default());
                Turn { wait, trouble: Some(words) }
            }
        }
    }

    fn exchange(&mut self) -> Result<Next, Trouble> {
        self.settle()?;
        if self.stage() == Some(&Stage::Trial) && Instant::now() < self.next_poll {
            return Ok(Next::Look);
        }
        let poll = self.poll()?;
        if self.state.closing().is_some() {
            self.tell_end()?;
            return Ok(Next::Soon);
        }
        if let Some(cancel) = poll.cancel() {
            return self.answer_cancel(cancel);
        }
        if poll.wants_facts() {
            self.server.tell_facts(self.installer.facts())?;
        }
        if let Some(id) = poll.confirmation()
            && self.confirm(id)?
        {
            return Ok(Next::Soon);
        }
        self.follow(poll.deployment())
    }

    fn poll(&mut self) -> Result<Poll, Trouble> {
        let poll = self.server.poll()?;
        if let Some(asked) = poll.sleep().and_then(pause::interval) {
            self.interval = asked.clamp(self.config.interval_min(), self.config.interval_max());
        }
        self.next_poll = Instant::now() + self.interval;
        Ok(poll)
    }

    pub(super) fn stage(&self) -> Option<&Stage> {
        self.state.action.as_ref().map(|action| &action.stage)
    }

    /// Changes what is remembered, durably or not at all.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut State)) -> io::Result<()> {
        let mut state = self.state.clone();
        change(&mut state);
        record::write(&mut self.store, &state)?;
        self.state = state;
        Ok(())
    }

    /// Tells the end of the action; only when the server has heard it, it is over here.
    fn tell_end(&mut self) -> Result<(), Trouble> {
        let Some((id, verdict)) = self.state.closing() else { return Ok(()) };
        self.server.tell(id, &feedback_of(id, verdict))?;
        download::remove(&self.staging)?;
        self.change(State::told)?;
        Ok(())
    }
}

/// An end in the server's form.
pub(super) fn feedback_of(id: u64, verdict: &Verdict) -> Feedback {
    match verdict {
        Verdict::Success => {
            Feedback::new(id, Execution::Closed, Finished::Success, "the model is installed, confirmed and runs")
        }
        Verdict::Failure(refusal) => {
            let words: String = refusal.words.chars().take(400).collect();
            let code: String = refusal.code.chars().take(20).collect();
            Feedback::new(id, Execution::Closed, Finished::Failure, &format!("{code}: {words}"))
        }
    }
}
