//! `mamoru results verify-destination`: what a destination makes of the results of a synthetic exam.

mod outcome;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use commitment::Request;
use contract::Uid;
use domain::{DeliveryId, DestinationName, ResultKind, Sop, StudyKey};
use forwarder::{Asked, Carrier, CommitmentMode, DestinationConfig, Parcel};
use phantom::{Exam, PhantomImage, Size};

use crate::analysis::Analyst;
use crate::cli::VerifyDestinationArgs;
use crate::commands::config::open_model;
use crate::commands::objects::Wanted;
use crate::commands::progress::Progress;
use crate::commands::{objects, print_json, runtime};
use crate::config::{Config, ConfigErrors};
use crate::engine::ready;
use crate::exit_code::Exit;
use crate::report::{AnalyzedFile, Method};
use outcome::{Committed, Verification, VerifiedObject};

/// Another exam than that of `mamoru demo`.
const EXAM_SEED: u64 = 2;
/// When its images count as received, in seconds since 1970: the same each time, so that a destination that has its results has
/// nothing new.
const RECEIVED_SECONDS: u64 = 1_767_268_800;

/// Sends the results of a synthetic exam to one destination, on the ways and in the order that its profile gives, once.
/// Nothing is queued, and a running device is not touched.
///
/// # Errors
/// [`ConfigErrors`] when there is no such destination or it cannot be used; when the exam cannot be made or scored.
pub fn run(arguments: &VerifyDestinationArgs) -> anyhow::Result<Exit> {
    let mut config = Config::load(arguments.config.as_deref())?;
    config.engine = arguments.engine.over(config.engine)?;
    let destination = find(&config, &arguments.name)?;
    let wrong = |why: String| ConfigErrors(vec![format!("destination {}: {why}", destination.name)]);
    let carrier = Carrier::new(destination, &config.ae_title()?).map_err(wrong)?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let exam = Exam::new(EXAM_SEED, Size::Full);
    let mut progress = Progress::new();
    progress.show("drawing the synthetic exam");
    let paths = write(&exam, folder.path()).context("the synthetic exam cannot be written")?;
    progress.show("scoring it");
    let kinds: Vec<ResultKind> = destination.objects().kinds().collect();
    let made = make(&config, folder.path(), &paths, &kinds)?;
    let images = if arguments.images { images(&exam, &paths)? } else { Vec::new() };
    progress.show("sending");
    let sender = Sender { destination, carrier: &carrier, study: StudyKey(exam.study.clone()) };
    let verification = runtime()?.block_on(sender.verify(images, &made))?;
    drop(progress);
    if arguments.json {
        print_json(&verification)?;
    } else {
        verification.print(&mut std::io::stdout().lock())?;
    }
    Ok(verification.exit())
}

fn find<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a DestinationConfig> {
    let destinations = &config.destinations;
    if let Some(found) = destinations.iter().find(|destination| destination.name.as_str() == name) {
        return Ok(found);
    }
    let names: Vec<&str> = destinations.iter().map(|destination| destination.name.as_str()).collect();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    // What is no name at all is not repeated.
    let name = DestinationName::parse(name).map_or_else(|_| String::new(), |name| format!(" {name}"));
    Err(ConfigErrors(vec![format!("there is no destination{name}; the configuration has: {known}")]).into())
}

/// Writes the exam's files as if they had come at [`RECEIVED_SECONDS`].
fn write(exam: &Exam, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let paths = exam.write_into(folder)?;
    let received = UNIX_EPOCH + Duration::from_secs(RECEIVED_SECONDS);
    for path in &paths {
        fs::File::options().write(true).open(path)?.set_modified(received)?;
    }
    Ok(paths)
}

/// An object that was made of the exam.
struct Made {
    kind: ResultKind,
    name: String,
    parcel: Parcel,
}

/// Scores the exam as the device would, and writes the objects of `kinds` into `folder`.
fn make(config: &Config, folder: &Path, paths: &[PathBuf], kinds: &[ResultKind]) -> anyhow::Result<Vec<Made>> {
    let ready = ready(open_model(config)?, &config.engine, &config.state_dir);
    let (scorer, _) = ready.map_err(|error| ConfigErrors(vec![format!("model: {error:#}")]))?;
    let mut analyst = Analyst::new(scorer, config.decoding.clone(), config.eligibility, false)?;
    let mut heatmaps = Vec::new();
    let mut analyzed = Vec::new();
    for path in paths {
        let mut analysis = analyst.analyze(path);
        heatmaps.push(analysis.heatmap_png.take());
        analyzed.push(AnalyzedFile { path: path.clone(), analysis, heatmap: None });
    }
    let method = Method {
        aggregation: config.assembly.aggregation.unwrap_or_else(|| analyst.aggregation()),
        policy: &config.eligibility,
        model: &analyst.model(),
        engine: &analyst.engine(),
    };
    let heatmap = |index: usize| heatmaps.get(index).cloned().flatten();
    let mut made = Vec::new();
    let wanted = Wanted { kinds, settings: config.results, synthetic: true };
    objects::for_each(&analyzed, &method, &wanted, &heatmap, &mut |object| {
        let path = folder.join(&object.file_name);
        fs::write(&path, &object.bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        let (kind, file_name, sop) = (object.kind, object.file_name, object.sop);
        let parcel = Parcel { path, file_name, kind, sop, key: String::new() };
        made.push(Made { kind, name: object.name, parcel });
        Ok(())
    })?;
    if made.is_empty() && !kinds.is_empty() {
        bail!("no result object could be made of the synthetic exam");
    }
    Ok(made)
}

/// The exam's own images.
fn images(exam: &Exam, paths: &[PathBuf]) -> anyhow::Result<Vec<(String, Parcel)>> {
    let class = Uid::parse(phantom::SOP_CLASS)?;
    let image = |(image, path): (&PhantomImage, &PathBuf)| {
        let name = format!("image-{}-{}", image.laterality.letter(), image.view.term());
        let parcel = Parcel {
            path: path.clone(),
            file_name: format!("{name}.dcm"),
            // It decides nothing about how a DICOM object travels.
            kind: ResultKind::Heatmap,
            sop: Some(Sop { class: class.clone(), instance: image.instance.clone() }),
            key: name.clone(),
        };
        (name, parcel)
    };
    Ok(exam.images.iter().zip(paths).map(image).collect())
}

struct Sender<'a> {
    destination: &'a DestinationConfig,
    carrier: &'a Carrier,
    study: StudyKey,
}

impl Sender<'_> {
    async fn verify(&self, images: Vec<(String, Parcel)>, made: &[Made]) -> anyhow::Result<Verification> {
        let mut objects: Vec<VerifiedObject> = Vec::new();
        for (name, parcel) in images {
            objects.push(self.send(name, None, parcel).await);
            if objects.last().is_some_and(VerifiedObject::is_unreachable) {
                return Ok(self.verification(objects, Committed::NotAsked));
            }
        }
        let profile = self.destination.objects();
        for entry in profile.entries() {
            for kind in entry {
                let of_kind: Vec<&Made> = made.iter().filter(|made| made.kind == *kind).collect();
                let mut is_accepted = !of_kind.is_empty();
                for made in of_kind {
                    let id = DeliveryId::of(&self.study, 1, &self.destination.name, &made.name);
                    let parcel = Parcel { key: id.as_str().to_owned(), ..made.parcel.clone() };
                    let sent = self.send(made.name.clone(), Some(*kind), parcel).await;
                    is_accepted &= !sent.is_not_accepted();
                    let is_unreachable = sent.is_unreachable();
                    objects.push(sent);
                    if is_unreachable {
                        return Ok(self.verification(objects, Committed::NotAsked));
                    }
                }
                if is_accepted {
                    break;
                }
                // The next kind goes instead, where there is one.
                let is_last = entry.last() == Some(kind);
                objects
                    .iter_mut()
                    .filter(|object| !is_last && object.kind == Some(*kind))
                    .for_each(VerifiedObject::replace);
            }
        }
        let committed = self.ask(&objects).await?;
        Ok(self.verification(objects, committed))
    }

    fn verification(&self, objects: Vec<VerifiedObject>, commitment: Committed) -> Verification {
        Verification::new(self.destination.name.as_str(), &self.study, EXAM_SEED, objects, commitment)
    }

    async fn send(&self, name: String, kind: Option<ResultKind>, parcel: Parcel) -> VerifiedObject {
        let sop = parcel.sop.clone();
        let outcome = self.carrier.carry(parcel).await;
        VerifiedObject::new(name, kind, sop, outcome)
    }

    /// Asks about what was taken, where the profile says so.
    async fn ask(&self, objects: &[VerifiedObject]) -> anyhow::Result<Committed> {
        let taken = objects.iter().filter(|object| object.is_taken()).filter_map(|object| object.sop.clone());
        let instances: Vec<Sop> = taken.collect();
        let (CommitmentMode::Required, Some((peer, timeouts)), false) =
            (self.destination.commitment, self.carrier.peer(), instances.is_empty())
        else {
            return Ok(Committed::NotAsked);
        };
        let now = crate::device::now().0.to_string();
        let transaction = Uid::derived(&["verify destination", self.destination.name.as_str(), &now]);
        let request = Request { transaction, instances };
        Ok(match forwarder::ask(peer, timeouts, &request).await {
            Asked::Answered(reports) => match reports.iter().find(|report| report.transaction == request.transaction) {
                None => Committed::Later,
                Some(report) if report.failed.is_empty() => Committed::All,
                Some(report) => Committed::NotAll { failed: report.failed.len() },
            },
            Asked::Later => Committed::Later,
            Asked::NotOffered => Committed::Failed { why: "destination does not offer storage commitment".into() },
            Asked::Declined { why } | Asked::Unreachable { why } => Committed::Failed { why },
        })
    }
}
