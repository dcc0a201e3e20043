//! The judge: each success answer is an obligation.
//!
//! Pure: it is given what was answered, the reports and the objects that came out, and says what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use contract::{Digest, Uid};
use domain::{InstanceKey, StudyKey};
use results::{DocumentJson, StudyJson};

use crate::{Answer, Instance, Pacs};

/// Knows what was sent and what was promised.
#[derive(Debug, Default)]
pub struct Oracle {
    sent: BTreeSet<Uid>,
    owed: BTreeMap<InstanceKey, StudyKey>,
}

/// A DICOM result object that the device made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Study and place within it: revision, then summary before heat maps, then number.
    pub place: (String, u32, bool, String),
    /// SOP Instance UID.
    pub instance: Uid,
    /// SHA-256 of its data set.
    pub dataset: Digest,
}

/// A DICOM object that a destination has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// SOP Instance UID.
    pub instance: Uid,
    /// SHA-256 of its data set.
    pub dataset: Digest,
}

impl Oracle {
    /// Hears an answer.
    pub fn hear(&mut self, instance: &Instance, answer: Answer) {
        self.sent.insert(instance.key.0.clone());
        if answer == Answer::Acknowledged {
            self.owed.insert(instance.key.clone(), instance.study.clone());
        }
    }

    /// Hears the answers to `instances`.
    pub fn hear_all(&mut self, instances: &[Instance], answers: &[Answer]) {
        instances.iter().zip(answers).for_each(|(instance, answer)| self.hear(instance, *answer));
    }

    /// How many instances were answered with success.
    #[must_use]
    pub fn obligations(&self) -> usize {
        self.owed.len()
    }

    /// Was `instance` answered with success?
    #[must_use]
    pub fn is_owed(&self, instance: &Instance) -> bool {
        self.owed.contains_key(&instance.key)
    }

    /// What is wrong with `reports`, all revisions of all studies: each acknowledged instance must stand exactly once in
    /// the last revision of its study and in no other study; revisions must follow each other without a gap, each with all
    /// outcomes of the one before; nothing may be reported that was never sent.
    #[must_use]
    pub fn judge_reports(&self, reports: &[StudyJson]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut studies: BTreeMap<&str, BTreeMap<u32, &StudyJson>> = BTreeMap::new();
        for report in reports {
            let study = report.study.as_deref().unwrap_or_default();
            if studies.entry(study).or_default().insert(report.revision, report).is_some() {
                faults.push(format!("study {study}: revision {} is there twice", report.revision));
            }
        }
        for (study, revisions) in &studies {
            if !revisions.keys().copied().eq((1..).take(revisions.len())) {
                faults.push(format!("study {study}: revisions are {:?}", revisions.keys()));
            }
            for (earlier, later) in revisions.values().zip(revisions.values().skip(1)) {
                for image in earlier.images.iter().filter(|image| !later.images.contains(image)) {
                    faults
                        .push(format!("study {study}: {:?} is missing or changed in a later revision", image.instance));
                }
            }
        }
        let finals: Vec<(&str, &str)> = studies
            .iter()
            .filter_map(|(study, revisions)| Some((*study, revisions.last_key_value()?.1)))
            .flat_map(|(study, last)| {
                last.images.iter().map(move |image| (study, image.instance.as_deref().unwrap_or_default()))
            })
            .collect();
        for (instance, study) in &self.owed {
            let found: Vec<&str> =
                finals.iter().filter(|(_, found)| *found == instance.0.as_str()).map(|(study, _)| *study).collect();
            if found != [study.0.as_str()] {
                faults.push(format!("instance {} is in the reports of {found:?}", instance.0.as_str()));
            }
        }
        for (study, instance) in finals {
            if !self.sent.iter().any(|sent| sent.as_str() == instance) {
                faults.push(format!("study {study}: {instance} was never sent"));
            }
        }
        faults
    }

    /// What is wrong at a DICOM destination: each of `made` must have arrived once with its bytes, nothing else, and each
    /// study's objects in their order.
    #[must_use]
    pub fn judge_objects(made: &[Object], arrived: &[Arrival]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut places: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
        for arrival in arrived {
            let Some(object) = made.iter().find(|object| object.instance == arrival.instance) else {
                faults.push(format!("{} arrived and was never made", arrival.instance.as_str()));
                continue;
            };
            if object.dataset != arrival.dataset {
                faults.push(format!("{:?} arrived with other bytes", object.place));
            }
            places.entry(&object.place.0).or_default().push(object);
        }
        for object in made {
            let times = arrived.iter().filter(|arrival| arrival.instance == object.instance).count();
            if times != 1 {
                faults.push(format!("{:?} arrived {times} times", object.place));
            }
        }
        for (study, objects) in places {
            if !objects.is_sorted_by_key(|object| &object.place) {
                let places: Vec<_> = objects.iter().map(|object| &object.place).collect();
                faults.push(format!("study {study}: out of order: {places:?}"));
            }
        }
        faults
    }
}

/// The reports in a folder destination.
///
/// # Panics
/// When a file in it is no whole report.
#[must_use]
pub fn reports_in(folder: &Path) -> Vec<StudyJson> {
    let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    // A part file is being written; everything else must be whole.
    let whole = files.filter(|path| path.extension().is_none_or(|extension| extension != "part"));
    whole
        .flat_map(|path| {
            let text = fs::read(&path).unwrap();
            let document: DocumentJson = serde_json::from_slice(&text).expect("a whole report");
            document.studies
        })
        .collect()
}

/// The DICOM objects in a device's state folder.
#[must_use]
pub fn objects_of(state: &Path) -> Vec<Object> {
    let files = fs::read_dir(state.join("results")).unwrap().map(|entry| entry.unwrap().path());
    let objects = files.filter(|path| path.extension().is_some_and(|extension| extension == "dcm"));
    objects.map(|path| object(&path)).collect()
}

/// A result file is named `study-<digest>-r<revision>-<name>.dcm`.
fn object(path: &Path) -> Object {
    let header = scu::Object::open(path).unwrap();
    let bytes = fs::read(path).unwrap();
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let mut parts = stem.splitn(4, '-').skip(1);
    let (study, revision, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let revision = revision.strip_prefix('r').unwrap().parse().unwrap();
    Object {
        place: (study.into(), revision, name != "summary", name.into()),
        instance: header.sop_instance,
        dataset: Digest::of(&bytes[usize::try_from(header.dataset_offset).unwrap()..]),
    }
}

/// What a PACS has, in the order of arrival.
#[must_use]
pub fn arrivals_of(pacs: &Pacs) -> Vec<Arrival> {
    let records = pacs.records().into_iter();
    records.map(|record| Arrival { instance: record.received.key.0, dataset: record.received.dataset_sha256 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of study `study` that lists `images`, all excluded.
    fn report(study: &str, revision: u32, images: &[&str]) -> StudyJson {
        let image = |name: &&str| format!(r#"{{"instance": "{name}", "outcome": "excluded", "reason": "implant"}}"#);
        let text = format!(
            r#"{{"notice": "", "study": "{study}", "revision": {revision}, "breasts": [], "missing_views": [],
                "images": [{}], "model": null, "engine": null,
                "timings_ms": {{"decode": 0, "preprocess": 0, "network": 0, "render": 0}}}}"#,
            images.iter().map(image).collect::<Vec<_>>().join(", ")
        );
        serde_json::from_str(&text).unwrap()
    }

    fn oracle() -> Oracle {
        let mut oracle = Oracle::default();
        for (name, answer) in [("1.1", Answer::Acknowledged), ("1.2", Answer::Acknowledged), ("1.3", Answer::None)] {
            let uid = |text: &str| Uid::parse(text).unwrap();
            oracle.hear(&Instance { key: InstanceKey(uid(name)), study: StudyKey(uid("1")), file: "".into() }, answer);
        }
        oracle
    }

    #[test]
    fn kept_promises_have_no_fault() {
        let oracle = oracle();
        assert_eq!(oracle.judge_reports(&[report("1", 1, &["1.1", "1.2"])]), Vec::<String>::new());
        let two = [report("1", 1, &["1.2"]), report("1", 2, &["1.2", "1.1", "1.3"])];
        assert_eq!(oracle.judge_reports(&two), Vec::<String>::new(), "what was not answered may be there");
    }

    #[test]
    fn planted_faults_are_found() {
        let faults = |reports: &[StudyJson]| oracle().judge_reports(reports).len();
        assert_eq!(faults(&[]), 2, "both are lost");
        assert_eq!(faults(&[report("1", 1, &["1.1"])]), 1, "one is lost");
        assert_eq!(faults(&[report("1", 1, &["1.1", "1.2", "1.2"])]), 1, "twice in a report");
        assert_eq!(faults(&[report("1", 1, &["1.1", "1.2"]), report("2", 1, &["1.2"])]), 1, "in two studies");
        assert_eq!(faults(&[report("1", 2, &["1.1", "1.2"])]), 1, "a revision is missing");
        assert_eq!(faults(&[report("1", 1, &["1.1", "1.2", "9.9"])]), 1, "never sent");
        let forgotten = [report("1", 1, &["1.1", "1.3"]), report("1", 2, &["1.1", "1.2"])];
        assert_eq!(faults(&forgotten), 1, "a later revision forgets");
    }

    #[test]
    fn planted_faults_of_objects_are_found() {
        let object = |name: &str, number: u32| Object {
            place: ("a".into(), 1, name != "summary", name.into()),
            instance: Uid::parse(&format!("1.{number}")).unwrap(),
            dataset: Digest::of(name.as_bytes()),
        };
        let made = [object("heatmap-01", 1), object("summary", 2)];
        let arrival = |object: &Object| Arrival { instance: object.instance.clone(), dataset: object.dataset };
        let (map, summary) = (arrival(&made[0]), arrival(&made[1]));
        let faults = |arrived: &[Arrival]| Oracle::judge_objects(&made, arrived).len();
        assert_eq!(faults(&[summary.clone(), map.clone()]), 0);
        assert_eq!(faults(&[map.clone(), summary.clone()]), 1, "out of order");
        assert_eq!(faults(std::slice::from_ref(&summary)), 1, "one is missing");
        assert_eq!(faults(&[summary.clone(), map.clone(), map.clone()]), 1, "twice");
        let other = Arrival { dataset: Digest::of(b"other"), ..map.clone() };
        assert_eq!(faults(&[summary.clone(), other]), 1, "other bytes");
        let stranger = Arrival { instance: Uid::parse("2.1").unwrap(), ..map.clone() };
        assert_eq!(faults(&[summary, map, stranger]), 1, "never made");
    }
}
