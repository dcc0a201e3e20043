//! A disk in memory that loses its power at a given step. Of what was not synced, as much or as little survives as is asked
//! for: names of a folder in the order in which they were changed, and any part of a file's content.

use std::collections::BTreeMap;
use std::io;

use contract::Digest;
use updater::Disk;

#[derive(Clone)]
pub(crate) enum Node {
    File { now: Vec<u8>, synced: Vec<u8> },
    Folder { now: Names, synced: Names, pending: Vec<Change> },
}

pub(crate) type Names = BTreeMap<String, usize>;

/// What happened to a folder in one step.
#[derive(Clone)]
pub(crate) enum Change {
    Put(String, usize),
    Drop(String),
    Rename(String, String),
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Drop(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                let node = names.remove(from).unwrap();
                names.insert(to.clone(), node);
            }
        }
    }
}

/// What survives of that which was not synced.
#[derive(Debug, Clone, Copy)]
pub enum Survival {
    Nothing,
    Everything,
    /// Some of it, by this seed.
    Some(u64),
}

/// Syncs that do nothing, as of a drive that lies: to see that the tests would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    Files,
    Folders,
}

#[derive(Clone)]
pub struct MemoryDisk {
    pub(crate) nodes: Vec<Node>,
    pub free: u64,
    pub steps: u64,
    pub cut_at: Option<u64>,
    pub lie: Lie,
}

fn error(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl MemoryDisk {
    pub fn new() -> Self {
        let root = Node::Folder { now: Names::new(), synced: Names::new(), pending: vec![] };
        Self { nodes: vec![root], free: 1 << 40, steps: 0, cut_at: None, lie: Lie::None }
    }

    pub fn is_cut(&self) -> bool {
        self.cut_at.is_some_and(|at| self.steps > at)
    }

    /// The disk after the power came back.
    pub fn after_cut(mut self, survival: Survival) -> Self {
        let mut random = fastrand::Rng::with_seed(if let Survival::Some(seed) = survival { seed } else { 0 });
        for node in &mut self.nodes {
            match node {
                Node::File { now, synced } => {
                    *now = match survival {
                        Survival::Nothing => synced.clone(),
                        Survival::Everything => now.clone(),
                        Survival::Some(_) => torn(now, synced, &mut random),
                    };
                    synced.clone_from(now);
                }
                Node::Folder { now, synced, pending } => {
                    let kept = match survival {
                        Survival::Nothing => 0,
                        Survival::Everything => pending.len(),
                        Survival::Some(_) => random.usize(0..=pending.len()),
                    };
                    pending.drain(..).take(kept).for_each(|change| change.apply(synced));
                    now.clone_from(synced);
                }
            }
        }
        Self { cut_at: None, steps: 0, ..self }
    }

    /// One step that changes something; fails from the cut on.
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        if self.is_cut() { Err(error("no power")) } else { Ok(()) }
    }

    fn find(&self, path: &str) -> Option<usize> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(0, |node, name| match &self.nodes[node] {
            Node::Folder { now, .. } => now.get(name).copied(),
            Node::File { .. } => None,
        })
    }

    fn change(&mut self, folder: &str, change: Change) -> io::Result<()> {
        let node = self.find(folder).ok_or_else(|| error("no such folder"))?;
        match &mut self.nodes[node] {
            Node::Folder { now, pending, .. } => {
                change.apply(now);
                pending.push(change);
                Ok(())
            }
            Node::File { .. } => Err(error("not a folder")),
        }
    }

    fn put(&mut self, path: &str, node: Node) -> io::Result<()> {
        let (folder, name) = split(path);
        self.nodes.push(node);
        self.change(folder, Change::Put(name.into(), self.nodes.len() - 1))
    }

    /// Changes a byte of a file, as a bad sector would.
    pub fn damage(&mut self, path: &str) {
        let node = self.find(path).unwrap();
        match &mut self.nodes[node] {
            Node::File { now, synced } => {
                *now.last_mut().unwrap() ^= 1;
                synced.clone_from(now);
            }
            Node::Folder { .. } => panic!("{path} is a folder"),
        }
    }

    fn file(&self, path: &str) -> Option<&Vec<u8>> {
        self.find(path).and_then(|node| match &self.nodes[node] {
            Node::File { now, .. } => Some(now),
            Node::Folder { .. } => None,
        })
    }
}

/// Content of which some parts reached the disk: old, new, the new one's beginning, or its length with zeros.
fn torn(now: &[u8], synced: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let len = random.usize(0..=now.len());
    match random.u8(0..4) {
        0 => synced.to_vec(),
        1 => now.to_vec(),
        2 if synced.len() <= len => now[..len].to_vec(),
        _ if synced.is_empty() => vec![0; len],
        _ => synced.to_vec(),
    }
}

impl Disk for MemoryDisk {
    fn make_folder(&mut self, path: &str) -> io::Result<()> {
        self.step()?;
        match self.find(path) {
            Some(_) => Ok(()),
            None => self.put(path, Node::Folder { now: Names::new(), synced: Names::new(), pending: vec![] }),
        }
    }

    fn create(&mut self, path: &str) -> io::Result<()> {
        self.step()?;
        match self.find(path) {
            Some(_) => Err(error("is there already")),
            None => self.put(path, Node::File { now: vec![], synced: vec![] }),
        }
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        let node = self.find(path).ok_or_else(|| error("no such file"))?;
        match &mut self.nodes[node] {
            Node::File { now, .. } => {
                now.extend_from_slice(bytes);
                Ok(())
            }
            Node::Folder { .. } => Err(error("not a file")),
        }
    }

    fn replace(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step()?;
        let ((folder, from), (other, to)) = (split(from), split(to));
        assert_eq!(folder, other, "a rename from one folder into another is not one step");
        self.change(folder, Change::Rename(from.into(), to.into()))
    }

    fn remove_file(&mut self, path: &str) -> io::Result<()> {
        if self.find(path).is_none() {
            return Ok(());
        }
        self.step()?;
        let (folder, name) = split(path);
        self.change(folder, Change::Drop(name.into()))
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        for name in self.list(path)? {
            let inner = format!("{path}/{name}");
            if self.file(&inner).is_some() { self.remove_file(&inner)? } else { self.remove_folder(&inner)? }
        }
        self.step()?;
        let (folder, name) = split(path);
        self.change(folder, Change::Drop(name.into()))
    }

    fn sync_file(&mut self, path: &str) -> io::Result<()> {
        self.step()?;
        let node = self.find(path).ok_or_else(|| error("no such file"))?;
        match &mut self.nodes[node] {
            Node::File { now, synced } if self.lie != Lie::Files => synced.clone_from(now),
            _ => {}
        }
        Ok(())
    }

    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        self.step()?;
        let node = self.find(path).ok_or_else(|| error("no such folder"))?;
        match &mut self.nodes[node] {
            Node::Folder { now, synced, pending } if self.lie != Lie::Folders => {
                synced.clone_from(now);
                pending.clear();
            }
            _ => {}
        }
        Ok(())
    }

    fn read(&self, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        match self.file(path) {
            Some(bytes) if bytes.len() as u64 > bytes_max => Err(error("file is too large")),
            found => Ok(found.cloned()),
        }
    }

    fn measure(&self, path: &str) -> io::Result<Option<(u64, Digest)>> {
        Ok(self.file(path).map(|bytes| (bytes.len() as u64, Digest::of(bytes))))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        Ok(match self.find(path).map(|node| &self.nodes[node]) {
            Some(Node::Folder { now, .. }) => now.keys().cloned().collect(),
            _ => vec![],
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.free)
    }
}
