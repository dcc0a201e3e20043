//! Who runs the network: the engine that is to, or the one that stands in for it.
//!
//! Whatever engine is loaded, and whenever, is held against the golden vectors before it sees an image. An engine that is lost,
//! or that cannot be made ready, is not asked again for [`AGAIN_AFTER`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use contract::Golden;
use domain::findings::IN_PLACE_OF;
use thiserror::Error;

use crate::engine::{Engine, EngineError, Loaded, ModelFiles, Unavailable};
use crate::golden::{GoldenFault, verify};

/// After a loss the lost engine is tried again at the next image, but not more often.
pub const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The engines that a scorer has.
pub struct Engines {
    /// The one that is to score.
    pub first: Box<dyn Engine>,
    /// Why it is this one, where another one might have been expected.
    pub remark: Option<String>,
    /// Another one.
    pub second: Option<Second>,
}

/// An engine for when the first one does not work.
pub struct Second {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// Does it score from the start, in its own name, when the first one cannot be made ready then?
    pub from_start: bool,
    /// Does it stand in, and say so in each result, while the first one is lost?
    pub when_lost: bool,
}

impl Engines {
    /// One engine, and nobody beside it.
    #[must_use]
    pub fn only(engine: Box<dyn Engine>) -> Self {
        Self { first: engine, remark: None, second: None }
    }
}

/// How scoring is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineHealth {
    /// An engine is being made ready, which may take minutes.
    Preparing {
        /// Its name.
        engine: &'static str,
    },
    /// The engine that is to score does so.
    Ready {
        /// Its name.
        engine: &'static str,
        /// The device and the versions.
        description: String,
        /// Why it is this one, where another one might have been expected.
        remark: Option<String>,
    },
    /// Another engine scores, and each result says so.
    StandingIn {
        /// Its name.
        engine: &'static str,
        /// The one that is to score.
        in_place_of: &'static str,
        /// Why that one does not.
        why: String,
    },
    /// Nobody scores: images fail.
    Unavailable {
        /// Why.
        why: String,
    },
}

/// Hears each change of [`EngineHealth`].
pub type Watcher = Box<dyn Fn(EngineHealth) + Send>;

/// Why an engine is not ready for a model.
#[derive(Debug, Error)]
pub enum LoadFailure {
    /// It cannot be used on this machine.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It cannot load the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It panicked; the panic's text may hold anything and is left out.
    #[error("engine panicked")]
    Panicked,
    /// It does not say what the trainer's network said.
    #[error(transparent)]
    Golden(#[from] GoldenFault),
}

/// An engine that is ready, and the name under which it scores.
pub(crate) struct OnDuty {
    pub(crate) name: String,
    pub(crate) loaded: Box<dyn Loaded>,
}

struct Loss {
    why: String,
    tried_at: Instant,
}

/// The engines, which of them is ready, and whether the first one is lost.
pub(crate) struct Crew {
    engines: Engines,
    model: ModelFiles,
    golden: Option<Golden>,
    on_duty: Option<OnDuty>,
    loss: Option<Loss>,
    has_started: bool,
    watcher: Watcher,
    clock: Box<dyn Fn() -> Instant + Send>,
}

impl Crew {
    pub(crate) fn new(engines: Engines, model: ModelFiles, golden: Option<Golden>) -> Self {
        let (watcher, clock) = (Box::new(|_| {}), Box::new(Instant::now));
        Self { engines, model, golden, on_duty: None, loss: None, has_started: false, watcher, clock }
    }

    pub(crate) fn watched_by(self, watcher: Watcher) -> Self {
        Self { watcher, ..self }
    }

    #[cfg(test)]
    pub(crate) fn with_clock(self, clock: Box<dyn Fn() -> Instant + Send>) -> Self {
        Self { clock, ..self }
    }

    pub(crate) const fn model(&self) -> &ModelFiles {
        &self.model
    }

    /// The name under which the next image is scored, as far as it is known.
    pub(crate) fn name(&self) -> String {
        self.on_duty.as_ref().map_or_else(|| self.engines.first.name().to_owned(), |on_duty| on_duty.name.clone())
    }

    /// Makes the first engine ready; at the start perhaps the second one in its place, which then is the first.
    ///
    /// # Errors
    /// [`LoadFailure`]: the first one counts as lost.
    pub(crate) fn prepare(&mut self) -> Result<(), LoadFailure> {
        (self.watcher)(EngineHealth::Preparing { engine: self.engines.first.name() });
        let failure = match self.ready_first() {
            Ok(on_duty) => {
                self.on_duty = Some(on_duty);
                return Ok(());
            }
            Err(failure) => failure,
        };
        let has_started = self.has_started;
        if let Some(second) = self.engines.second.take_if(|second| second.from_start && !has_started) {
            self.engines = Engines { remark: Some(failure.to_string()), ..Engines::only(second.engine) };
            return self.prepare();
        }
        self.lose(failure.to_string());
        Err(failure)
    }

    /// Takes the engine that scores the next image, made ready where it is not.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn take(&mut self) -> Result<OnDuty, String> {
        self.try_first_again();
        if self.on_duty.is_none() && self.loss.is_none() {
            // After a panic. A failure counts as a loss, of which the next lines take care.
            let _ = self.prepare();
        }
        if let Some(on_duty) = self.on_duty.take() {
            return Ok(on_duty);
        }
        let why = self.loss.as_ref().map_or_else(String::new, |loss| loss.why.clone());
        let (first, second) = (self.engines.first.name(), self.engines.second.as_ref());
        let Some(second) = second.filter(|second| second.when_lost) else { return Err(why) };
        let engine = second.engine.name();
        (self.watcher)(EngineHealth::Preparing { engine });
        match make_ready(second.engine.as_ref(), &self.model, self.golden.as_ref()) {
            Ok((loaded, _)) => {
                (self.watcher)(EngineHealth::StandingIn { engine, in_place_of: first, why });
                Ok(OnDuty { name: format!("{engine}{IN_PLACE_OF}{first}"), loaded })
            }
            Err(failure) => {
                let why = format!("{why}; in its place {engine}: {failure}");
                (self.watcher)(EngineHealth::Unavailable { why: why.clone() });
                Err(why)
            }
        }
    }

    /// Gives back what was taken and still works.
    pub(crate) fn put_back(&mut self, on_duty: OnDuty) {
        self.on_duty = Some(on_duty);
    }

    /// Whoever was on duty is lost.
    pub(crate) fn lose(&mut self, why: String) {
        self.on_duty = None;
        (self.watcher)(EngineHealth::Unavailable { why: why.clone() });
        self.loss = Some(Loss { why, tried_at: (self.clock)() });
    }

    /// After a while the engine that was lost may be there again. Whoever stands in stays on duty until it is.
    fn try_first_again(&mut self) {
        let now = (self.clock)();
        if self.loss.as_ref().is_none_or(|loss| now.saturating_duration_since(loss.tried_at) < AGAIN_AFTER) {
            return;
        }
        match self.ready_first() {
            Ok(on_duty) => self.on_duty = Some(on_duty),
            Err(failure) => self.loss = Some(Loss { why: failure.to_string(), tried_at: (self.clock)() }),
        }
    }

    fn ready_first(&mut self) -> Result<OnDuty, LoadFailure> {
        let (loaded, description) = make_ready(self.engines.first.as_ref(), &self.model, self.golden.as_ref())?;
        let engine = self.engines.first.name();
        (self.loss, self.has_started) = (None, true);
        (self.watcher)(EngineHealth::Ready { engine, description, remark: self.engines.remark.clone() });
        Ok(OnDuty { name: engine.to_owned(), loaded })
    }
}

/// A model on an engine, held against the golden vectors, and the engine's description of itself.
fn make_ready(
    engine: &dyn Engine,
    model: &ModelFiles,
    golden: Option<&Golden>,
) -> Result<(Box<dyn Loaded>, String), LoadFailure> {
    let load = AssertUnwindSafe(|| {
        let info = engine.probe()?;
        Ok::<_, LoadFailure>((engine.load(model)?, info.description))
    });
    let (mut loaded, description) = catch_unwind(load).map_err(|_| LoadFailure::Panicked)??;
    if let Some(golden) = golden {
        let verify = AssertUnwindSafe(|| verify(loaded.as_mut(), model.manifest(), golden));
        catch_unwind(verify).map_err(|_| GoldenFault::Panicked)??;
    }
    Ok((loaded, description))
}

#[cfg(test)]
mod tests;
