//! What a run holds in memory, built from its configuration and its checkpoint.

use std::path::Path;

use tch::Device;

use super::scale::LossScale;
use super::validation::{Validation, validate};
use crate::calibration;
use crate::config::{Config, Precision};
use crate::data::{Prepared, Sample, Split, Store, Usable, table};
use crate::error::{Result, TrainerError};
use crate::features::Features;
use crate::group::Group;
use crate::loss::Loss;
use crate::network::{Network, Tensors};
use crate::optimiser::Optimiser;
use crate::run::{Run, State};
use crate::sampler::{self, Breast};
use crate::schedule::{EarlyStop, Plateau};
use crate::weights;

/// The parts of a run.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) config: Config,
    pub(super) network: Network,
    /// The first trained part.
    pub(super) first: usize,
    pub(super) optimiser: Optimiser,
    /// The moving average of the weights.
    pub(super) average: Option<Network>,
    pub(super) store: Store,
    pub(super) features: Option<Features>,
    pub(super) train: Vec<Usable>,
    pub(super) validation: Vec<Usable>,
    /// The training breasts.
    pub(super) breasts: Vec<Breast>,
    pub(super) state: State,
    /// Learning rate of the last step.
    pub(super) rate: f64,
    /// The processes that train together.
    pub(super) group: &'a Group,
}

impl<'a> Session<'a> {
    /// Reads and checks the data, builds the network, and takes over the run's checkpoint if there is one.
    ///
    /// # Errors
    /// Bad data, weights, settings or checkpoint.
    pub fn open(run: &Run, config: &Config, group: &'a Group) -> Result<Self> {
        let device = config.device()?;
        if config.optimiser.loss == Loss::Pairwise && group.size() > 1 {
            return Err(TrainerError::Group("the pairwise loss needs a batch in one process".into()));
        }
        // The others find the images in the cache.
        let (store, prepared) = group.first_before_others(|| prepare(run.folder(), config))?;
        if group.is_first() {
            run.list_left_out(&prepared.left_out)?;
            report(&prepared, config)?;
        }
        let (train, validation): (Vec<_>, Vec<_>) =
            prepared.usable.into_iter().partition(|usable| usable.sample.split == Split::Train);
        let folder = &config.data.folder;
        if train.is_empty() || validation.is_empty() {
            return Err(TrainerError::data(folder, "has no usable image in one of the splits"));
        }
        let breasts = sampler::breasts(train.iter().enumerate());
        let checkpoint = run.checkpoint()?;
        let network = match &checkpoint {
            Some((state, tensors)) => {
                let place = run.folder().join(&state.tensors);
                Network::new(config.topology()?, named(tensors, "weights."), &place)?
            }
            None => starting_network(config, &store, &train)?,
        };
        let network = on_device(network, device)?;
        let first = config.first_trained(&network)?;
        let fill = || Features::fill(config, run.folder(), &network, first, &store, &train, &validation);
        let features = group.first_before_others(fill)?;
        let mut session = Self {
            optimiser: optimiser(config, &network, first)?,
            average: if config.optimiser.average_decay > 0.0 { Some(copy(&network)?) } else { None },
            config: config.clone(),
            network,
            first,
            store,
            features,
            train,
            validation,
            breasts,
            state: beginning(config),
            rate: config.optimiser.rate,
            group,
        };
        if let Some((state, tensors)) = checkpoint {
            session.resume(state, &tensors, run.folder())?;
        }
        Ok(session)
    }

    /// The network by which the run is judged: the moving average when there is one.
    #[must_use]
    pub fn judged(&self) -> &Network {
        self.average.as_ref().unwrap_or(&self.network)
    }

    /// Validates the judged network on all validation images.
    pub(super) fn validate(&self) -> Result<Validation> {
        let (store, features, samples) = (&self.store, self.features.as_ref(), &self.validation);
        validate(self.judged(), self.first, &self.config, store, features, samples, self.group)
    }

    /// Writes a checkpoint, if this process is the one that writes.
    pub(super) fn checkpoint(&mut self, run: &Run) -> Result<()> {
        if !self.group.is_first() {
            return Ok(());
        }
        let mut tensors = self.optimiser.moments();
        let mut add = |prefix: &str, network: &Network| {
            let named = network.tensors().iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor));
            tensors.extend(named.map(|(name, tensor)| (name, tensor.shallow_clone())));
        };
        add("weights.", &self.network);
        if let Some(average) = &self.average {
            add("average.", average);
        }
        self.state.steps = self.optimiser.steps();
        run.write_checkpoint(&mut self.state, &tensors)
    }

    fn resume(&mut self, state: State, tensors: &Tensors, folder: &Path) -> Result<()> {
        let place = folder.join(&state.tensors);
        let missing = |name: String| TrainerError::weights(&place, format!("tensor {name}: is missing"));
        tch::no_grad(|| self.optimiser.restore(tensors, state.steps)).map_err(missing)?;
        if self.average.is_some() {
            let average = Network::new(self.config.topology()?, named(tensors, "average."), &place)?;
            self.average = Some(on_device(average, self.config.device()?)?);
        }
        self.state = state;
        Ok(())
    }
}

/// Reads the table and prepares every image.
///
/// # Errors
/// Bad tables; images that cannot be used, unless the configuration leaves them out.
pub fn prepare(run_folder: &Path, config: &Config) -> Result<(Store, Prepared)> {
    let data = &config.data;
    let apart = table::PutApart { validation_share: data.validation_share, seed: config.seed };
    let samples: Vec<Sample> = table::read(&data.folder, apart)?;
    let cache = data.cache.clone().unwrap_or_else(|| run_folder.join("cache"));
    let store = Store::open(config.preprocess, data.background, &cache, data.cache_bytes_max)?;
    let prepared = store.prepare_all(samples, data.loader_threads)?;
    if let Some(left) = prepared.left_out.first().filter(|_| !data.leave_out) {
        let count = prepared.left_out.len();
        let problem = format!(
            "line {} of the table: {} ({count} images cannot be used; data.leave_out=true goes on without them)",
            left.line, left.reason
        );
        return Err(TrainerError::data(&left.file, problem));
    }
    Ok((store, prepared))
}

/// Says what the run is about to use.
fn report(prepared: &Prepared, config: &Config) -> Result<()> {
    use std::io::Write as _;
    let mut text = String::new();
    for split in [Split::Train, Split::Validation] {
        let of_split: Vec<_> = prepared.usable.iter().filter(|usable| usable.sample.split == split).collect();
        let positive = of_split.iter().filter(|usable| usable.sample.label).count();
        let breasts: std::collections::BTreeSet<_> = of_split.iter().map(|usable| &usable.sample.breast).collect();
        let word = split.word();
        text += &format!("{word}: {} images, {positive} positive, {} breasts\n", of_split.len(), breasts.len());
    }
    text += &format!("left out: {} images\n", prepared.left_out.len());
    let threads = config.data.loader_threads;
    text += &format!("prepared or found in the cache: {:.0} images/s on {threads} threads\n", prepared.images_per_s);
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(text.as_bytes()).map_err(TrainerError::file("write", Path::new("standard error")))
}

/// The weights of the configuration, calibrated if it says so.
fn starting_network(config: &Config, store: &Store, train: &[Usable]) -> Result<Network> {
    let topology = config.topology()?;
    let (mut tensors, source) = match &config.network.weights {
        Some(file) => (weights::read(file)?, file.as_path()),
        None => (weights::untrained(&topology)?, Path::new("untrained")),
    };
    weights::replace_classifier(&mut tensors, &topology, config.seed, config.network.new_classifier);
    let network = Network::new(topology, tensors, source)?;
    if config.network.calibration_images > 0 {
        let chosen = calibration::choose(train, config.network.calibration_images, config.seed);
        calibration::calibrate(&network, store, &chosen)?;
    }
    Ok(network)
}

fn optimiser(config: &Config, network: &Network, first: usize) -> Result<Optimiser> {
    let settings = &config.optimiser;
    let mut factors = vec![1.0; network.parts()];
    for (name, factor) in &settings.rate_factors {
        let wrong = || TrainerError::Setting {
            name: "optimiser.rate_factors",
            problem: format!("the network has no part {name}"),
        };
        let start = crate::config::part(network, name).ok_or_else(wrong)?;
        let number: usize = name.trim_start_matches("features.").parse().unwrap_or_default();
        let end = crate::config::part(network, &format!("features.{}", number + 1)).unwrap_or(network.parts());
        factors[start..end].fill(*factor);
    }
    Ok(Optimiser::new(settings.method, settings.weight_decay, network, first, |part| factors[part]))
}

fn beginning(config: &Config) -> State {
    State {
        epoch: 1,
        batch: 0,
        loss_sum: 0.0,
        images: 0,
        steps: 0,
        epoch_s: 0.0,
        plateau: Plateau::new(config.optimiser.rate),
        loss_scale: if config.precision == Precision::Mixed { LossScale::START } else { LossScale::NONE },
        early_stop: EarlyStop::default(),
        best: None,
        finished: None,
        tensors: String::new(),
    }
}

/// The tensors whose names begin with `prefix`, without it.
fn named(tensors: &Tensors, prefix: &str) -> Tensors {
    let stripped = tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
    stripped.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect()
}

fn copy(network: &Network) -> Result<Network> {
    let tensors = network.tensors().iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
    Network::new(network.topology().clone(), tensors.collect(), Path::new("moving average"))
}

/// The network with its tensors on a device.
fn on_device(network: Network, device: Device) -> Result<Network> {
    if device == Device::Cpu {
        return Ok(network);
    }
    let tensors = network.tensors().iter().map(|(name, tensor)| (name.clone(), tensor.to_device(device)));
    Network::new(network.topology().clone(), tensors.collect(), Path::new("network"))
}
