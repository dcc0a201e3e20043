//! The frozen parts' output, computed once per image and augmented variant, kept on disk as 16-bit floats.
//!
//! Variant 0 is the image as it is, for validation; 1 and above are changed, for training. With the frozen part out of
//! the way an epoch takes minutes where it took hours, at the price of seeing each image in a few variants only.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::Digest;
use tch::{Device, Kind, Tensor};

use crate::augment::{augment, grey_images};
use crate::config::Config;
use crate::data::cache::Cache;
use crate::data::picture::normalise;
use crate::data::{Store, Usable};
use crate::error::{Result, TrainerError};
use crate::fit::progress::Count;
use crate::network::{Network, Pass};
use crate::seed::{Purpose, generator};

/// Images that go through the frozen part at once.
const IMAGES_PER_PASS: usize = 2;

/// Kept features of all samples.
#[derive(Debug)]
pub struct Features {
    cache: Cache,
    /// Digest of everything but image and variant that the values follow from.
    origin: Digest,
    shape: [i64; 3],
}

impl Features {
    /// Computes what is not there yet; `None` when the configuration keeps no features.
    ///
    /// # Errors
    /// When an image cannot be loaded, or the cache has not the room for all.
    pub fn fill(
        config: &Config,
        run_folder: &Path,
        network: &Network,
        first: usize,
        store: &Store,
        train: &[Usable],
        validation: &[Usable],
    ) -> Result<Option<Self>> {
        let variants = config.data.cache_features;
        if variants == 0 {
            return Ok(None);
        }
        let folder = config.data.cache.clone().unwrap_or_else(|| run_folder.join("cache")).join("features");
        let cache = Cache::open(&folder, config.data.cache_bytes_max)?;
        let shape = shape(network, first, store);
        let features = Self { cache, origin: origin(config, network, first)?, shape };
        let all = validation.iter().map(|usable| (usable, 0));
        let variant = |usable| (1..=variants).map(move |variant| (usable, variant));
        let all: Vec<(&Usable, u32)> = all.chain(train.iter().flat_map(variant)).collect();
        // Always the same images at once, also after an interruption: libtorch's last bits depend on it.
        let is_missing =
            |image: &(&Usable, u32)| !features.cache.contains(&features.key(image.0, image.1), features.bytes());
        let missing: Vec<&[(&Usable, u32)]> =
            all.chunks(IMAGES_PER_PASS).filter(|chunk| chunk.iter().any(is_missing)).collect();
        let count = Count::new("frozen part: images", missing.iter().map(|chunk| chunk.len()).sum());
        let next = AtomicUsize::new(0);
        let work = |network: &Network| -> Result<()> {
            while let Some(images) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let values = compute(config, network, first, store, images)?;
                for (&(usable, variant), values) in images.iter().zip(values.chunks_exact(features.bytes())) {
                    let key = features.key(usable, variant);
                    if !features.cache.contains(&key, features.bytes()) && !features.cache.put(&key, values)? {
                        let problem = format!("is full: data.cache_bytes_max is {}", config.data.cache_bytes_max);
                        return Err(TrainerError::data(&folder, problem));
                    }
                }
                count.add(images.len());
            }
            Ok(())
        };
        on_workers(network, config.batch.workers, missing.len(), &work)?;
        Ok(Some(features))
    }

    /// Channels, rows and columns of one image's features.
    #[must_use]
    pub const fn shape(&self) -> [i64; 3] {
        self.shape
    }

    /// Appends the features of a sample's variant to `bytes`: 16-bit floats in memory order.
    ///
    /// # Errors
    /// When they are gone from the disk.
    pub fn load(&self, usable: &Usable, variant: u32, bytes: &mut Vec<u8>) -> Result<()> {
        let stored = self.cache.get(&self.key(usable, variant), self.bytes());
        let gone =
            || TrainerError::data(&usable.sample.file, "its kept features are gone: resume the run to make them");
        bytes.extend(stored.ok_or_else(gone)?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        2 * self.shape.iter().product::<i64>() as usize
    }

    fn key(&self, usable: &Usable, variant: u32) -> Digest {
        Digest::of(format!("{} {} {variant}", self.origin, usable.key).as_bytes())
    }
}

/// Digest of frozen weights, augmentation, normalisation and seed.
fn origin(config: &Config, network: &Network, first: usize) -> Result<Digest> {
    let mut text = format!("{:?} {:?} {}", config.augmentation, config.preprocess.normalisation, config.seed);
    for (name, tensor) in network.tensors().iter().filter(|(name, _)| network.part_of(name) < first) {
        let mut bytes = vec![0_u8; 4 * tensor.numel()];
        tensor.to_device(Device::Cpu).contiguous().f_copy_data_u8(&mut bytes, tensor.numel())?;
        text += &format!(" {name} {}", Digest::of(&bytes));
    }
    Ok(Digest::of(text.as_bytes()))
}

fn shape(network: &Network, first: usize, store: &Store) -> [i64; 3] {
    let input = store.spec().input;
    let (rows, columns) = (i64::from(input.rows), i64::from(input.columns));
    // The shape follows from the walk: one blank image shows it.
    let device = network.device();
    let blank = Tensor::zeros([1, 3, rows, columns], (Kind::Float, device));
    let size = tch::no_grad(|| network.run_parts(&blank, 0..first, &Pass::evaluation())).size();
    [size[1], size[2], size[3]]
}

/// Runs `work` on threads, each with a network of its own; on this one when there is one only.
fn on_workers(
    network: &Network,
    workers: usize,
    most: usize,
    work: &(impl Fn(&Network) -> Result<()> + Sync),
) -> Result<()> {
    let workers = workers.min(most);
    if workers <= 1 {
        return work(network);
    }
    let networks: Vec<Network> = (0..workers).map(|_| network.replica()).collect::<Result<_>>()?;
    std::thread::scope(|scope| {
        let run = |network: Network| {
            // Of this thread alone: the others are at work beside it.
            tch::set_num_threads(1);
            work(&network)
        };
        let threads: Vec<_> = networks.into_iter().map(|network| scope.spawn(move || run(network))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| TrainerError::Worker)?)
    })
}

/// The features of some images, one after the other.
fn compute(
    config: &Config,
    network: &Network,
    first: usize,
    store: &Store,
    images: &[(&Usable, u32)],
) -> Result<Vec<u8>> {
    let spec = store.spec();
    let mut inputs = Vec::new();
    for &(usable, variant) in images {
        let mut bytes = Vec::new();
        store.load(usable, &mut bytes)?;
        let mut grey = grey_images(&bytes, spec.input.rows, spec.input.columns)?;
        if variant > 0 {
            let place = usable.key.as_bytes().iter().map(|&byte| u64::from(byte)).chain([u64::from(variant)]);
            let generator = generator(config.seed, Purpose::Augmentation, &place.collect::<Vec<_>>());
            grey = augment(&grey, &config.augmentation, &mut [generator]);
        }
        inputs.push(grey);
    }
    let device = network.device();
    let input = normalise(&Tensor::f_cat(&inputs, 0)?.to_device(device), spec.normalisation);
    let values = tch::no_grad(|| network.run_parts(&input, 0..first, &Pass::evaluation()));
    let values = values.to_device(Device::Cpu).to_kind(Kind::Half).contiguous();
    let mut bytes = vec![0_u8; 2 * values.numel()];
    values.f_copy_data_u8(&mut bytes, values.numel())?;
    Ok(bytes)
}
