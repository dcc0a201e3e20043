//! `mamoru doctor`: everything that a technician would look at, and what to do next.

use std::io::Write;

use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::commands::{print_json, running_config};
use crate::doctor::{Examination, Finding, Options, Verdict, examine};
use crate::exit_code::Exit;

/// The schema of `mamoru doctor --json`; fields are only ever added.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    notice: &'static str,
    version: &'static str,
    /// The worst of all.
    verdict: Verdict,
    findings: &'a [Finding],
}

impl<'a> Document<'a> {
    /// Of an examination.
    pub const fn of(verdict: Verdict, findings: &'a [Finding]) -> Self {
        Self { notice: results::NOTICE, version: env!("CARGO_PKG_VERSION"), verdict, findings }
    }
}

/// Looks at everything and prints what it found; the exit code is that of the worst.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &DoctorArgs) -> anyhow::Result<Exit> {
    let loaded = running_config(&arguments.running);
    let options = Options { connect: arguments.connect, golden: true };
    let examination = examine(arguments.running.config.as_deref(), &loaded, options)?;
    if arguments.running.json {
        print_json(&Document::of(examination.verdict(), &examination.findings))?;
    } else {
        print(&examination, &mut std::io::stdout().lock())?;
    }
    Ok(examination.exit())
}

fn print(examination: &Examination, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", results::NOTICE)?;
    let findings = &examination.findings;
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or(0);
    for finding in findings {
        writeln!(output, "{:<9}  {:<width$}  {}", finding.verdict.word(), finding.check, finding.found)?;
        if let Some(next) = &finding.next {
            writeln!(output, "{:<9}  {:<width$}  -> {next}", "", "")?;
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let [ok, attention, failed] = [Verdict::Ok, Verdict::Attention, Verdict::Failed].map(count);
    writeln!(output, "{ok} ok, {attention} need attention, {failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line_and_what_to_do_another() {
        let finding = |check: &str, verdict, next: Option<&str>| Finding {
            check: check.into(),
            verdict,
            found: "found".into(),
            next: next.map(Into::into),
        };
        let findings = vec![finding("disk", Verdict::Ok, None), finding("engine", Verdict::Failed, Some("mend it"))];
        let mut text = Vec::new();
        print(&Examination { findings, status: None }, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = [
            "Research use only, not a medical device.",
            "ok         disk    found",
            "failed     engine  found",
            "                   -> mend it",
            "1 ok, 0 need attention, 1 failed",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
