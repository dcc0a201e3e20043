//! `mamoru engine bench`: how long each stage takes.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use decoding::{Decoder, WorkerLimits};
use domain::findings::ModelId;
use inference::Scorer;
use phantom::{Exam, Size};
use serde::Serialize;

use crate::cli::BenchArgs;
use crate::commands::config::open_model;
use crate::commands::progress::Progress;
use crate::commands::{complain_of_no_input, files, print_json};
use crate::engine::ready;
use crate::exit_code::Exit;

/// Another exam than those of `mamoru demo` and `mamoru results verify-destination`.
const EXAM_SEED: u64 = 3;
/// Decoded images that are held in memory.
const IMAGES_HELD_MAX: usize = 16;

/// What was measured. The schema of `mamoru engine bench --json`; fields are only ever added.
#[derive(Debug, Serialize)]
struct Measured {
    /// "Research use only, not a medical device."
    notice: &'static str,
    /// Which engine scored.
    engine: String,
    /// The device and the versions.
    description: String,
    /// Which model.
    model: ModelId,
    /// How many images were measured.
    images: u32,
    /// Images scored in one second, one after the other.
    images_per_second: f64,
    /// Each stage.
    stages: [Stage; 4],
}

/// One stage, in milliseconds for one image.
#[derive(Debug, PartialEq, Serialize)]
struct Stage {
    /// Its name.
    name: &'static str,
    /// Half of the images took no longer.
    p50_ms: f64,
    /// 99 of 100 took no longer.
    p99_ms: f64,
    /// None took longer.
    max_ms: f64,
}

impl Stage {
    fn of(name: &'static str, mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        // The nearest rank.
        let at =
            |percent: usize| times.get((times.len() * percent).div_ceil(100).max(1) - 1).copied().unwrap_or(f64::NAN);
        Self { name, p50_ms: at(50), p99_ms: at(99), max_ms: at(100) }
    }
}

/// Measures and prints.
///
/// # Errors
/// When configuration, model or engine cannot be used, or an image is not scored.
pub fn run(arguments: &BenchArgs) -> anyhow::Result<Exit> {
    let config = arguments.common.load(&arguments.engine, Some(&arguments.model))?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let paths = if arguments.paths.is_empty() {
        Exam::new(EXAM_SEED, Size::Full).write_into(folder.path()).context("the synthetic exam cannot be written")?
    } else {
        files::collect(&arguments.paths)?
    };
    let images = decode(&paths)?;
    if images.is_empty() {
        return complain_of_no_input();
    }
    let (mut scorer, board) = ready(open_model(&config)?, &config.engine, &config.state_dir)?;
    let description = board.status().state.text();
    let measured = measure(&mut scorer, &images, arguments.images, description)?;
    if arguments.common.json {
        print_json(&measured)?;
    } else {
        print(&measured, &mut std::io::stdout().lock())?;
    }
    Ok(Exit::Success)
}

/// The images of the first files that have one.
fn decode(paths: &[PathBuf]) -> anyhow::Result<Vec<imaging::DecodedImage>> {
    let decoder = Decoder::new(std::env::current_exe()?, WorkerLimits::default());
    Ok(paths.iter().filter_map(|path| decoder.decode(path).ok()).take(IMAGES_HELD_MAX).collect())
}

fn measure(
    scorer: &mut Scorer,
    images: &[imaging::DecodedImage],
    count: u32,
    description: String,
) -> anyhow::Result<Measured> {
    // The first run of each size takes memory, and may compile.
    for image in images {
        scorer.score(image)?;
    }
    let mut progress = Progress::new();
    let mut times: [Vec<f64>; 4] = Default::default();
    let begun = Instant::now();
    for (index, image) in images.iter().cycle().take(count as usize).enumerate() {
        progress.bar(index, count as usize);
        let start = Instant::now();
        let scored = scorer.score(image)?;
        let total = start.elapsed().as_secs_f64() * 1e3;
        let of_image = [scored.outputs.preprocess_ms, scored.outputs.network_ms, scored.render_ms, total];
        times.iter_mut().zip(of_image).for_each(|(times, time)| times.push(time));
    }
    let images_per_second = f64::from(count) / begun.elapsed().as_secs_f64();
    drop(progress);
    let [preprocess, network, heat_map, total] = times;
    Ok(Measured {
        notice: results::NOTICE,
        engine: scorer.engine(),
        description,
        model: scorer.model(),
        images: count,
        images_per_second,
        stages: [
            Stage::of("preprocess", preprocess),
            Stage::of("network", network),
            Stage::of("heat_map", heat_map),
            Stage::of("total", total),
        ],
    })
}

fn print(measured: &Measured, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", measured.notice)?;
    let model = &measured.model;
    writeln!(output, "engine {}, model {} {}", measured.description, model.name, model.version)?;
    writeln!(output, "{:<12} {:>10} {:>10} {:>10}   in ms for one image", "stage", "p50", "p99", "max")?;
    for Stage { name, p50_ms, p99_ms, max_ms } in &measured.stages {
        writeln!(output, "{name:<12} {p50_ms:>10.2} {p99_ms:>10.2} {max_ms:>10.2}")?;
    }
    writeln!(output, "{:.2} images/s over {} images", measured.images_per_second, measured.images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let stage = |name, p50_ms, p99_ms, max_ms| Stage { name, p50_ms, p99_ms, max_ms };
        let hundred = (1..=100).rev().map(f64::from).collect();
        assert_eq!(Stage::of("a", hundred), stage("a", 50.0, 99.0, 100.0));
        let thousand = (1..=1_000).map(f64::from).collect();
        assert_eq!(Stage::of("b", thousand), stage("b", 500.0, 990.0, 1_000.0));
        assert_eq!(Stage::of("c", vec![7.0]), stage("c", 7.0, 7.0, 7.0));
        assert_eq!(Stage::of("d", vec![2.0, 1.0]), stage("d", 1.0, 2.0, 2.0));
    }
}
