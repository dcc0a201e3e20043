//! The report for people.

use std::io::Write;

use domain::InstanceOutcome;

use crate::report::{ImageResult, Report, StudyResult};

/// Prints the report as text.
///
/// # Errors
/// When `output` cannot be written.
pub fn print(report: &Report, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", report.notice)?;
    for (number, study) in report.studies.iter().enumerate() {
        print_study(number + 1, study, output)?;
    }
    Ok(())
}

fn print_study(number: usize, study: &StudyResult, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "\nStudy {number}, model {} {}, engine {}", study.model.name, study.model.version, study.engine)?;
    for image in &study.images {
        print_image(image, output)?;
    }
    for breast in &study.breasts {
        let missing: Vec<_> = breast.missing_views.iter().map(|view| view.term()).collect();
        let missing = if missing.is_empty() { String::new() } else { format!(", missing {}", missing.join(", ")) };
        writeln!(
            output,
            "  breast {}   {:.4}  from {} images{missing}",
            breast.laterality.letter(),
            breast.score,
            breast.images
        )?;
    }
    let time = &study.timings_ms;
    writeln!(
        output,
        "  time in ms: decode {:.0}, preprocess {:.0}, network {:.0}, heat maps {:.0}",
        time.decode, time.preprocess, time.network, time.render
    )
}

fn print_image(image: &ImageResult, output: &mut impl Write) -> std::io::Result<()> {
    let file = image.file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    match &image.outcome {
        InstanceOutcome::Scored(finding) => {
            let (side, view) = (finding.laterality.letter(), finding.view.term());
            let heatmap = image.heatmap.as_ref().map(|path| format!("  {}", path.display())).unwrap_or_default();
            writeln!(output, "  image {side} {view:<3}   {:.4}  {file}{heatmap}", finding.score)
        }
        InstanceOutcome::Excluded { reason } => writeln!(output, "  excluded         {}  {file}", reason.text()),
        InstanceOutcome::Failed { reason } => {
            writeln!(output, "  failed           {} ({})  {file}", reason.text, reason.code)
        }
    }
}
