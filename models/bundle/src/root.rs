//! Key sets: who may sign what. A device starts from the one that it was set up with, and follows a chain of key sets of
//! which each is signed by the one before it and by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::keys::{KeyId, PublicKey};
use crate::refusal::RootFault;
use crate::signatures::Signatures;

/// The `format` of a key set.
pub const ROOT_FORMAT: &str = "mamoru-root/1";

/// Largest text of a key set, in bytes.
pub const ROOT_BYTES_MAX: u64 = 64 << 10;

/// Keys at most.
const KEYS_MAX: usize = 64;

/// Revoked keys at most.
const REVOKED_MAX: usize = 512;

/// What keys sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// Key sets.
    Root,
    /// Bundles.
    Release,
    /// Permissions to install a bundle that is older than what a device had.
    Emergency,
}

/// The keys of a role, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKeys {
    /// In ascending order, each once.
    pub keys: Vec<KeyId>,
    /// How many different ones must sign: 1 to as many as there are that are not revoked.
    pub threshold: u8,
}

/// The keys of each role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// [`KeyRole::Root`].
    pub root: RoleKeys,
    /// [`KeyRole::Release`].
    pub release: RoleKeys,
    /// [`KeyRole::Emergency`].
    pub emergency: RoleKeys,
}

/// A key set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// [`ROOT_FORMAT`].
    pub format: String,
    /// From 1 on; the one that follows it has the next number.
    pub version: u32,
    /// Every key by its name.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// Who signs what.
    pub roles: Roles,
    /// Keys that count nowhere, in ascending order, each once; they need not be among `keys`. None is ever taken off.
    pub revoked: Vec<KeyId>,
}

/// A key set as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRoot {
    /// Its version.
    pub version: u32,
    /// Its canonical JSON.
    pub root: Vec<u8>,
    /// Its signatures' canonical JSON.
    pub signatures: Vec<u8>,
}

/// Whose signatures hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Different keys of the role, not revoked, whose signature holds.
    pub valid: usize,
    /// Different keys that are revoked and signed.
    pub revoked: usize,
    /// How many must hold.
    pub threshold: usize,
}

impl Count {
    /// Whether enough hold.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.valid >= self.threshold
    }
}

impl Root {
    /// Reads a key set. Whether it may be trusted is the caller's to know: a device's first one comes with the device.
    ///
    /// # Errors
    /// [`RootFault::Form`], [`RootFault::Values`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RootFault> {
        if bytes.len() as u64 > ROOT_BYTES_MAX {
            return Err(RootFault::Values("it is too large"));
        }
        let root: Self = canonical::from_bytes(bytes)?;
        root.check()?;
        Ok(root)
    }

    /// Its canonical JSON, which is what is signed.
    ///
    /// # Errors
    /// [`RootFault::Values`] when no device would take it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RootFault> {
        self.check()?;
        Ok(canonical::to_bytes(self).map_err(canonical::NotCanonical::Form)?)
    }

    fn check(&self) -> Result<(), RootFault> {
        let Roles { root, release, emergency } = &self.roles;
        let is_role = |role: &RoleKeys| {
            let usable = role.keys.iter().filter(|key| !self.revoked.contains(key)).count();
            is_ascending(&role.keys)
                && role.keys.iter().all(|key| self.keys.contains_key(key))
                && (1..=usable).contains(&usize::from(role.threshold))
        };
        let rules = [
            (self.format == ROOT_FORMAT, "it is of a format that this software does not know"),
            (self.version > 0, "its version is 0"),
            (self.keys.len() <= KEYS_MAX, "it has more than 64 keys"),
            (self.revoked.len() <= REVOKED_MAX, "it has more than 512 revoked keys"),
            (self.keys.iter().all(|(id, key)| key.id() == *id), "it names a key by another one's name"),
            (is_ascending(&self.revoked), "its revoked keys are not in order or not different"),
            (
                [root, release, emergency].into_iter().all(is_role),
                "a role's keys are unknown, not in order or not different, or its threshold is 0 or cannot be reached",
            ),
        ];
        match rules.into_iter().find(|(is_kept, _)| !is_kept) {
            Some((_, rule)) => Err(RootFault::Values(rule)),
            None => Ok(()),
        }
    }

    /// Whose of `signatures` over `message` hold. A key counts once, however often it signs; keys that are unknown, of
    /// another role or revoked count for nothing.
    #[must_use]
    pub fn count(&self, role: KeyRole, message: &[u8], signatures: &Signatures) -> Count {
        let role = match role {
            KeyRole::Root => &self.roles.root,
            KeyRole::Release => &self.roles.release,
            KeyRole::Emergency => &self.roles.emergency,
        };
        let (mut valid, mut revoked) = (BTreeSet::new(), BTreeSet::new());
        for (id, signature) in signatures.iter() {
            let key = self.keys.get(&id).filter(|_| role.keys.contains(&id));
            if self.revoked.contains(&id) {
                revoked.insert(id);
            } else if key.is_some_and(|key| key.verifies(message, &signature)) {
                valid.insert(id);
            }
        }
        Count { valid: valid.len(), revoked: revoked.len(), threshold: usize::from(role.threshold) }
    }

    /// The key set that follows this one.
    ///
    /// # Errors
    /// [`RootFault`]: it must have the next version, keep every revocation, and be signed by the threshold of this one and
    /// of itself.
    pub fn follow(&self, next: &SignedRoot) -> Result<Self, RootFault> {
        let signatures =
            Signatures::parse(&next.signatures).ok_or(RootFault::Values("its signatures are of no form"))?;
        // The old keys first: what they did not sign is not parsed.
        let old = self.count(KeyRole::Root, &next.root, &signatures);
        if !old.is_enough() {
            return Err(RootFault::Threshold {
                whose: "the key set before it",
                valid: old.valid,
                needed: old.threshold,
            });
        }
        let root = Self::parse(&next.root)?;
        if Some(root.version) != self.version.checked_add(1) || root.version != next.version {
            return Err(RootFault::Version { found: root.version, trusted: self.version });
        }
        let new = root.count(KeyRole::Root, &next.root, &signatures);
        if !new.is_enough() {
            return Err(RootFault::Threshold { whose: "itself", valid: new.valid, needed: new.threshold });
        }
        if !self.revoked.iter().all(|key| root.revoked.contains(key)) {
            return Err(RootFault::Values("it takes a revocation back"));
        }
        Ok(root)
    }
}

fn is_ascending(keys: &[KeyId]) -> bool {
    keys.windows(2).all(|pair| pair[0] < pair[1])
}
