//! How the engines are, for everybody who asks, and in the log at each change.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::findings::IN_PLACE_OF;
use inference::EngineHealth;
use serde::{Deserialize, Serialize};

/// How scoring is. Part of the schema of `mamoru status --json`; fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// The state.
    #[serde(flatten)]
    pub state: EngineState,
    /// For how many seconds.
    pub since_seconds: u64,
}

/// The states of scoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EngineState {
    /// An engine is being made ready: images wait.
    Preparing {
        /// Which engine: `nvidia` or `tract`.
        engine: String,
        /// What is done, for people.
        what: String,
    },
    /// The engine that is to score does.
    Ready {
        /// Which engine.
        engine: String,
        /// The device and the versions.
        description: String,
        /// Why it is this one, where that was left open.
        why: Option<String>,
    },
    /// Another engine scores, and each result says so.
    StandingIn {
        /// Which engine.
        engine: String,
        /// The one that is to score.
        in_place_of: String,
        /// Why that one does not.
        why: String,
    },
    /// Images fail.
    Unavailable {
        /// Why.
        why: String,
    },
}

impl From<EngineHealth> for EngineState {
    fn from(health: EngineHealth) -> Self {
        match health {
            EngineHealth::Preparing { engine } => {
                let what = match engine {
                    "nvidia" => "building or loading the network for this GPU",
                    _ => "loading the network on the CPU",
                };
                Self::Preparing { engine: engine.into(), what: what.into() }
            }
            EngineHealth::Ready { engine, description, remark } => {
                Self::Ready { engine: engine.into(), description, why: remark }
            }
            EngineHealth::StandingIn { engine, in_place_of, why } => {
                Self::StandingIn { engine: engine.into(), in_place_of: in_place_of.into(), why }
            }
            EngineHealth::Unavailable { why } => Self::Unavailable { why },
        }
    }
}

/// What people call an engine.
pub fn label(engine: &str) -> &str {
    match engine {
        "tract" => "CPU",
        "nvidia" => "NVIDIA",
        other => other,
    }
}

impl EngineState {
    /// The state in one line for people.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Preparing { what, .. } => what.clone(),
            Self::Ready { engine, why: Some(why), .. } => format!("{} ({why})", label(engine)),
            // The CPU says of itself that it is one.
            Self::Ready { engine, description, why: None } if engine == "tract" => description.clone(),
            Self::Ready { engine, description, why: None } => format!("{} ({description})", label(engine)),
            Self::StandingIn { engine, in_place_of, why } => {
                format!("{} in place of {} ({why})", label(engine), label(in_place_of))
            }
            Self::Unavailable { why } => format!("AI IS UNAVAILABLE ({why})"),
        }
    }
}

impl EngineStatus {
    /// The status in one line for people.
    #[must_use]
    pub fn text(&self) -> String {
        match self.state {
            EngineState::Ready { .. } => self.state.text(),
            _ => format!("{}, since {} s", self.state.text(), self.since_seconds),
        }
    }
}

/// Where it is written how the engines are. Shared by threads.
#[derive(Debug)]
pub struct HealthBoard(Mutex<Entry>);

#[derive(Debug)]
struct Entry {
    state: EngineState,
    since: Instant,
}

impl HealthBoard {
    /// A board on which the engine named `first` is about to be made ready.
    #[must_use]
    pub fn new(first: &'static str) -> Self {
        let state = EngineState::from(EngineHealth::Preparing { engine: first });
        Self(Mutex::new(Entry { state, since: Instant::now() }))
    }

    /// Writes how it is now; a change is logged.
    pub fn set(&self, health: EngineHealth) {
        let state = EngineState::from(health);
        let mut entry = self.entry();
        if entry.state == state {
            return;
        }
        let text = state.text();
        match &state {
            EngineState::Unavailable { .. } => tracing::error!("engine: {text}"),
            EngineState::StandingIn { .. } => tracing::warn!("engine: {text}"),
            EngineState::Preparing { .. } | EngineState::Ready { .. } => tracing::info!("engine: {text}"),
        }
        *entry = Entry { state, since: Instant::now() };
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        let entry = self.entry();
        EngineStatus { state: entry.state.clone(), since_seconds: entry.since.elapsed().as_secs() }
    }

    /// Is an engine being made ready?
    #[must_use]
    pub fn is_preparing(&self) -> bool {
        matches!(self.entry().state, EngineState::Preparing { .. })
    }

    /// Is that an engine for which it may take minutes?
    #[must_use]
    pub fn is_building(&self) -> bool {
        matches!(&self.entry().state, EngineState::Preparing { engine, .. } if engine == "nvidia")
    }

    /// The engine's name as results have it, and as far as it is known; `none` where AI is unavailable.
    #[must_use]
    pub fn engine(&self) -> String {
        match &self.entry().state {
            EngineState::Preparing { engine, .. } | EngineState::Ready { engine, .. } => engine.clone(),
            EngineState::StandingIn { engine, in_place_of, .. } => format!("{engine}{IN_PLACE_OF}{in_place_of}"),
            EngineState::Unavailable { .. } => "none".into(),
        }
    }

    /// Says on standard error why it is this engine, where that was left open.
    pub fn complain_of_choice(&self) {
        let state = self.entry().state.clone();
        if matches!(&state, EngineState::Ready { why: Some(_), .. }) {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "engine: {}", state.text());
        }
    }

    /// How long it has been as it is.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.entry().since.elapsed()
    }

    fn entry(&self) -> MutexGuard<'_, Entry> {
        // An entry is replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_state_has_its_words_and_its_schema() {
        let board = HealthBoard::new("nvidia");
        let said = |board: &HealthBoard| (board.status().state.text(), board.engine());
        assert!(board.is_preparing());
        assert_eq!(said(&board), ("building or loading the network for this GPU".into(), "nvidia".into()));
        assert_eq!(board.status().text(), "building or loading the network for this GPU, since 0 s");
        board.set(EngineHealth::Ready { engine: "nvidia", description: "Orin, TensorRT 10.3".into(), remark: None });
        assert_eq!(said(&board), ("NVIDIA (Orin, TensorRT 10.3)".into(), "nvidia".into()));
        let why = "the NVIDIA driver is not installed";
        board.set(EngineHealth::Ready {
            engine: "tract",
            description: "CPU, 2 threads".into(),
            remark: Some(why.into()),
        });
        assert_eq!(said(&board), (format!("CPU ({why})"), "tract".into()));
        board.set(EngineHealth::StandingIn { engine: "tract", in_place_of: "nvidia", why: "gone".into() });
        assert_eq!(said(&board), ("CPU in place of NVIDIA (gone)".into(), "tract in place of nvidia".into()));
        let status = serde_json::to_value(board.status()).unwrap();
        let expected = json!({"state": "standing_in", "engine": "tract", "in_place_of": "nvidia", "why": "gone", "since_seconds": 0});
        assert_eq!(status, expected);
        assert_eq!(serde_json::from_value::<EngineStatus>(status).unwrap(), board.status());
        board.set(EngineHealth::Unavailable { why: "gone".into() });
        assert_eq!(said(&board), ("AI IS UNAVAILABLE (gone)".into(), "none".into()));
    }

    #[test]
    fn saying_the_same_again_does_not_begin_anew() {
        let board = HealthBoard::new("nvidia");
        board.set(EngineHealth::Unavailable { why: "gone".into() });
        let since = board.entry().since;
        board.set(EngineHealth::Unavailable { why: "gone".into() });
        assert_eq!(board.entry().since, since);
    }
}
