//! The rules of STYLE.md and ARCHITECTURE.md that a machine can check.
//!
//! [`Repository`] is plain data; a rule is a function from it to its violations, so that each rule is tested on a
//! repository with a planted fault, and `tests/repository.rs` holds the real one against all of them.

pub mod dependencies;
pub mod manifests;
pub mod repository;
pub mod source;
pub mod sources;
pub mod specification;

pub use repository::{Dependency, File, Package, Repository};

/// A breach of a rule: the file, with its line where there is one, and what is wrong.
pub type Violation = String;
