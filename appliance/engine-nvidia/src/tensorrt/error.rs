//! What may fail in TensorRT, in words of a technician.

use std::fmt;

use thiserror::Error;

use super::Version;

/// What TensorRT logged as errors during a call that failed: a few lines, bounded, without control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(pub Vec<String>);

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(formatter, "; it says: {}", self.0.join("; ")) }
    }
}

/// How a call into TensorRT fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It returned no object, or false.
    Refused,
    /// It threw an exception.
    Exception,
    /// The shim took an argument for null or out of range, and called nothing.
    Argument,
    /// The shim answered with a status that this version does not know.
    Unknown(i32),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => formatter.write_str("refused"),
            Self::Exception => formatter.write_str("exception"),
            Self::Argument => formatter.write_str("invalid argument"),
            Self::Unknown(status) => write!(formatter, "status {status}"),
        }
    }
}

/// Why TensorRT cannot be used, or a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TensorRtError {
    /// No library of a supported major.
    #[error("TensorRT is not installed: no libnvinfer.so.11, .10 or .8")]
    NotInstalled,
    /// A library of TensorRT or a shim is there and cannot be opened.
    #[error("{library} cannot be opened: {reason}")]
    Broken {
        /// The library.
        library: String,
        /// What the dynamic loader says.
        reason: String,
    },
    /// A library that is needed to build is not there.
    #[error("{library} is not installed: it is needed to build an engine")]
    ParserMissing {
        /// The library.
        library: String,
    },
    /// A library lacks a function.
    #[error("{library} lacks {symbol}")]
    SymbolMissing {
        /// The library.
        library: String,
        /// The function.
        symbol: &'static str,
    },
    /// The library is of another major than its name says, or of none.
    #[error("{library} says that it is version {found}, which does not go with its name")]
    Misnamed {
        /// The library.
        library: String,
        /// What it says of itself.
        found: String,
    },
    /// There is no shim for the installed TensorRT.
    #[error("TensorRT {library} is installed, and {shim} is in none of {folders}: build it with shim/build")]
    ShimMissing {
        /// The installed version.
        library: Version,
        /// The shim's file name.
        shim: String,
        /// Where it was looked for.
        folders: String,
    },
    /// The shim was built from headers of another major.
    #[error("{shim} was built for TensorRT {built_for}, and {library} is installed: build it with shim/build")]
    ShimMismatch {
        /// The shim.
        shim: String,
        /// Its headers' version.
        built_for: Version,
        /// The installed version.
        library: Version,
    },
    /// The shim is of another version of this software.
    #[error("{shim} has interface {found}, and this version needs {needed}: build it with shim/build")]
    ShimOutdated {
        /// The shim.
        shim: String,
        /// Its interface.
        found: i32,
        /// This version's.
        needed: i32,
    },
    /// A call failed.
    #[error("TensorRT failed to {what} ({failure}){said}")]
    Failed {
        /// What it was to do.
        what: &'static str,
        /// How it failed.
        failure: Failure,
        /// Its own words.
        said: Said,
    },
    /// The ONNX file was not taken.
    #[error("TensorRT cannot read the network{said}")]
    Network {
        /// Its own words.
        said: Said,
    },
    /// The network has no input of this name.
    #[error("the network has no input {name}")]
    NoInput {
        /// The name.
        name: String,
    },
    /// The engine has an input or output that cannot be used.
    #[error("the engine's tensor {name} cannot be used: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The engine has no such tensor.
    #[error("the engine has no tensor {name}")]
    UnknownTensor {
        /// The name.
        name: String,
    },
    /// Device memory is too small for a tensor.
    #[error("the tensor {name} has {needed} bytes, and the memory for it {given}")]
    MemoryTooSmall {
        /// The tensor.
        name: String,
        /// Its bytes.
        needed: u64,
        /// The memory's bytes.
        given: u64,
    },
    /// Tensors have no memory yet.
    #[error("nothing is bound to {names}")]
    Unbound {
        /// Their names.
        names: String,
    },
}
