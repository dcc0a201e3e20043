//! The operations: each reads the state, makes what the transition needs durable, writes the state once, and tidies up.

use std::io::{self, Read};

use bundle::verify::Device;
use bundle::{BundleManifest, Root, SoftwareVersion};
use contract::{ContractVersion, Digest};

use crate::disk::Disk;
use crate::error::UpdateError;
use crate::floor::{self, Floor};
use crate::record::{self, Found};
use crate::roots;
use crate::slots;
use crate::state::{Model, Slot, State};
use crate::unpacking::Unpacking;

const STATE: &str = "state.json";
const STATE_DAMAGED: &str = "state.damaged.json";

/// What must stay free on the disk beside a model, in bytes: received images come first.
pub const RESERVE_BYTES: u64 = 64 << 20;

/// What the software knows of the device.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The contract of the software.
    pub contract: ContractVersion,
    /// The engines that it may run a model on.
    pub engines: Vec<String>,
    /// Its version.
    pub software: SoftwareVersion,
    /// What an engine will write for a model, in bytes: a TensorRT plan, for example.
    pub engine_bytes: u64,
}

/// What a start met with, for the log and the technician's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The state was damaged and put aside: the built-in model runs, and bundles have to be installed again.
    StateDamaged,
    /// The state is later software's: it is left as it is, and the built-in model runs.
    LaterState,
    /// A model was taken back.
    TakenBack {
        /// Which.
        slot: Slot,
        /// Why.
        why: String,
    },
}

/// What to run from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The model; its files were read and are what was installed.
    pub run: Model,
    /// Whether it is on trial and must be confirmed.
    pub is_on_trial: bool,
    /// The model that scores silently beside it, whole too.
    pub shadow: Option<Slot>,
    /// What was met with.
    pub events: Vec<Event>,
}

/// The models of a device, on a disk.
#[derive(Debug)]
pub struct Updater<D> {
    disk: D,
}

impl<D: Disk> Updater<D> {
    /// The models on `disk`.
    pub const fn new(disk: D) -> Self {
        Self { disk }
    }

    /// The disk.
    #[must_use]
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    /// The disk, for good.
    #[must_use]
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// What is installed, and as what.
    ///
    /// # Errors
    /// [`UpdateError::Damaged`], which the next start repairs; [`UpdateError::LaterState`], [`UpdateError::Disk`].
    pub fn state(&self) -> Result<State, UpdateError> {
        match record::read(&self.disk, STATE).map_err(disk("the models' state cannot be read"))? {
            Found::Nothing => Ok(State::default()),
            Found::Whole(state) => Ok(state),
            Found::Later => Err(UpdateError::LaterState),
            Found::Damaged => Err(UpdateError::Damaged("the models' state is not what was written".into())),
        }
    }

    /// What may not go down.
    ///
    /// # Errors
    /// [`UpdateError::Disk`].
    pub fn floor(&self) -> Result<Floor, UpdateError> {
        floor::read(&self.disk).map_err(disk("the floor cannot be read"))
    }

    /// The newest key set that the device followed, from `first` on, which it was set up with.
    ///
    /// # Errors
    /// [`UpdateError::Disk`].
    pub fn root(&self, first: &Root) -> Result<Root, UpdateError> {
        roots::newest(&self.disk, first).map_err(disk("the key sets cannot be read"))
    }

    /// What a slot's bundle says.
    ///
    /// # Errors
    /// [`UpdateError::Damaged`].
    pub fn manifest(&self, slot: &Slot) -> Result<BundleManifest, UpdateError> {
        slots::manifest(&self.disk, slot).map_err(UpdateError::Damaged)
    }

    /// The service starts: counts the start of a model on trial, or ends the trial; passes over models whose files are
    /// damaged, down to the built-in one. When this returns, the count is durable.
    ///
    /// # Errors
    /// [`UpdateError::Disk`]: the built-in model can be run even then.
    pub fn start(&mut self) -> Result<Started, UpdateError> {
        let mut events = Vec::new();
        let before = match self.state() {
            Ok(state) => state,
            Err(UpdateError::LaterState) => {
                let (run, events) = (Model::BuiltIn, vec![Event::LaterState]);
                return Ok(Started { run, is_on_trial: false, shadow: None, events });
            }
            Err(UpdateError::Damaged(_)) => {
                let put_aside = self.disk.replace(STATE, STATE_DAMAGED).and_then(|()| self.disk.sync_folder(""));
                put_aside.map_err(disk("the damaged state cannot be put aside"))?;
                events.push(Event::StateDamaged);
                State { next_slot: self.unused_slot()?, ..State::default() }
            }
            Err(error) => return Err(error),
        };
        let mut state = before.started();
        if let (Some(candidate), None) = (&before.candidate, &state.candidate) {
            let why = "its starts were used up".into();
            events.push(Event::TakenBack { slot: candidate.slot.clone(), why });
        }
        let is_on_trial = self.pass_over_damaged(&mut state, &mut events)?;
        // A state that was put aside is written anew, so that no slot's number is used twice.
        if state != before || events.contains(&Event::StateDamaged) {
            self.write(&state)?;
        }
        if let Model::Slot(slot) = &state.active {
            self.raise(slot.sequence, 0)?;
        }
        self.tidy(&state);
        Ok(Started { run: state.to_run(), is_on_trial, shadow: state.shadow, events })
    }

    /// Takes back models whose files are damaged until one is whole; whether that one is on trial.
    fn pass_over_damaged(&self, state: &mut State, events: &mut Vec<Event>) -> Result<bool, UpdateError> {
        if let Some(slot) = state.shadow.clone()
            && let Some(why) = slots::damage(&self.disk, &slot)
        {
            *state = state.removed(slot.bundle)?;
            events.push(Event::TakenBack { slot, why });
        }
        loop {
            let Model::Slot(slot) = state.to_run() else { return Ok(false) };
            let is_trial = state.active.slot() != Some(&slot);
            let Some(why) = slots::damage(&self.disk, &slot) else { return Ok(is_trial) };
            *state = if is_trial { state.failed(slot.bundle, &why)? } else { state.active_lost(&why) };
            events.push(Event::TakenBack { slot, why });
        }
    }

    /// Installs a bundle as candidate, in one pass over `input`, on a device that was set up with the key set `first_root`. It
    /// does not run before it is activated.
    ///
    /// # Errors
    /// [`UpdateError`]; what is installed stays as it was.
    pub fn install<R: Read>(&mut self, input: R, first_root: &Root, facts: &Facts) -> Result<Slot, UpdateError> {
        let state = self.state()?;
        self.tidy(&State { staging: None, ..state.clone() });
        let (floor, root) = (self.floor()?, self.root(first_root)?);
        let device = Device {
            contract: facts.contract,
            engines: facts.engines.clone(),
            software: facts.software,
            sequence_floor: floor.sequence,
            denied: state.denied.iter().map(|denied| denied.bundle).collect(),
        };
        // 1 to 5 of the bundle's checks.
        let opened = bundle::open(input, &root, &device)?;
        if opened.root.version < floor.root_version {
            return Err(UpdateError::OldKeys { found: opened.root.version, floor: floor.root_version });
        }
        let (staged, slot) = state.stage(opened.digest, &opened.manifest)?;
        // 6. Room.
        let needed = opened.manifest.payload_bytes() + facts.engine_bytes + RESERVE_BYTES;
        let free = self.disk.free_bytes().map_err(disk("it cannot be seen how full the disk is"))?;
        if free < needed {
            return Err(UpdateError::NoRoom { needed, free });
        }
        self.write(&staged)?;
        match self.unpack(&slot, opened) {
            Ok(()) => {
                let verified = staged.verified()?;
                self.write(&verified)?;
                self.tidy(&verified);
                Ok(slot)
            }
            Err(error) => {
                // The error that matters is the first one; the next operation gives the slot up too.
                let abandoned = staged.abandoned();
                let _ = self.write(&abandoned);
                self.tidy(&abandoned);
                Err(error)
            }
        }
    }

    /// 7 to 9 of the bundle's checks; then everything is durable but the state.
    fn unpack<R: Read>(&mut self, slot: &Slot, opened: bundle::Opened<R>) -> Result<(), UpdateError> {
        let failed = "the bundle cannot be written";
        let folder = slot.folder();
        let (manifest, signatures) = (opened.manifest_bytes.clone(), opened.signatures_bytes.clone());
        let (new_roots, root_version) = (opened.new_roots.clone(), opened.root.version);
        let mut unpacking = Unpacking::begin(&mut self.disk, &folder).map_err(disk(failed))?;
        opened.unpack(&mut unpacking)?;
        unpacking.finish(&folder).map_err(disk(failed))?;
        for (path, bytes) in [(slots::manifest_path(slot), manifest), (slots::signatures_path(slot), signatures)] {
            record::replace(&mut self.disk, &folder, &path, &bytes).map_err(disk(failed))?;
        }
        // The key sets hold whatever becomes of this model.
        roots::keep(&mut self.disk, &new_roots).map_err(disk("the key sets cannot be written"))?;
        self.raise(0, root_version)
    }

    /// Puts an installed bundle on trial, after `self_test` of its folder, the disk's path of which it is given: the golden
    /// vectors on this device's own engine. It runs from the next [`Updater::start`] on, `starts` times at most until it is
    /// confirmed.
    ///
    /// # Errors
    /// [`UpdateError::SelfTest`] and [`UpdateError::Damaged`], after which the bundle is gone, and after the first denied too;
    /// [`UpdateError`].
    pub fn activate(
        &mut self,
        bundle: Digest,
        starts: u8,
        self_test: impl FnOnce(&D, &str) -> Result<(), String>,
    ) -> Result<Slot, UpdateError> {
        let state = self.state()?;
        let slot = state.waiting(bundle)?;
        if let Some(why) = slots::damage(&self.disk, &slot) {
            let next = state.removed(bundle)?;
            self.change(&next)?;
            return Err(UpdateError::Damaged(why));
        }
        if let Err(why) = self_test(&self.disk, &slot.model_folder()) {
            let next = state.failed(bundle, &why)?;
            self.change(&next)?;
            return Err(UpdateError::SelfTest(why));
        }
        let next = state.activated(bundle, starts)?;
        self.change(&next)?;
        Ok(slot)
    }

    /// The service ran the model on trial well: it stays. Bundles that are older are not taken any more.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn confirm(&mut self, bundle: Digest) -> Result<Slot, UpdateError> {
        let next = self.state()?.confirmed(bundle)?;
        self.write(&next)?;
        let Model::Slot(slot) = &next.active else { return Err(UpdateError::Refused(crate::Refused::NotOnTrial)) };
        self.raise(slot.sequence, 0)?;
        self.tidy(&next);
        Ok(slot.clone())
    }

    /// The service found the model on trial, a candidate or a shadow wanting.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn fail(&mut self, bundle: Digest, why: &str) -> Result<(), UpdateError> {
        let next = self.state()?.failed(bundle, why)?;
        self.change(&next)
    }

    /// Ends a trial, or goes back to the model before; gives the model that runs from the next start on.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn roll_back(&mut self, why: &str) -> Result<Model, UpdateError> {
        let next = self.state()?.rolled_back(why)?;
        self.change(&next)?;
        Ok(next.to_run())
    }

    /// Lets a candidate score silently beside the active model.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn shadow(&mut self, bundle: Digest) -> Result<(), UpdateError> {
        let next = self.state()?.shadowed(bundle)?;
        self.change(&next)
    }

    /// Removes a bundle that does not run.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn remove(&mut self, bundle: Digest) -> Result<(), UpdateError> {
        let next = self.state()?.removed(bundle)?;
        self.change(&next)
    }

    /// Takes a bundle off the list of those that are not installed again.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn allow(&mut self, bundle: Digest) -> Result<(), UpdateError> {
        let next = self.state()?.allowed(bundle)?;
        self.change(&next)
    }

    fn change(&mut self, state: &State) -> Result<(), UpdateError> {
        self.write(state)?;
        self.tidy(state);
        Ok(())
    }

    fn write(&mut self, state: &State) -> Result<(), UpdateError> {
        record::write(&mut self.disk, STATE, state).map_err(disk("the models' state cannot be written"))
    }

    fn raise(&mut self, sequence: u64, root_version: u32) -> Result<(), UpdateError> {
        floor::raise(&mut self.disk, Floor { sequence, root_version }).map_err(disk("the floor cannot be written"))
    }

    /// Removes what `state` does not name. What cannot be removed now is removed by the next operation.
    fn tidy(&mut self, state: &State) {
        let _ = slots::sweep(&mut self.disk, state);
    }

    /// A number above all that a lost state may have used.
    fn unused_slot(&self) -> Result<u64, UpdateError> {
        let names = self.disk.list("slots").map_err(disk("the slots cannot be listed"))?;
        Ok(names.iter().filter_map(|name| name.parse::<u64>().ok()).max().map_or(1, |last| last.saturating_add(1)))
    }
}

fn disk(what: &'static str) -> impl Fn(io::Error) -> UpdateError {
    move |source| UpdateError::Disk { what, source }
}
