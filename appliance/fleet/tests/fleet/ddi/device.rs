//! A box's models and record, as they are after a power cut.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use contract::Digest;
use fleet::Store;
use fleet::ddi::{Consent, Installer, Offer, Refusal, Standing, Urgency};

use crate::power::Power;

/// What a box has and does.
#[derive(Default)]
pub struct Models {
    pub standings: BTreeMap<Digest, Standing>,
    pub installs: u32,
    pub activations: u32,
    /// Why bundles are refused at the installation.
    pub refuses: Option<Refusal>,
    /// How long a trial takes, and how it ends.
    pub trial_looks: u32,
    pub trial_fails: bool,
    pub admits: Vec<Urgency>,
    pub is_busy: bool,
    pub consents: Option<Consent>,
    pub offers: Vec<Offer>,
}

#[derive(Clone)]
pub struct Device {
    models: Arc<Mutex<Models>>,
    power: Arc<Power>,
}

pub fn refusal(code: &str, is_lasting: bool) -> Refusal {
    Refusal { code: code.into(), words: "this is why".into(), is_lasting }
}

impl Device {
    pub fn new(power: Arc<Power>) -> Self {
        Self { models: Arc::default(), power }
    }

    pub fn models(&self) -> MutexGuard<'_, Models> {
        self.models.lock().unwrap()
    }

    pub fn standing_of(&self, bundle: &[u8]) -> Standing {
        self.models().standings.get(&Digest::of(bundle)).cloned().unwrap_or(Standing::Unknown)
    }
}

fn digest(path: &Path) -> Digest {
    Digest::of(&std::fs::read(path).unwrap_or_default())
}

impl Installer for Device {
    fn standing(&mut self, path: &Path) -> Standing {
        let digest = digest(path);
        let mut models = self.models();
        let found = models.standings.get(&digest).cloned().unwrap_or(Standing::Unknown);
        if found == Standing::OnTrial {
            if models.trial_looks > 0 {
                models.trial_looks -= 1;
            } else {
                let end = if models.trial_fails { Standing::Refused(refusal("U301", false)) } else { Standing::Active };
                models.standings.insert(digest, end.clone());
                return end;
            }
        }
        found
    }

    fn install(&mut self, path: &Path) -> Result<(), Refusal> {
        if !self.power.step() {
            return Err(refusal("none", false));
        }
        let digest = digest(path);
        let mut models = self.models();
        if let Some(refusal) = models.refuses.clone() {
            return Err(refusal);
        }
        models.installs += 1;
        assert_eq!(models.standings.insert(digest, Standing::Installed), None, "installed twice");
        drop(models);
        if self.power.step() { Ok(()) } else { Err(refusal("none", false)) }
    }

    fn activate(&mut self, path: &Path) -> Result<(), Refusal> {
        if !self.power.step() {
            return Err(refusal("none", false));
        }
        let mut models = self.models();
        models.activations += 1;
        assert_eq!(models.standings.insert(digest(path), Standing::OnTrial), Some(Standing::Installed));
        drop(models);
        if self.power.step() { Ok(()) } else { Err(refusal("none", false)) }
    }

    fn admits(&mut self, urgency: Urgency) -> bool {
        let mut models = self.models();
        models.admits.push(urgency);
        urgency == Urgency::Forced || !models.is_busy
    }

    fn consents(&mut self, offer: &Offer) -> Consent {
        let mut models = self.models();
        models.offers.push(*offer);
        models.consents.clone().unwrap_or(Consent::Confirm)
    }

    fn facts(&mut self) -> BTreeMap<String, String> {
        [("serial", "7".repeat(200)), ("engine", "cpu".into())].map(|(key, value)| (key.to_owned(), value)).into()
    }
}

/// A record that loses nothing, until there is no power.
#[derive(Clone)]
pub struct MemoryStore {
    bytes: Arc<Mutex<Option<Vec<u8>>>>,
    power: Arc<Power>,
}

impl MemoryStore {
    pub fn new(power: Arc<Power>) -> Self {
        Self { bytes: Arc::default(), power }
    }

    /// The record as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone().unwrap_or_default()).unwrap()
    }

    pub fn set(&self, bytes: &[u8]) {
        *self.bytes.lock().unwrap() = Some(bytes.to_vec());
    }
}

impl Store for MemoryStore {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.bytes.lock().unwrap().clone())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let no_power = || io::Error::other("no power");
        if !self.power.step() {
            return Err(no_power());
        }
        self.set(bytes);
        if self.power.step() { Ok(()) } else { Err(no_power()) }
    }
}
