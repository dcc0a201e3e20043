//! The demonstration's outcome for people.

use std::io::Write;

use domain::DeliveryState;

use super::outcome::{DemoReport, DemoStudy};
use crate::commands::study_text;

/// Prints the outcome.
///
/// # Errors
/// When `output` cannot be written.
pub fn print(report: &DemoReport, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", report.notice)?;
    for file in report.sent.iter().filter(|file| !file.ok) {
        let why = file.error.as_deref().or(file.status.as_deref()).unwrap_or_default();
        writeln!(output, "not sent: {}: {why}", file.file.display())?;
    }
    for (number, study) in report.studies.iter().enumerate() {
        print_study(number + 1, study, output)?;
    }
    let time = &report.timings_ms;
    writeln!(output, "\nresults    {}", report.out.join("results").display())?;
    writeln!(output, "heat maps  {}", report.out.join("heatmaps").display())?;
    writeln!(
        output,
        "time in ms: start {:.0}, send {:.0}, analyse and deliver {:.0}, total {:.0}",
        time.start, time.send, time.analyse_and_deliver, time.total
    )?;
    if let Some(bytes) = report.memory_bytes_max {
        writeln!(output, "memory: at most {} MiB", bytes >> 20)?;
    }
    Ok(())
}

fn print_study(number: usize, study: &DemoStudy, output: &mut impl Write) -> std::io::Result<()> {
    study_text::print(number, &study.report, output)?;
    for destination in ["pacs", "folder"] {
        let of_destination = || study.deliveries.iter().filter(|delivery| delivery.destination == destination);
        let is_done = |state: &DeliveryState| matches!(state, DeliveryState::Delivered { .. });
        let done = of_destination().filter(|delivery| is_done(&delivery.state) && delivery.received).count();
        writeln!(output, "  to {destination:<7} {done} of {} objects delivered", of_destination().count())?;
    }
    Ok(())
}
