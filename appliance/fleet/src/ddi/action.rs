//! The stages of an action.

use std::time::{Duration, Instant};

use super::agent::{Agent, Next, Trouble, feedback_of};
use super::download::{self, End};
use super::installer::{Consent, Installer, Offer, Refusal, Standing};
use super::plan::{Plan, plan};
use super::protocol::{ConfirmationFeedback, Execution, Feedback, Finished};
use super::refused::Refused;
use super::server::Heard;
use super::state::{Artifact, Stage, Verdict};
use crate::record::Store;

/// Tries in a row without one more byte, after which a download is given up.
const FRUITLESS_MAX: u32 = 10;
/// How much and how long a download goes on before it is reported again.
const REPORT_PERCENT: u8 = 10;
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl<I: Installer, S: Store> Agent<I, S> {
    /// Goes on with what was begun here, as far as it goes without the server: where a bundle stands, the installer knows.
    pub(super) fn settle(&mut self) -> Result<(), Trouble> {
        while let Some(stage @ (Stage::Installing | Stage::Activating | Stage::Trial)) = self.stage().cloned() {
            let standing = self.installer.standing(&self.staging);
            let next = match (stage, standing) {
                (Stage::Installing, Standing::Unknown) => match self.installer.install(&self.staging) {
                    Ok(()) => Stage::Activating,
                    Err(refusal) => failed(refusal),
                },
                (Stage::Installing, Standing::Installed) => Stage::Activating,
                (Stage::Activating, Standing::Installed) => match self.installer.activate(&self.staging) {
                    Ok(()) => Stage::Trial,
                    Err(refusal) => failed(refusal),
                },
                (Stage::Trial, Standing::OnTrial) => return Ok(()),
                (_, Standing::OnTrial) => Stage::Trial,
                (_, Standing::Active) => Stage::Closing(Verdict::Success),
                // The device has it on record as failed or taken back: it is not tried again by itself.
                (_, Standing::Refused(refusal)) => failed(Refusal { is_lasting: true, ..refusal }),
                (_, Standing::Unknown | Standing::Installed) => failed(Refused::TakenBack.into()),
            };
            self.enter(next)?;
        }
        Ok(())
    }

    fn enter(&mut self, stage: Stage) -> Result<(), Trouble> {
        let id = self.state.action.as_ref().map_or(0, |action| action.id);
        match stage {
            Stage::Closing(verdict) => {
                match &verdict {
                    Verdict::Success => tracing::info!("update {id}: the model is installed and runs"),
                    Verdict::Failure(refusal) => {
                        tracing::warn!("update {id} failed: {}: {}", refusal.code, refusal.words);
                    }
                }
                self.change(|state| state.close(id, verdict))?;
            }
            stage => {
                let words = match stage {
                    Stage::Installing => "the model is being checked and installed",
                    Stage::Activating => "the model is installed and will run on trial",
                    _ => "the model runs on trial",
                };
                self.change(|state| state.set_stage(stage))?;
                // The end is told until it is heard; this is not worth it.
                let _ = self.server.tell(id, &Feedback::new(id, Execution::Proceeding, Finished::None, words));
            }
        }
        Ok(())
    }

    /// Does what the server wants now; `wanted` is the action that it hands out.
    pub(super) fn follow(&mut self, wanted: Option<u64>) -> Result<Next, Trouble> {
        let current = self.state.action.as_ref().map(|action| action.id);
        match self.stage() {
            Some(Stage::Downloading | Stage::Downloaded) if current != wanted => self.discard()?,
            None | Some(Stage::Downloading | Stage::Downloaded) => {}
            // What runs on trial ends first.
            Some(_) => return Ok(Next::Look),
        }
        let Some(id) = wanted else { return Ok(Next::Idle) };
        if let Some(verdict) = self.state.ended(id) {
            self.server.tell(id, &feedback_of(id, verdict))?;
            return Ok(Next::Idle);
        }
        let deployment = self.server.deployment(id)?;
        let plan = match plan(&deployment, self.config.bundle_bytes_max).and_then(|plan| self.check(plan)) {
            Ok(plan) => plan,
            Err(refused) => return self.fail(id, refused),
        };
        let artifact = Artifact { sha256: plan.sha256, bytes: plan.bytes };
        if self.state.action.as_ref().is_none_or(|action| action.artifact != Some(artifact)) {
            self.discard()?;
            tracing::info!("update {id}: bundle {} of {} bytes", artifact.sha256.short(12), artifact.bytes);
            self.change(|state| state.begin(id, artifact))?;
        }
        let there = std::fs::metadata(&self.staging).map_or(0, |found| found.len());
        if self.stage() == Some(&Stage::Downloaded) && there != plan.bytes {
            // Somebody cleaned up while the update waited for its time.
            self.change(|state| state.set_stage(Stage::Downloading))?;
        }
        if self.stage() == Some(&Stage::Downloading) {
            if !plan.may_download {
                return Ok(Next::Idle);
            }
            if let Some(next) = self.fetch(id, &plan)? {
                return Ok(next);
            }
        }
        match plan.install {
            Some(urgency) if !self.stop.is_stopped() && self.installer.admits(urgency) => {
                self.enter(Stage::Installing)?;
                self.settle()?;
                Ok(Next::Soon)
            }
            _ => Ok(Next::Idle),
        }
    }

    fn check(&self, plan: Plan) -> Result<Plan, Refused> {
        match self.state.denied(&plan.sha256) {
            Some(before) => Err(Refused::Before { code: before.code.clone(), words: before.words.clone() }),
            None if !self.server.may_fetch(&plan.link) => Err(Refused::Elsewhere),
            None => Ok(plan),
        }
    }

    fn fail(&mut self, id: u64, refused: Refused) -> Result<Next, Trouble> {
        tracing::warn!("update {id} failed: {}: {refused}", refused.code());
        self.change(|state| state.close(id, Verdict::Failure(refused.into())))?;
        Ok(Next::Soon)
    }

    /// Forgets the action, file first: a file without an action is removed, an action without a file is downloaded again.
    fn discard(&mut self) -> Result<(), Trouble> {
        self.tries = super::agent::Tries::default();
        download::remove(&self.staging)?;
        if self.state.action.is_some() {
            self.change(|state| state.action = None)?;
        }
        Ok(())
    }

    /// Downloads; `None` when the bundle is whole.
    fn fetch(&mut self, id: u64, plan: &Plan) -> Result<Option<Next>, Trouble> {
        let (server, stop) = (&self.server, &self.stop);
        let (mut told, mut told_at) = (0, Instant::now());
        let mut goes_on = |there: u64| {
            if stop.is_stopped() {
                return false;
            }
            let percent = u8::try_from(u128::from(there) * 100 / u128::from(plan.bytes)).unwrap_or(100);
            if percent < told + REPORT_PERCENT && told_at.elapsed() < REPORT_EVERY {
                return true;
            }
            (told, told_at) = (percent, Instant::now());
            let words = format!("{percent} percent downloaded");
            let feedback = Feedback::new(id, Execution::Proceeding, Finished::None, &words).with_percent(percent);
            // A download does not fail for a report, but ends when nobody wants it any more.
            if matches!(server.tell(id, &feedback), Ok(Heard::Gone)) {
                return false;
            }
            // A cancellation is not left waiting for the end of a long download.
            !matches!(server.poll(), Ok(poll) if poll.cancel().is_some())
        };
        match download::fetch(server, plan, &self.staging, &mut goes_on) {
            Ok(End::Whole) => {
                self.change(|state| state.set_stage(Stage::Downloaded))?;
                Ok(None)
            }
            Ok(End::Paused) => Ok(Some(Next::Soon)),
            Err(download::Trouble::Fault { fault, kept }) => {
                let tries = &mut self.tries;
                tries.fruitless = if kept > tries.best { 0 } else { tries.fruitless + 1 };
                tries.best = tries.best.max(kept);
                if tries.fruitless < FRUITLESS_MAX {
                    return Err(fault.into());
                }
                let refused = Refused::GivenUp { tries: tries.fruitless, last: fault.to_string() };
                self.fail(id, refused).map(Some)
            }
            Err(download::Trouble::Wrong { refused, was_resumed }) => {
                download::remove(&self.staging)?;
                if was_resumed && !self.tries.is_anew {
                    self.tries.is_anew = true;
                    return Ok(Some(Next::Soon));
                }
                self.fail(id, refused).map(Some)
            }
            Err(download::Trouble::NoRoom(refused)) => self.fail(id, refused).map(Some),
            Err(download::Trouble::Disk(error)) => Err(error.into()),
        }
    }

    /// Answers a cancellation: what is not being installed yet is dropped; what is, goes on.
    pub(super) fn answer_cancel(&mut self, cancel: u64) -> Result<Next, Trouble> {
        let stopped = self.server.cancelled(cancel)?;
        let is_ours = self.state.action.as_ref().is_some_and(|action| action.id == stopped);
        let why_not = match self.stage() {
            Some(Stage::Downloading | Stage::Downloaded) if is_ours => {
                self.discard()?;
                tracing::info!("update {stopped}: cancelled by the server");
                None
            }
            Some(_) if is_ours => Some("the model is being tried on this box: too late to cancel"),
            _ if self.state.ended(stopped).is_some() => Some("the update has ended on this box: too late to cancel"),
            _ => None,
        };
        let feedback = match why_not {
            None => Feedback::new(cancel, Execution::Closed, Finished::Success, "cancelled; nothing was changed"),
            Some(words) => Feedback::new(cancel, Execution::Rejected, Finished::None, words),
        };
        self.server.tell_cancel(cancel, &feedback)?;
        Ok(if why_not.is_some() { Next::Idle } else { Next::Soon })
    }

    /// Answers an offer that needs a confirmation; true when it was confirmed.
    pub(super) fn confirm(&mut self, id: u64) -> Result<bool, Trouble> {
        if self.denied_confirmation == Some(id) {
            return Ok(false);
        }
        let deployment = self.server.confirmation(id)?;
        let consent = match plan(&deployment, self.config.bundle_bytes_max).and_then(|plan| self.check(plan)) {
            Ok(plan) => {
                let offer = Offer { action: id, sha256: plan.sha256, bytes: plan.bytes };
                self.installer.consents(&offer)
            }
            Err(refused) => Consent::Deny(format!("{}: {refused}", refused.code())),
        };
        match consent {
            Consent::Wait => Ok(false),
            Consent::Confirm => {
                self.server.tell_confirmation(id, &ConfirmationFeedback::confirmed())?;
                Ok(true)
            }
            Consent::Deny(words) => {
                self.server.tell_confirmation(id, &ConfirmationFeedback::denied(&words))?;
                self.denied_confirmation = Some(id);
                Ok(false)
            }
        }
    }
}

fn failed(refusal: Refusal) -> Stage {
    Stage::Closing(Verdict::Failure(refusal))
}
