//! What is remembered over a power cut. Each change is a pure method and one write of the record.

use contract::Digest;
use serde::{Deserialize, Serialize};

use super::installer::Refusal;

/// Bundles that are remembered as refused; the oldest is forgotten first.
const DENIED_MAX: usize = 64;
/// Actions whose end is remembered.
const ENDED_MAX: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The one that is worked on.
    pub(crate) action: Option<Action>,
    denied: Vec<Denied>,
    ended: Vec<Ended>,
}

/// An action of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Action {
    /// The server's number.
    pub(crate) id: u64,
    /// What is to be installed; nothing where the deployment was not one that can be done.
    pub(crate) artifact: Option<Artifact>,
    pub(crate) stage: Stage,
}

/// A bundle file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Artifact {
    pub(crate) sha256: Digest,
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Parts of it may be in the staging file.
    Downloading,
    /// It is whole there, and durable.
    Downloaded,
    /// The installer has it, or will have it.
    Installing,
    /// It is installed and shall run.
    Activating,
    /// It was told to run.
    Trial,
    /// It has ended; the server does not know yet.
    Closing(Verdict),
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Success,
    Failure(Refusal),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Denied {
    sha256: Digest,
    refusal: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended {
    id: u64,
    verdict: Verdict,
}

impl State {
    /// An action begins, in place of one that was not further than this.
    pub(crate) fn begin(&mut self, id: u64, artifact: Artifact) {
        self.action = Some(Action { id, artifact: Some(artifact), stage: Stage::Downloading });
    }

    /// The action is at another stage.
    pub(crate) fn set_stage(&mut self, stage: Stage) {
        if let Some(action) = &mut self.action {
            action.stage = stage;
        }
    }

    /// Action `id` has ended. A bundle that fails for what it is will not be taken again.
    pub(crate) fn close(&mut self, id: u64, verdict: Verdict) {
        let artifact = self.action.as_ref().filter(|action| action.id == id).and_then(|action| action.artifact);
        if let (Some(artifact), Verdict::Failure(refusal)) = (artifact, &verdict)
            && refusal.is_lasting
        {
            self.denied.retain(|denied| denied.sha256 != artifact.sha256);
            push(&mut self.denied, Denied { sha256: artifact.sha256, refusal: refusal.clone() }, DENIED_MAX);
        }
        self.action = Some(Action { id, artifact, stage: Stage::Closing(verdict) });
    }

    /// The server knows how the action ended.
    pub(crate) fn told(&mut self) {
        if let Some(Action { id, stage: Stage::Closing(verdict), .. }) = self.action.take() {
            self.ended.retain(|ended| ended.id != id);
            push(&mut self.ended, Ended { id, verdict }, ENDED_MAX);
        }
    }

    /// The end that the server does not know yet.
    pub(crate) fn closing(&self) -> Option<(u64, &Verdict)> {
        match &self.action {
            Some(Action { id, stage: Stage::Closing(verdict), .. }) => Some((*id, verdict)),
            _ => None,
        }
    }

    /// Why this bundle is not taken again.
    pub(crate) fn denied(&self, sha256: &Digest) -> Option<&Refusal> {
        self.denied.iter().find(|denied| denied.sha256 == *sha256).map(|denied| &denied.refusal)
    }

    /// How this action ended, if it is remembered.
    pub(crate) fn ended(&self, id: u64) -> Option<&Verdict> {
        self.ended.iter().find(|ended| ended.id == id).map(|ended| &ended.verdict)
    }
}

fn push<T>(list: &mut Vec<T>, item: T, max: usize) {
    if list.len() >= max {
        list.remove(0);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(is_lasting: bool) -> Verdict {
        Verdict::Failure(Refusal { code: "B203".into(), words: "w".repeat(400), is_lasting })
    }

    fn artifact(number: u64) -> Artifact {
        Artifact { sha256: Digest::of(&number.to_be_bytes()), bytes: 7 }
    }

    #[test]
    fn only_what_lasts_is_denied() {
        let mut state = State::default();
        for (number, verdict, is_denied) in
            [(1, Verdict::Success, false), (2, failure(false), false), (3, failure(true), true)]
        {
            state.begin(number, artifact(number));
            state.close(number, verdict.clone());
            assert_eq!(state.closing(), Some((number, &verdict)));
            state.told();
            assert_eq!((&state.action, state.ended(number)), (&None, Some(&verdict)));
            assert_eq!(state.denied(&artifact(number).sha256).is_some(), is_denied);
        }
        state.begin(4, artifact(4));
        state.close(5, failure(true));
        assert!(state.denied(&artifact(4).sha256).is_none(), "the bundle of another action");
    }

    #[test]
    fn the_state_stays_small() {
        let mut state = State::default();
        for number in 0..1000 {
            state.begin(number, artifact(number));
            state.close(number, failure(true));
            state.told();
        }
        assert!(state.denied(&artifact(936).sha256).is_some() && state.denied(&artifact(935).sha256).is_none());
        assert!(state.ended(984).is_some() && state.ended(983).is_none());
        assert!(serde_json::to_vec(&state).unwrap().len() < 64 * 1024);
    }
}
