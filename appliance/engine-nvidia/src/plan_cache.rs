//! Plans that were built on this device, kept between starts.
//!
//! A plan is code that TensorRT runs, and holds for one version of TensorRT on one kind of device. So a plan is loaded only
//! when it was stored under exactly the key at hand, is whole by its digest, and lies in a folder that nobody else can
//! write to. Whatever is otherwise is built again, and never loaded. The builder's timing cache and our own kernels, as NVRTC
//! compiled them, lie beside it, with the same checks.

mod folder;
mod key;
mod record;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use thiserror::Error;

pub use folder::FolderFault;
pub(crate) use key::KernelsKey;
pub use key::{L4tRelease, PlanKey};
pub use record::RecordFault;

use crate::nvrtc::CUBIN_BYTES_MAX;
use crate::tensorrt::Built;
use folder::{Folder, Found};
use record::Kind;

/// Plans that are kept, the newest ones.
pub const PLANS_MAX: usize = 4;

/// Timing caches that are kept.
pub const TIMING_CACHES_MAX: usize = 2;

/// Compiled kernels that are kept.
pub(crate) const KERNELS_MAX: usize = 2;

/// Bytes of a plan: the network has 70 MB in single precision.
pub const PLAN_BYTES_MAX: u64 = 1 << 29;

/// Bytes of a timing cache.
pub const TIMING_CACHE_BYTES_MAX: u64 = 1 << 26;

const PLAN_ENDING: &str = ".plan";
const TIMING_ENDING: &str = ".timing";
const KERNELS_ENDING: &str = ".cubin";

/// An engine as TensorRT serialises it, from a builder of this process or out of the cache.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan(Vec<u8>);

impl std::fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Plan({} bytes)", self.0.len())
    }
}

impl Plan {
    /// What a builder just built.
    pub(crate) const fn built(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What builders measured on this device.
#[derive(Clone, PartialEq, Eq)]
pub struct TimingCache(Vec<u8>);

impl std::fmt::Debug for TimingCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TimingCache({} bytes)", self.0.len())
    }
}

impl TimingCache {
    /// What a builder just measured.
    pub(crate) const fn measured(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why the cache cannot be used.
#[derive(Debug, Error)]
pub enum PlanCacheError {
    /// The folder is not safe or cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderFault),
    /// Another process builds, and did not end in time.
    #[error("another process has been building a plan for {0:?} and more")]
    Busy(Duration),
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum ObtainError<E> {
    /// The cache.
    #[error(transparent)]
    Cache(#[from] PlanCacheError),
    /// The build.
    #[error(transparent)]
    Build(E),
}

/// Why a plan of this key that lay there was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejected {
    /// It is damaged, cut or another one's.
    #[error(transparent)]
    Record(#[from] RecordFault),
    /// The file is not ours alone, or too large.
    #[error("the file {0}")]
    File(&'static str),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Where a plan is from.
#[derive(Debug)]
pub enum Origin {
    /// It lay in the cache.
    Cached,
    /// It was just built.
    Built {
        /// Why that which lay there was not loaded, when there was one.
        rejected: Option<Rejected>,
        /// Why the new one is not in the cache, when it is not: the next start builds again.
        not_kept: Option<FolderFault>,
    },
}

/// A plan and where it is from.
#[derive(Debug)]
pub struct Obtained {
    /// The plan.
    pub plan: Plan,
    /// Where it is from.
    pub origin: Origin,
}

/// A folder of plans.
#[derive(Debug)]
pub struct PlanCache {
    folder: Folder,
}

impl PlanCache {
    /// Opens the folder, or makes it for this user alone.
    ///
    /// # Errors
    /// [`FolderFault`]: also when the folder is another user's, or others may write to it.
    pub fn open(path: &Path) -> Result<Self, PlanCacheError> {
        Ok(Self { folder: Folder::open(path)? })
    }

    /// The plan of `key`: from the cache, or else built by `build`, which gets the timing cache of this device, and kept.
    /// One process builds at a time; who waits for it takes what it built.
    ///
    /// # Errors
    /// [`PlanCacheError::Busy`] when another process builds for longer than `wait_max`; what `build` returns. A plan that
    /// cannot be kept is no error.
    pub fn obtain<E>(
        &self,
        key: &PlanKey,
        wait_max: Duration,
        build: impl FnOnce(Option<&TimingCache>) -> Result<Built, E>,
    ) -> Result<Obtained, ObtainError<E>> {
        if let Ok(Some(plan)) = self.load(key) {
            return Ok(Obtained { plan, origin: Origin::Cached });
        }
        let lock = self.folder.lock(wait_max).map_err(PlanCacheError::from)?;
        let _held = lock.ok_or(PlanCacheError::Busy(wait_max))?;
        self.obtain_locked(key, build)
    }

    /// The plan of `key`, while the lock is held.
    fn obtain_locked<E>(
        &self,
        key: &PlanKey,
        build: impl FnOnce(Option<&TimingCache>) -> Result<Built, E>,
    ) -> Result<Obtained, ObtainError<E>> {
        // Once more: who held the lock may have built it.
        let rejected = match self.load(key) {
            Ok(Some(plan)) => return Ok(Obtained { plan, origin: Origin::Cached }),
            Ok(None) => None,
            Err(rejected) => Some(rejected),
        };
        if let Some(rejected) = &rejected {
            tracing::warn!("the plan in the cache is not used and built again: {rejected}");
        }
        let timing = self.read(Kind::TimingCache, &key.timing_digest(), TIMING_CACHE_BYTES_MAX);
        let timing = timing.ok().flatten().map(TimingCache::measured);
        let built = build(timing.as_ref()).map_err(ObtainError::Build)?;
        let not_kept = self.keep(key, &built).err();
        if let Some(fault) = &not_kept {
            tracing::warn!("the plan is not kept and will be built again at the next start: {fault}");
        }
        Ok(Obtained { plan: built.plan, origin: Origin::Built { rejected, not_kept } })
    }

    /// The plan of `key`; `None` when there is none.
    ///
    /// # Errors
    /// [`Rejected`]: there is one, and it must not be loaded.
    pub fn load(&self, key: &PlanKey) -> Result<Option<Plan>, Rejected> {
        Ok(self.read(Kind::Plan, &key.digest(), PLAN_BYTES_MAX)?.map(Plan))
    }

    /// Removes the plan of `key`, which TensorRT did not take.
    ///
    /// # Errors
    /// [`FolderFault`].
    pub fn discard(&self, key: &PlanKey) -> Result<(), FolderFault> {
        self.folder.remove(&name(Kind::Plan, &key.digest()))
    }

    /// Removes the compiled kernels of `key`, which the driver did not take.
    ///
    /// # Errors
    /// [`FolderFault`].
    pub(crate) fn discard_kernels(&self, key: &KernelsKey) -> Result<(), FolderFault> {
        self.folder.remove(&name(Kind::Kernels, &key.digest()))
    }

    /// The compiled kernels of `key`: from the cache, or else what `compile` makes, which is kept where it can be.
    ///
    /// # Errors
    /// What `compile` returns.
    pub(crate) fn obtain_kernels<E>(
        &self,
        key: &KernelsKey,
        compile: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let digest = key.digest();
        match self.read(Kind::Kernels, &digest, CUBIN_BYTES_MAX as u64) {
            Ok(Some(cubin)) => return Ok(cubin),
            Ok(None) => {}
            Err(rejected) => tracing::warn!("the compiled kernels in the cache are not used: {rejected}"),
        }
        let cubin = compile()?;
        let kept = self.folder.keep_newest(KERNELS_ENDING, KERNELS_MAX - 1, &name(Kind::Kernels, &digest));
        if let Err(fault) = kept.and_then(|()| self.store(Kind::Kernels, &digest, &cubin)) {
            tracing::warn!("the compiled kernels are not kept: {fault}");
        }
        Ok(cubin)
    }

    fn read(&self, kind: Kind, digest: &[u8; 32], bytes_max: u64) -> Result<Option<Vec<u8>>, Rejected> {
        let file_max = bytes_max + record::HEADER_BYTES as u64;
        match self.folder.read(&name(kind, digest), file_max) {
            Ok(Found::Nothing) => Ok(None),
            Ok(Found::Unsafe(why)) => Err(Rejected::File(why)),
            Ok(Found::Bytes(bytes)) => Ok(Some(record::open(kind, digest, bytes)?)),
            Err(fault) => Err(Rejected::Unreadable(fault.to_string())),
        }
    }

    /// Stores plan and timing cache, and removes what is too much. The lock is held.
    fn keep(&self, key: &PlanKey, built: &Built) -> Result<(), FolderFault> {
        // Older plans go first, so that a small disk has room.
        let plan = name(Kind::Plan, &key.digest());
        self.folder.keep_newest(PLAN_ENDING, PLANS_MAX - 1, &plan)?;
        self.store(Kind::Plan, &key.digest(), built.plan.bytes())?;
        if let Some(timing) = &built.timing_cache {
            let timing_name = name(Kind::TimingCache, &key.timing_digest());
            self.folder.keep_newest(TIMING_ENDING, TIMING_CACHES_MAX - 1, &timing_name)?;
            self.store(Kind::TimingCache, &key.timing_digest(), timing.bytes())?;
        }
        Ok(())
    }

    fn store(&self, kind: Kind, digest: &[u8; 32], payload: &[u8]) -> Result<(), FolderFault> {
        let header = record::header(kind, digest, payload);
        self.folder.write(&name(kind, digest), &[&header, payload])
    }
}

/// File name of a record.
fn name(kind: Kind, digest: &[u8; 32]) -> String {
    let start: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let ending = match kind {
        Kind::Plan => PLAN_ENDING,
        Kind::TimingCache => TIMING_ENDING,
        Kind::Kernels => KERNELS_ENDING,
    };
    format!("{start}{ending}")
}
