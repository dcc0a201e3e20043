//! Samples to prepared images: from the cache, or decoded.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use contract::{Digest, PreprocessSpec};

use super::cache::Cache;
use super::picture::{self, Background};
use super::{LeftOut, Sample, Usable};
use crate::error::{Result, TrainerError};

/// Decodes and prepares samples, and keeps the results.
#[derive(Debug)]
pub struct Store {
    spec: PreprocessSpec,
    background: Background,
    cache: Cache,
}

/// What preparing all samples gave.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Samples whose image is good, in the table's order.
    pub usable: Vec<Usable>,
    /// All others, in the table's order.
    pub left_out: Vec<LeftOut>,
    /// Images per second of this pass, from file or from cache.
    pub images_per_s: f64,
}

impl Store {
    /// A store with its cache in `folder`, of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// When the folder cannot be read or made.
    pub fn open(spec: PreprocessSpec, background: Background, folder: &Path, bytes_max: u64) -> Result<Self> {
        Ok(Self { spec, background, cache: Cache::open(folder, bytes_max)? })
    }

    /// How images are prepared.
    #[must_use]
    pub const fn spec(&self) -> &PreprocessSpec {
        &self.spec
    }

    /// Decodes and prepares every sample once, on `threads` threads.
    ///
    /// # Errors
    /// When the cache cannot be written. A sample that cannot be used is no error here.
    pub fn prepare_all(&self, samples: Vec<Sample>, threads: usize) -> Result<Prepared> {
        let start = Instant::now();
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(samples.len()));
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    while let Some((index, sample)) =
                        Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, samples.get(i)?)))
                    {
                        let result = self.prepare(sample);
                        let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        results.push((index, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        let images_per_s = samples.len() as f64 / start.elapsed().as_secs_f64().max(1e-9);
        let mut prepared = Prepared { images_per_s, ..Prepared::default() };
        for (sample, (_, result)) in samples.into_iter().zip(results) {
            match result? {
                Ok(key) => prepared.usable.push(Usable { sample, key }),
                Err(reason) => {
                    prepared.left_out.push(LeftOut { file: sample.file, line: sample.line, reason });
                }
            }
        }
        Ok(prepared)
    }

    /// Appends the grey values of a sample to `bytes`: `rows × columns` 32-bit floats in 0 to 1, in memory order.
    ///
    /// # Errors
    /// When its file has changed since it was prepared and cannot be used any more.
    pub fn load(&self, usable: &Usable, bytes: &mut Vec<u8>) -> Result<()> {
        let stored = match self.cache.get(&usable.key, self.bytes()) {
            Some(stored) => stored,
            None => {
                let file = &usable.sample.file;
                let content = picture::read(file).map_err(|reason| TrainerError::data(file, reason))?;
                self.decode(&content).map_err(|reason| TrainerError::data(file, reason))?
            }
        };
        bytes.reserve(2 * stored.len());
        for pair in stored.chunks_exact(2) {
            let grey = f32::from(u16::from_le_bytes([pair[0], pair[1]])) / f32::from(u16::MAX);
            bytes.extend(grey.to_ne_bytes());
        }
        Ok(())
    }

    /// The key of a sample whose image is good, or why it is not.
    fn prepare(&self, sample: &Sample) -> Result<std::result::Result<Digest, String>> {
        let content = match picture::read(&sample.file) {
            Ok(content) => content,
            Err(reason) => return Ok(Err(reason)),
        };
        let key = self.key(&content);
        if self.cache.contains(&key, self.bytes()) {
            return Ok(Ok(key));
        }
        match self.decode(&content) {
            Ok(stored) => self.cache.put(&key, &stored).map(|_| Ok(key)),
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn decode(&self, content: &[u8]) -> std::result::Result<Vec<u8>, String> {
        let image = picture::decode(content, self.background)?;
        let grey = picture::prepare(&image, &self.spec)?;
        Ok(grey.into_iter().flat_map(u16::to_le_bytes).collect())
    }

    fn key(&self, content: &[u8]) -> Digest {
        let parts = format!("{} {} {:?}", Digest::of(content), self.spec.digest(), self.background);
        Digest::of(parts.as_bytes())
    }

    fn bytes(&self) -> usize {
        2 * self.spec.input.rows as usize * self.spec.input.columns as usize
    }
}

#[cfg(test)]
mod tests {
    use contract::preprocess::InputShape;

    use super::*;
    use crate::data::Split;

    fn sample(file: std::path::PathBuf, line: u64) -> Sample {
        let text = String::new;
        let (patient, image, breast) = (text(), text(), text());
        Sample { file, line, patient, image, breast, label: false, split: Split::Train, groups: Vec::new() }
    }

    #[test]
    fn bad_files_are_listed_and_good_ones_come_from_cache_as_from_file() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good.pgm");
        let mut pgm = b"P5\n8 8\n255\n".to_vec();
        pgm.extend(0..64_u8);
        std::fs::write(&good, pgm).unwrap();
        let bad = folder.path().join("bad.jpg");
        std::fs::write(&bad, b"no picture").unwrap();
        let missing = folder.path().join("missing.dcm");
        let spec = PreprocessSpec { input: InputShape { rows: 4, columns: 4 }, ..PreprocessSpec::reference() };
        let samples = || vec![sample(bad.clone(), 2), sample(good.clone(), 3), sample(missing.clone(), 4)];
        let load = |bytes_max| {
            let store =
                Store::open(spec, Background::Detect, &folder.path().join(format!("cache{bytes_max}")), bytes_max);
            let store = store.unwrap();
            let prepared = store.prepare_all(samples(), 2).unwrap();
            assert_eq!(prepared.left_out.iter().map(|left| left.line).collect::<Vec<_>>(), [2, 4]);
            assert_eq!(prepared.usable.len(), 1);
            let mut bytes = Vec::new();
            store.load(&prepared.usable[0], &mut bytes).unwrap();
            bytes
        };
        let cached = load(1 << 20);
        assert_eq!(cached.len(), 4 * 16);
        assert_eq!(cached, load(0), "without room in the cache the file is decoded again");
    }
}
