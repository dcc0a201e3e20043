//! TensorRT's version numbers.

use std::fmt;

/// The majors that there is a shim for, newest first: JetPack 7, 6 and 5.
pub(super) const MAJORS: [u32; 3] = [11, 10, 8];

/// A version of TensorRT, of a library or of the headers that a shim was built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major: the vtables are stable within it.
    pub major: u32,
    /// Minor.
    pub minor: u32,
    /// Patch.
    pub patch: u32,
    /// Build; libraries of major 8 do not tell it, and headers are not asked.
    pub build: Option<u32>,
}

impl Version {
    /// From `getInferLibVersion`, which has two digits for the major up to 8 and from 10 on another scale: 8502 is 8.5.2,
    /// 100300 is 10.3.0.
    pub(super) fn of_library(number: i32, build: Option<i32>) -> Option<Self> {
        let number = u32::try_from(number).ok().filter(|&number| number >= 1_000)?;
        let scale = if number < 10_000 { 1_000 } else { 10_000 };
        let rest = number % scale;
        let build = build.and_then(|build| u32::try_from(build).ok());
        Some(Self { major: number / scale, minor: rest / 100, patch: rest % 100, build })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        self.build.map_or(Ok(()), |build| write!(formatter, ".{build}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_scales_are_read() {
        let text = |number, build| Version::of_library(number, build).map(|version| version.to_string());
        assert_eq!(text(8_502, None).as_deref(), Some("8.5.2"));
        assert_eq!(text(8_601, Some(6)).as_deref(), Some("8.6.1.6"));
        assert_eq!(text(100_300, Some(26)).as_deref(), Some("10.3.0.26"));
        assert_eq!(text(101_303, None).as_deref(), Some("10.13.3"));
        assert_eq!(text(110_400, Some(106)).as_deref(), Some("11.4.0.106"));
    }

    #[test]
    fn numbers_that_are_none_are_none() {
        for number in [i32::MIN, -1, 0, 999] {
            assert_eq!(Version::of_library(number, None), None, "{number}");
        }
        assert_eq!(Version::of_library(110_400, Some(-1)).and_then(|version| version.build), None);
    }
}
