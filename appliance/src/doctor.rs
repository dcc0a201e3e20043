//! What a technician would look at, in the order in which it is looked at: each thing with a verdict, what was found, and what to
//! do next. The commands and the technician's page show the same list.
//!
//! Nothing is changed, nothing is repaired and no start of a model on trial is counted. No finding holds patient data, nor what
//! stands in a configuration that is wrong.

mod certificates;
mod clock;
mod configuration;
pub mod destinations;
mod device;
mod engine;
mod model;
pub mod quarantine;
mod queue;
mod selftest;
mod state;

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use crate::config::Config;
use crate::control::Status;
use crate::exit_code::Exit;

/// How something is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but a person should look at it.
    Attention,
    /// It does not work.
    Failed,
}

impl Verdict {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Attention => "attention",
            Self::Failed => "failed",
        }
    }
}

/// What was found of one thing. Part of the schema of `mamoru doctor --json`; fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do next, unless all is well.
    pub next: Option<String>,
}

impl Finding {
    fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Ok, found: found.into(), next: None }
    }

    fn attention(check: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        let (check, found, next) = (check.into(), found.into(), Some(next.into()));
        Self { check, verdict: Verdict::Attention, found, next }
    }

    fn failed(check: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, ..Self::attention(check, found, next) }
    }
}

/// What the doctor may do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Connect to destinations.
    pub connect: bool,
    /// Run the model's golden vectors where no device is running: some seconds of all processors.
    pub golden: bool,
}

/// Everything that was found, and what else was learned on the way.
#[derive(Debug)]
pub struct Examination {
    /// In the order of the checks; never empty.
    pub findings: Vec<Finding>,
    /// The status of the running device.
    pub status: Option<Box<Status>>,
}

impl Examination {
    /// The worst verdict.
    pub fn verdict(&self) -> Verdict {
        worst(&self.findings)
    }

    /// The exit code of the worst verdict.
    pub fn exit(&self) -> Exit {
        exit(&self.findings)
    }
}

/// Looks at everything: the configuration that was `loaded` from `file`, and the device that runs with it.
///
/// # Errors
/// When the runtime for connections cannot be started.
pub fn examine(file: Option<&Path>, loaded: &anyhow::Result<Config>, options: Options) -> anyhow::Result<Examination> {
    let now = SystemTime::now();
    let mut findings = vec![configuration::check(file, loaded)];
    // Without a configuration nobody knows where to look.
    let Ok(config) = loaded else { return Ok(Examination { findings, status: None }) };
    findings.extend(state::check(&config.state_dir, config.receiver.disk_free_bytes_min));
    findings.push(clock::check(&config.state_dir, now, clock::built_at()));
    let asked = device::ask_status(&config.state_dir);
    findings.push(device::check(&asked));
    let status = asked.ok();
    findings.push(engine::check(config, status.as_deref()));
    findings.push(model::check(config, status.as_deref(), options.golden));
    findings.extend(status.as_ref().map(|status| selftest::check(status.self_test.as_ref(), now)));
    findings.extend(queue::check(&config.state_dir, status.as_deref()));
    findings.extend(destinations::check(config, status.as_deref(), options.connect)?);
    findings.extend(certificates::check(&config.to_table(), now));
    Ok(Examination { findings, status })
}

fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
}

fn exit(findings: &[Finding]) -> Exit {
    let is_config_wrong =
        findings.iter().any(|finding| finding.check == configuration::CHECK && finding.verdict == Verdict::Failed);
    match worst(findings) {
        _ if is_config_wrong => Exit::Config,
        Verdict::Failed => Exit::Failure,
        Verdict::Attention => Exit::Attention,
        Verdict::Ok => Exit::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let ok = || Finding::ok("disk", "free");
        let attention = || Finding::attention("clock", "late", "set it");
        let failed = || Finding::failed("engine", "gone", "mend it");
        let config = || Finding::failed(configuration::CHECK, "wrong", "mend it");
        assert_eq!(exit(&[ok()]), Exit::Success);
        assert_eq!(exit(&[attention(), ok()]), Exit::Attention);
        assert_eq!(exit(&[failed(), attention(), ok()]), Exit::Failure);
        assert_eq!(exit(&[config(), attention()]), Exit::Config);
        assert_eq!(worst(&[ok(), failed(), attention()]), Verdict::Failed);
    }

    #[test]
    fn a_wrong_configuration_is_the_only_finding() {
        let loaded = crate::config::parse("colour = 1").map_err(anyhow::Error::from);
        let options = Options { connect: true, golden: true };
        let examination = examine(None, &loaded, options).unwrap();
        let checks: Vec<_> = examination.findings.iter().map(|finding| finding.check.as_str()).collect();
        assert_eq!((checks, examination.exit()), (vec!["config"], Exit::Config));
    }
}
