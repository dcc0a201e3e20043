//! `mamoru analyze`: files and folders through the whole chain, without the network.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use decoding::WorkerLimits;
use domain::eligibility::EligibilityPolicy;
use domain::{Aggregation, InstanceOutcome};
use results::{DocumentJson, Settings};

use crate::analysis::Analyst;
use crate::cli::AnalyzeArgs;
use crate::commands::progress::Progress;
use crate::commands::{complain_of_no_input, files, objects, print_json, study_text};
use crate::config::{Config, EngineConfig};
use crate::engine::ready;
use crate::exit_code::Exit;
use crate::model::Model;
use crate::report::{AnalyzedFile, Method, document};

/// Analyses what the arguments name, prints the report and writes it where asked.
///
/// # Errors
/// When a path cannot be read, the model not be loaded or a result not be written. A file that fails is no error: it
/// stands in the report with its reason.
pub fn run(arguments: &AnalyzeArgs) -> anyhow::Result<Exit> {
    let paths = files::collect(&arguments.paths)?;
    if paths.is_empty() {
        return complain_of_no_input();
    }
    if let Some(out) = &arguments.out {
        fs::create_dir_all(out).with_context(|| format!("folder {} cannot be made", out.display()))?;
    }
    let settings = Config::load(arguments.config.as_deref())?;
    let policy = EligibilityPolicy {
        accept_secondary_capture: arguments.digitised_film,
        view_from_patient_orientation: arguments.digitised_film,
        ..EligibilityPolicy::default()
    };
    let config = arguments.engine.over(EngineConfig { threads: arguments.threads, ..settings.engine })?;
    let (scorer, _) = ready(Model::open(&arguments.model.source())?, &config, &settings.state_dir)?;
    let mut analyst = Analyst::new(scorer, WorkerLimits::default(), policy, arguments.digitised_film)?;
    // Heat maps wait on disk for the pages that show them: a collection may have thousands.
    let kept = arguments.results.as_ref().map(|_| tempfile::tempdir()).transpose()?;
    let mut progress = Progress::new();
    let mut analyzed = Vec::with_capacity(paths.len());
    for (index, path) in paths.iter().enumerate() {
        progress.bar(index, paths.len());
        let mut analysis = analyst.analyze(path);
        let png = analysis.heatmap_png.take();
        if let (Some(folder), Some(png)) = (&kept, &png) {
            write_heatmap(folder.path(), index, png)?;
        }
        let heatmap = match (&arguments.out, png) {
            (Some(out), Some(png)) => Some(write_heatmap(out, index, &png)?),
            _ => None,
        };
        analyzed.push(AnalyzedFile { path: path.clone(), analysis, heatmap });
    }
    progress.bar(paths.len(), paths.len());
    drop(progress);
    let method = Method {
        aggregation: arguments.aggregation.map_or_else(|| analyst.aggregation(), Aggregation::from),
        policy: &policy,
        model: &analyst.model(),
        engine: &analyst.engine(),
    };
    if let (Some(folder), Some(kept)) = (&arguments.results, &kept) {
        let settings = Settings { finding_code: arguments.finding_code.into(), ..Settings::default() };
        let heatmap = |index: usize| fs::read(heatmap_path(kept.path(), index)).ok();
        objects::write(folder, &analyzed, &method, settings, &heatmap)?;
    }
    let report = document(analyzed, &method);
    if let Some(out) = &arguments.out {
        let path = out.join("report.json");
        fs::write(&path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&report, &mut std::io::stdout().lock())?;
    }
    let mut images = report.studies.iter().flat_map(|study| &study.images);
    let failed = images.any(|image| matches!(image.outcome, InstanceOutcome::Failed { .. }));
    Ok(if failed { Exit::Partial } else { Exit::Success })
}

fn write_heatmap(out: &Path, index: usize, png: &[u8]) -> anyhow::Result<PathBuf> {
    let path = heatmap_path(out, index);
    fs::write(&path, png).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

fn heatmap_path(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("heatmap-{:03}.png", index + 1))
}

fn print(report: &DocumentJson, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", report.notice)?;
    report.studies.iter().enumerate().try_for_each(|(index, study)| study_text::print(index + 1, study, output))
}
