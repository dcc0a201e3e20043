//! What a technician looks at when something is wrong.

use console::{Fault, Finding, Level, LogFilter, LogLine, Verdict, VersionLine};

use super::Shown;
use crate::doctor::{self, Options, examine};
use crate::logging;
use crate::support_bundle::{redacted_settings, system};

/// Everything that the doctor looks at, without calling destinations.
pub fn doctor(shown: &Shown) -> Result<Vec<Finding>, Fault> {
    let loaded = Ok(shown.config.clone());
    let options = Options { connect: false, golden: false };
    let examined = examine(shown.config_file.as_deref(), &loaded, options);
    let examination = examined.map_err(|error| Fault::Broken(format!("{error:#}")))?;
    Ok(examination.findings.into_iter().map(finding).collect())
}

fn finding(finding: doctor::Finding) -> Finding {
    let verdict = match finding.verdict {
        doctor::Verdict::Ok => Verdict::Ok,
        doctor::Verdict::Attention => Verdict::Attention,
        doctor::Verdict::Failed => Verdict::Failed,
    };
    Finding { check: finding.check, verdict, found: finding.found, next: finding.next.unwrap_or_default() }
}

/// The last lines that pass `filter`.
pub fn logs(filter: &LogFilter) -> Vec<LogLine> {
    let wanted = filter.containing.as_deref().map(str::to_lowercase);
    let passes = |line: &LogLine| {
        line.level <= filter.level
            && wanted.as_ref().is_none_or(|wanted| {
                line.text.to_lowercase().contains(wanted) || line.target.to_lowercase().contains(wanted)
            })
    };
    let mut lines: Vec<LogLine> = logging::recent().into_iter().map(line).filter(passes).collect();
    lines.drain(..lines.len().saturating_sub(filter.lines_max));
    lines
}

fn line(line: logging::Line) -> LogLine {
    let level = match line.level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        _ => Level::Debug,
    };
    LogLine { at_ms: line.at.0, level, target: line.target, text: line.text }
}

/// The configuration that counts, defaults included, without secrets.
pub fn settings(shown: &Shown) -> Result<String, Fault> {
    redacted_settings(&shown.config).map_err(|_| Fault::Broken("the settings cannot be written down".into()))
}

/// Versions of all parts.
pub fn versions(shown: &Shown) -> Vec<VersionLine> {
    let running = shown.facts().current.running();
    let facts = system::facts();
    let fact = |key: &str| facts[key].as_str().map(str::to_owned);
    let line = |part: &str, version: Option<String>| Some(VersionLine { part: part.into(), version: version? });
    [
        line("software", Some(env!("CARGO_PKG_VERSION").into())),
        line("contract", Some(format!("{}.{}", contract::CONTRACT_VERSION.major, contract::CONTRACT_VERSION.minor))),
        line("model", Some(format!("{} {}", running.model.name, running.model.version))),
        line("engine", Some(running.board.status().text())),
        line("operating system", fact("os")),
        line("kernel", fact("kernel")),
        line("processor", fact("processor").or_else(|| fact("board"))),
        line("Jetson release", fact("jetson")),
        line("NVIDIA driver", fact("nvidia_driver")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
