//! The exit codes of `mamoru`: stable, so that scripts and rigs may test them.

use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::control::NotRunning;

/// How a command ended. 2 is clap's: a wrong command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is done.
    Success = 0,
    /// Something failed that is none of the below.
    Failure = 1,
    /// The configuration is wrong.
    Config = 3,
    /// A peer or the running device does not answer.
    Unreachable = 4,
    /// Some images failed, others did not.
    Partial = 5,
    /// The input holds nothing to work on.
    NoInput = 6,
    /// It works, but a person should look at something.
    Attention = 7,
}

/// The list that `mamoru --help` ends with.
pub const EXIT_CODES_HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong command line
  3  wrong configuration
  4  peer or running device cannot be reached
  5  partly done: an image or a file failed
  6  no DICOM file in the input
  7  it works, but something needs attention

Research use only, not a medical device.";

impl Exit {
    /// The exit code of an error.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<ConfigErrors>() {
            Self::Config
        } else if error.is::<NotRunning>() {
            Self::Unreachable
        } else {
            Self::Failure
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
