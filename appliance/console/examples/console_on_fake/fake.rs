//! A device that is made up: for the tests of the console, and to look at its pages.

#[path = "fake/data.rs"]
mod data;
#[path = "fake/pictures.rs"]
mod pictures;

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{
    Answer, Check, Delivery, DeliveryFilter, DeliveryState, Destination, Device, Family, Fault, Finding, Health,
    Histogram, Id, Kind, Level, Listing, LogFilter, LogLine, Model, ModelChange, ModelRole, Models, Name, Overview,
    Patient, Progress, Reading, Sample, SelfTest, Study, StudyLine, VersionLine, Window,
};
use tokio::sync::watch;

/// Stands in what only signed-in users may see.
pub const MARKER: &str = "Planted^Marker";
/// A bundle that starts with this is refused.
pub const BAD_BUNDLE: &[u8] = b"BAD";

/// The device.
pub struct Fake {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    /// How often [`Device::patient`] was asked for.
    pub patients_asked: AtomicUsize,
    /// Whether all that can fail does.
    pub broken: AtomicBool,
    /// Whether pictures are no PNGs.
    pub odd_pictures: AtomicBool,
    /// What changing a model waits for.
    pub gate: Mutex<()>,
}

struct State {
    studies: Vec<Study>,
    models: Vec<Model>,
    last: Option<String>,
    sentences: Vec<String>,
}

impl Fake {
    /// With some studies, deliveries and models.
    pub fn new() -> Self {
        let state = State {
            studies: data::studies(),
            models: data::models(),
            last: None,
            sentences: vec!["Two deliveries to pacs wait for a person. Open Deliveries and retry them.".into()],
        };
        Self {
            state: Mutex::new(state),
            changes: watch::channel(0).0,
            patients_asked: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            odd_pictures: AtomicBool::new(false),
            gate: Mutex::new(()),
        }
    }

    /// One more study.
    pub fn arrive(&self) {
        let mut state = self.state();
        let number = state.studies.len();
        state.studies.insert(0, data::study(number, console::StudyState::Collecting));
        drop(state);
        self.changed();
    }

    /// How many models there are.
    pub fn model_count(&self) -> usize {
        self.state().models.len()
    }

    /// Another first sentence.
    pub fn say(&self, sentence: &str) {
        self.state().sentences = vec![sentence.into()];
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|number| *number += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn works(&self) -> Result<(), Fault> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Fault::Broken("The queue cannot be read. Restart the device.".into()));
        }
        Ok(())
    }

    fn image(&self, study: &Id, image: &Id, has: impl Fn(&console::Image) -> bool) -> Result<usize, Fault> {
        let study = self.study(study)?;
        study.images.iter().position(|one| one.id == *image && has(one)).ok_or(Fault::NotFound)
    }
}

fn part<T>(all: Vec<T>, window: Window) -> Listing<T> {
    assert!(window.take <= Window::TAKE_MAX, "the console keeps to the limit");
    let total = all.len() as u64;
    Listing { items: all.into_iter().skip(window.skip).take(window.take).collect(), total }
}

impl Device for Fake {
    fn overview(&self) -> Overview {
        let state = self.state();
        let count = |wanted: DeliveryState| {
            state.studies.iter().flat_map(|study| &study.deliveries).filter(|one| one.state == wanted).count() as u64
        };
        let scores = |model: &&Model| matches!(model.role, ModelRole::Active | ModelRole::OnTrial);
        let model = state.models.iter().rev().find(scores).map(|model| format!("{} {}", model.name, model.version));
        let reading = |name: &str, value: &str, health| Reading { name: name.into(), value: value.into(), health };
        Overview {
            health: Health::Attention,
            sentences: state.sentences.clone(),
            version: "0.1.0".into(),
            model: model.unwrap_or_default(),
            engine: "tract in place of nvidia".into(),
            images_waiting: 1,
            deliveries_waiting: count(DeliveryState::Waiting),
            deliveries_parked: count(DeliveryState::Parked),
            readings: vec![
                reading("Disk free", "412 GiB of 460 GiB", Health::Good),
                reading("Temperature", "81 °C", Health::Attention),
                reading("Memory free", "9.1 GiB of 15.6 GiB", Health::Good),
            ],
        }
    }

    fn readiness(&self) -> Vec<Check> {
        vec![Check { name: "disk".into(), ready: false, reason: "full".into() }]
    }

    fn metrics(&self) -> Vec<Family> {
        let samples = vec![Sample { labels: vec![], value: 1.0 }];
        vec![Family { name: "mamoru_up".into(), help: "Up.".into(), kind: Kind::Gauge, samples }]
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn studies(&self, window: Window) -> Result<Listing<StudyLine>, Fault> {
        self.works()?;
        Ok(part(self.state().studies.iter().map(|study| study.line.clone()).collect(), window))
    }

    fn study(&self, study: &Id) -> Result<Study, Fault> {
        self.works()?;
        self.state().studies.iter().find(|one| one.line.id == *study).cloned().ok_or(Fault::NotFound)
    }

    fn patient(&self, study: &Id) -> Result<Option<Patient>, Fault> {
        self.study(study)?;
        self.patients_asked.fetch_add(1, Ordering::Relaxed);
        Ok(Some(data::patient()))
    }

    fn picture(&self, study: &Id, image: &Id) -> Result<Vec<u8>, Fault> {
        let index = self.image(study, image, |image| image.has_picture)?;
        if self.odd_pictures.load(Ordering::Relaxed) {
            return Ok(b"<svg onload='alert(1)'>".to_vec());
        }
        Ok(pictures::breast(index, false))
    }

    fn heat_map(&self, study: &Id, image: &Id) -> Result<Vec<u8>, Fault> {
        let index = self.image(study, image, |image| image.has_heat_map)?;
        Ok(pictures::breast(index, true))
    }

    fn deliveries(&self, filter: &DeliveryFilter, window: Window) -> Result<Listing<Delivery>, Fault> {
        self.works()?;
        let state = self.state();
        let all = state.studies.iter().flat_map(|study| &study.deliveries).filter(|one| {
            filter.state.is_none_or(|state| state == one.state)
                && filter.destination.as_ref().is_none_or(|name| *name == one.destination)
        });
        let mut all: Vec<Delivery> = all.cloned().collect();
        all.sort_by_key(|one| DeliveryState::ALL.iter().position(|state| *state == one.state));
        Ok(part(all, window))
    }

    fn retry(&self, delivery: &Id) -> Result<(), Fault> {
        let mut state = self.state();
        let found = state.studies.iter_mut().flat_map(|study| &mut study.deliveries).find(|one| one.id == *delivery);
        let found = found.ok_or(Fault::NotFound)?;
        if found.state != DeliveryState::Parked {
            return Err(Fault::Refused("This delivery is done or under way. There is nothing to retry.".into()));
        }
        found.state = DeliveryState::Waiting;
        drop(state);
        self.changed();
        Ok(())
    }

    fn destinations(&self) -> Result<Vec<Destination>, Fault> {
        self.works()?;
        Ok(data::destinations())
    }

    fn echo(&self, destination: &Name) -> Result<Answer, Fault> {
        match destination.as_str() {
            "pacs" => Ok(Answer { good: true, sentence: "It answered the C-ECHO.".into(), duration_ms: 12 }),
            "archive" => Ok(Answer {
                good: false,
                sentence: "Nobody listens at its address. Check that it runs, its address and the firewall.".into(),
                duration_ms: 5000,
            }),
            "folder" => Err(Fault::Unsupported("A folder answers no echo. Use the test send.".into())),
            _ => Err(Fault::NotFound),
        }
    }

    fn test_send(&self, destination: &Name) -> Result<Answer, Fault> {
        let known = self.destinations()?.iter().any(|one| one.name == *destination);
        let sentence = "It took the result of a synthetic exam.".into();
        if known { Ok(Answer { good: true, sentence, duration_ms: 340 }) } else { Err(Fault::NotFound) }
    }

    fn models(&self) -> Result<Models, Fault> {
        self.works()?;
        let state = self.state();
        Ok(Models { models: state.models.clone(), last: state.last.clone(), can_install: true })
    }

    fn install(&self, bundle: &mut dyn Read, bytes_max: u64, progress: &mut dyn FnMut(Progress)) -> Result<Id, Fault> {
        let gone = |_| Fault::Refused("The bundle ended too early. Send it again.".into());
        let (mut bytes, mut block) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            let read = bundle.read(&mut block).map_err(gone)?;
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(&block[..read]);
            progress(Progress { step: "Checking".into(), done: bytes.len() as u64, total: bytes_max });
        }
        assert!(bytes.len() as u64 <= bytes_max, "the console keeps to what was declared");
        if bytes.starts_with(BAD_BUNDLE) {
            return Err(Fault::Refused(
                "B07: no trusted key signed this bundle. Ask its maker for a signed one.".into(),
            ));
        }
        let id = data::id(&[b"bundle", bytes.as_slice()].concat());
        let mut state = self.state();
        state.models.push(data::model(&id, ModelRole::Installed, "1.5.0", Some(18)));
        drop(state);
        self.changed();
        Ok(id)
    }

    fn change_model(&self, model: &Id, change: ModelChange, progress: &mut dyn FnMut(Progress)) -> Result<(), Fault> {
        progress(Progress { step: "Self-test".into(), done: 1, total: 4 });
        self.changed();
        let turn = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        let found = state.models.iter_mut().find(|one| one.id == *model).ok_or(Fault::NotFound)?;
        found.role = match (found.role, change) {
            (ModelRole::Installed | ModelRole::Shadow, ModelChange::Activate) => {
                found.self_test = SelfTest::Passed;
                ModelRole::OnTrial
            }
            (ModelRole::OnTrial, ModelChange::Confirm) => ModelRole::Active,
            (ModelRole::OnTrial | ModelRole::Active, ModelChange::RollBack) => ModelRole::Installed,
            (ModelRole::Installed, ModelChange::Shadow) => ModelRole::Shadow,
            (ModelRole::Installed | ModelRole::Shadow | ModelRole::Previous, ModelChange::Remove) => {
                state.models.retain(|one| one.id != *model);
                return Ok(());
            }
            _ => return Err(Fault::Refused("This model is not in the state for that. Look at the list again.".into())),
        };
        let said = format!("{} {} is now another one: {change:?}", found.name, found.version);
        state.last = Some(said);
        drop((state, turn));
        self.changed();
        Ok(())
    }

    fn doctor(&self) -> Result<Vec<Finding>, Fault> {
        self.works()?;
        Ok(data::findings())
    }

    fn logs(&self, filter: &LogFilter) -> Result<Vec<LogLine>, Fault> {
        self.works()?;
        let wanted = |line: &LogLine| {
            line.level <= filter.level
                && filter.containing.as_ref().is_none_or(|text| line.text.to_lowercase().contains(&text.to_lowercase()))
        };
        Ok(data::log_lines().into_iter().filter(wanted).take(filter.lines_max).collect())
    }

    fn settings(&self) -> Result<String, Fault> {
        self.works()?;
        Ok(data::SETTINGS.into())
    }

    fn drift(&self) -> Result<Vec<Histogram>, Fault> {
        self.works()?;
        Ok(data::histograms())
    }

    fn versions(&self) -> Vec<VersionLine> {
        let line = |part: &str, version: &str| VersionLine { part: part.into(), version: version.into() };
        vec![line("Software", "0.1.0"), line("Engine", "tract 0.23.9"), line("Operating system", "Linux 6.8")]
    }
}

/// So that the level is used as it is meant: louder is less.
const _: () = assert!((Level::Error as u8) < Level::Debug as u8);
