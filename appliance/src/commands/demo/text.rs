//! The demonstration's outcome for people.

use std::io::Write;

use domain::{DeliveryState, InstanceOutcome};
use results::ImageJson;

use super::outcome::{DemoReport, DemoStudy};

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
    let report = &study.report;
    write!(output, "\nStudy {number}, revision {}", report.revision)?;
    if let (Some(model), Some(engine)) = (&report.model, &report.engine) {
        write!(output, ", model {} {} ({:?}), engine {engine}", model.name, model.version, model.label)?;
    }
    writeln!(output)?;
    report.images.iter().try_for_each(|image| print_image(image, output))?;
    for breast in &report.breasts {
        let missing: Vec<_> = breast.missing_views.iter().map(|view| view.term()).collect();
        let missing = if missing.is_empty() { String::new() } else { format!(", missing {}", missing.join(", ")) };
        let (side, score, images) = (breast.laterality.letter(), breast.score, breast.images);
        writeln!(output, "  breast {side}   {score:.4}  from {images} images{missing}")?;
    }
    for destination in ["pacs", "folder"] {
        let of_destination = || study.deliveries.iter().filter(|delivery| delivery.destination == destination);
        let is_done = |state: &DeliveryState| matches!(state, DeliveryState::Delivered { .. });
        let done = of_destination().filter(|delivery| is_done(&delivery.state) && delivery.received).count();
        writeln!(output, "  to {destination:<7} {done} of {} objects delivered", of_destination().count())?;
    }
    let time = &report.timings_ms;
    writeln!(
        output,
        "  time in ms: decode {:.0}, preprocess {:.0}, network {:.0}, heat maps {:.0}",
        time.decode, time.preprocess, time.network, time.render
    )
}

fn print_image(image: &ImageJson, output: &mut impl Write) -> std::io::Result<()> {
    match &image.outcome {
        InstanceOutcome::Scored(finding) => {
            let (side, view) = (finding.laterality.letter(), finding.view.term());
            let heatmap = image.heatmap.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            writeln!(output, "  image {side} {view:<3}   {:.4}  {heatmap}", finding.score)
        }
        InstanceOutcome::Excluded { reason } => writeln!(output, "  excluded         {}", reason.text()),
        InstanceOutcome::Failed { reason } => writeln!(output, "  failed           {} ({})", reason.text, reason.code),
    }
}
