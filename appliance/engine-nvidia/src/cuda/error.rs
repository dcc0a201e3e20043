//! What may fail in the driver.

use std::time::Duration;

use cudarc::driver::DriverError;
use thiserror::Error;

/// Why the device did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CudaFault {
    /// There is no driver, or it lacks a function.
    #[error("the NVIDIA driver cannot be used: {0}")]
    Driver(String),
    /// The driver refused.
    #[error("CUDA failed to {what} (error {code}{hint})", hint = hint(*code))]
    Failed {
        /// What it was to do.
        what: &'static str,
        /// `CUresult`.
        code: u32,
    },
    /// No answer in time.
    #[error("the GPU did not answer for {0:?}")]
    Silent(Duration),
    /// It did not record what it was told to record.
    #[error("CUDA recorded no graph")]
    NoGraph,
}

/// `CUresult` after which nothing works in this process any more, or the device is not there any more: errors that stay
/// with the context, by `cuda.h` ("the only way to continue is to end the process"), and those of a device that is away.
const LOST: [u32; 19] = [3, 4, 46, 100, 101, 201, 214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999];

/// Words for what a technician can do something about.
const fn hint(code: u32) -> &'static str {
    match code {
        2 => ", out of memory",
        200 | 209 | 222 => ", kernels of another version",
        702 => ", took too long",
        719 | 700 => ", a kernel failed",
        _ => "",
    }
}

impl CudaFault {
    /// From the driver's answer to a call that was to do `what`.
    pub(crate) fn of(what: &'static str) -> impl FnOnce(DriverError) -> Self {
        // The number and not the name: newer drivers have errors that cudarc's list does not name.
        move |error| Self::Failed { what, code: error.0 as u32 }
    }

    /// Whether the device is lost to this process.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Failed { code, .. } => LOST.contains(code),
            Self::Silent(_) => true,
            Self::Driver(_) | Self::NoGraph => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_broken_is_lost_and_what_can_be_tried_again_is_not() {
        let failed = |code| CudaFault::Failed { what: "launch a kernel", code };
        assert!(failed(719).is_lost());
        assert!(failed(214).is_lost(), "memory errors");
        assert!(!failed(2).is_lost(), "out of memory");
        assert!(!failed(701).is_lost(), "a launch of too many threads");
        assert!(CudaFault::Silent(Duration::from_secs(10)).is_lost());
    }

    #[test]
    fn errors_are_lines_of_words() {
        let text = CudaFault::Failed { what: "take memory", code: 2 }.to_string();
        assert_eq!(text, "CUDA failed to take memory (error 2, out of memory)");
        assert_eq!(CudaFault::Silent(Duration::from_secs(10)).to_string(), "the GPU did not answer for 10s");
    }
}
