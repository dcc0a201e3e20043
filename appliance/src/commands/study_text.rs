//! A study's report for people.

use std::io::Write;

use domain::InstanceOutcome;
use results::{ImageJson, StudyJson};

/// Prints the report of study `number` as text.
///
/// # Errors
/// When `output` cannot be written.
pub fn print(number: usize, study: &StudyJson, output: &mut impl Write) -> std::io::Result<()> {
    write!(output, "\nStudy {number}, revision {}", study.revision)?;
    if let Some(state) = study.state {
        write!(output, ", {}", state.text())?;
    }
    if let (Some(model), Some(engine)) = (&study.model, &study.engine) {
        write!(output, ", model {} {} ({:?}), engine {engine}", model.name, model.version, model.label)?;
    }
    writeln!(output)?;
    study.images.iter().try_for_each(|image| print_image(image, output))?;
    for breast in &study.breasts {
        let missing: Vec<_> = breast.missing_views.iter().map(|view| view.term()).collect();
        let missing = if missing.is_empty() { String::new() } else { format!(", missing {}", missing.join(", ")) };
        let (side, score, images) = (breast.laterality.letter(), breast.score, breast.images);
        writeln!(output, "  breast {side}   {score:.4}  from {images} images{missing}")?;
    }
    if let Some(rule) = &study.rule {
        writeln!(output, "  {rule}")?;
    }
    let time = &study.timings_ms;
    writeln!(
        output,
        "  time in ms: decode {:.0}, preprocess {:.0}, network {:.0}, heat maps {:.0}",
        time.decode, time.preprocess, time.network, time.render
    )
}

fn print_image(image: &ImageJson, output: &mut impl Write) -> std::io::Result<()> {
    let file = image.file.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    let file = file.unwrap_or_default();
    match &image.outcome {
        InstanceOutcome::Scored(finding) => {
            let (side, view) = (finding.laterality.letter(), finding.view.term());
            let heatmap = image.heatmap.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            let calibrated = finding.calibrated_probability.map(|calibrated| format!("  calibrated {calibrated:.4}"));
            let calibrated = calibrated.unwrap_or_default();
            let called = if image.called == Some(true) { "  called" } else { "" };
            let notes: String = image.notes.iter().map(|note| format!("  ({})", note.text())).collect();
            writeln!(
                output,
                "  image {side} {view:<3}   {:.4}{calibrated}{called}{notes}  {file}  {heatmap}",
                finding.score
            )
        }
        InstanceOutcome::Excluded { reason } => writeln!(output, "  excluded         {}  {file}", reason.text()),
        InstanceOutcome::Failed { reason } => {
            writeln!(output, "  failed           {} ({})  {file}", reason.text, reason.code)
        }
    }
}
