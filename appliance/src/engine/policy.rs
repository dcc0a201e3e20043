//! Which engine is to score, and which one may in its place.

use inference::{Engine, Engines, Second};

use crate::config::{EngineName, WhenLost};

/// What is decided before anything of NVIDIA is touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The CPU.
    Cpu {
        /// Why, where it was left open.
        why: Option<&'static str>,
    },
    /// NVIDIA.
    Nvidia {
        /// May nothing else score from the start?
        is_required: bool,
    },
}

impl Choice {
    /// Is the engine made ready in so short a time that a start may wait for it?
    pub const fn is_soon_ready(&self) -> bool {
        matches!(self, Self::Cpu { .. })
    }
}

/// Decides for the engine named `name`.
pub fn choose(name: EngineName, is_driver_installed: impl FnOnce() -> bool) -> Choice {
    match name {
        EngineName::Cpu => Choice::Cpu { why: None },
        EngineName::Nvidia => Choice::Nvidia { is_required: true },
        EngineName::Auto if is_driver_installed() => Choice::Nvidia { is_required: false },
        EngineName::Auto => Choice::Cpu { why: Some("the NVIDIA driver is not installed") },
    }
}

/// The engines of a choice; only those are made that may be used.
///
/// # Errors
/// When the NVIDIA engine is to be made and cannot.
pub fn engines<E>(
    choice: &Choice,
    when_lost: WhenLost,
    cpu: impl FnOnce() -> Box<dyn Engine>,
    nvidia: impl FnOnce() -> Result<Box<dyn Engine>, E>,
) -> Result<Engines, E> {
    match choice {
        Choice::Cpu { why } => Ok(Engines { remark: why.map(Into::into), ..Engines::only(cpu()) }),
        Choice::Nvidia { is_required } => {
            let (from_start, when_lost) = (!is_required, when_lost == WhenLost::Cpu);
            let second = (from_start || when_lost).then(|| Second { engine: cpu(), from_start, when_lost });
            Ok(Engines { second, ..Engines::only(nvidia()?) })
        }
    }
}

#[cfg(test)]
mod tests {
    use inference::{EngineError, EngineInfo, Loaded, ModelFiles, Unavailable};

    use super::*;

    #[derive(Debug)]
    struct Named(&'static str);

    impl Engine for Named {
        fn name(&self) -> &'static str {
            self.0
        }

        fn probe(&self) -> Result<EngineInfo, Unavailable> {
            Err(Unavailable("a name alone".into()))
        }

        fn load(&self, _: &ModelFiles) -> Result<Box<dyn Loaded>, EngineError> {
            Err(EngineError::Load("a name alone".into()))
        }
    }

    /// The first engine, and the second with its uses.
    fn crew(choice: &Choice, when_lost: WhenLost) -> (&'static str, Option<(&'static str, bool, bool)>) {
        let cpu = || -> Box<dyn Engine> { Box::new(Named("tract")) };
        let nvidia = || -> Result<Box<dyn Engine>, ()> { Ok(Box::new(Named("nvidia"))) };
        let engines = engines(choice, when_lost, cpu, nvidia).unwrap();
        let second = engines.second.map(|second| (second.engine.name(), second.from_start, second.when_lost));
        (engines.first.name(), second)
    }

    #[test]
    fn the_driver_is_looked_for_only_where_the_choice_is_open() {
        let never = || -> bool { panic!("not to be asked") };
        assert_eq!(choose(EngineName::Cpu, never), Choice::Cpu { why: None });
        assert_eq!(choose(EngineName::Nvidia, never), Choice::Nvidia { is_required: true });
        assert_eq!(choose(EngineName::Auto, || true), Choice::Nvidia { is_required: false });
        let why = Some("the NVIDIA driver is not installed");
        assert_eq!(choose(EngineName::Auto, || false), Choice::Cpu { why });
    }

    #[test]
    fn the_cpu_stands_beside_nvidia_only_as_far_as_the_site_wants_it() {
        let (open, required) = (Choice::Nvidia { is_required: false }, Choice::Nvidia { is_required: true });
        assert_eq!(crew(&open, WhenLost::Unavailable), ("nvidia", Some(("tract", true, false))));
        assert_eq!(crew(&open, WhenLost::Cpu), ("nvidia", Some(("tract", true, true))));
        assert_eq!(crew(&required, WhenLost::Unavailable), ("nvidia", None));
        assert_eq!(crew(&required, WhenLost::Cpu), ("nvidia", Some(("tract", false, true))));
        assert_eq!(crew(&Choice::Cpu { why: None }, WhenLost::Cpu), ("tract", None));
    }

    #[test]
    fn nothing_of_nvidia_is_made_for_the_cpu() {
        let nvidia = || -> Result<Box<dyn Engine>, &str> { Err("not to be made") };
        let cpu = || -> Box<dyn Engine> { Box::new(Named("tract")) };
        let why = Some("no driver");
        assert_eq!(engines(&Choice::Cpu { why }, WhenLost::Cpu, cpu, nvidia).unwrap().remark.as_deref(), why);
        let required = Choice::Nvidia { is_required: true };
        assert!(matches!(engines(&required, WhenLost::Cpu, cpu, nvidia), Err("not to be made")));
    }
}
