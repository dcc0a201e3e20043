//! The CUDA C source of preprocessing and class activation map: one translation unit without headers.
//!
//! To be compiled for the device by the device's own NVRTC with [`OPTIONS`]; the result must not be shared between versions
//! of source, NVRTC or architecture.

/// The whole source: four files in the order in which they need each other.
pub const SOURCE: &str = concat!(
    include_str!("../kernels/common.cu"),
    include_str!("../kernels/crop.cu"),
    include_str!("../kernels/input.cu"),
    include_str!("../kernels/cam.cu"),
);

/// Options that NVRTC needs beside the architecture: a fused multiply-add would give other bits than the reference.
pub const OPTIONS: [&str; 2] = ["--fmad=false", "--std=c++14"];

/// Names of all kernels, as `extern "C"` entries of the compiled source.
pub const NAMES: [&str; 15] = [
    "reset",
    "survey",
    "grey_table",
    "keep_occupied",
    "keep_all",
    "cell_means",
    "keep_largest",
    "resize_taps",
    "resize",
    "contrast_limits",
    "write_input_float",
    "write_input_half",
    "cam_threshold",
    "cam_axes",
    "cam_surface",
];

/// Threads of most blocks.
pub const LANES: u32 = 512;
/// Columns that a block of `survey` reads, one for each thread.
pub(crate) const TILE_COLUMNS: u32 = 256;
/// Rows that a block of `survey` reads.
pub(crate) const STRIP_ROWS: u32 = 128;
/// Cells of the coarse grid of `cell_means` in a block.
pub(crate) const CELLS_A_BLOCK: u32 = 16;
/// Rows and columns of an image at most: a row of it fits a block's shared memory.
pub const SIDE_MAX: u32 = 8192;
/// Cells of a class activation map at most.
pub const CAM_CELLS_MAX: u32 = 4096;
/// Rows of the surface that a block of `cam_surface` writes.
pub(crate) const SURFACE_ROWS: u32 = 16;

/// What the first words of the state say, each an unsigned number of 32 bits.
pub(crate) mod state {
    /// Not 0 when all pixels have the same value after the window.
    pub const BLANK: usize = 2;
    /// Number of rows kept, and of columns.
    pub const KEPT: [usize; 2] = [3, 4];
    /// Top, left, rows and columns of the resized image in the input.
    pub const PLACED: [usize; 4] = [5, 6, 7, 8];
    /// Number of words.
    pub const WORDS: usize = 12;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value that the source gives `name`.
    fn defined(name: &str) -> u32 {
        let mut lines = SOURCE.lines().filter_map(|line| line.strip_prefix("#define "));
        let value = lines.find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with(' '))).unwrap();
        value.split_whitespace().next().unwrap().parse().unwrap()
    }

    #[test]
    fn launches_and_kernels_mean_the_same_sizes() {
        let pairs = [
            ("LANES", LANES),
            ("TILE_COLUMNS", TILE_COLUMNS),
            ("STRIP_ROWS", STRIP_ROWS),
            ("CELLS_A_BLOCK", CELLS_A_BLOCK),
            ("KEPT_COLUMNS_MAX", SIDE_MAX),
            ("CAM_CELLS_MAX", CAM_CELLS_MAX),
            ("SURFACE_ROWS", SURFACE_ROWS),
        ];
        for (name, value) in pairs {
            assert_eq!(defined(name), value, "{name}");
        }
        assert!((SIDE_MAX as usize).div_ceil(imaging::prepare::CELLS) <= defined("CELL_SIDE_MAX") as usize);
    }

    #[test]
    fn the_state_has_the_sources_words() {
        let list = SOURCE.split("enum {").nth(1).unwrap().split('}').next().unwrap();
        let words: Vec<&str> = list.split(',').map(str::trim).collect();
        let place = |name: &str| words.iter().position(|word| *word == name).unwrap();
        assert_eq!(place("BLANK"), state::BLANK);
        assert_eq!([place("KEPT_ROWS"), place("KEPT_COLUMNS")], state::KEPT);
        assert_eq!(["TOP", "LEFT", "PLACED_ROWS", "PLACED_COLUMNS"].map(place), state::PLACED);
        assert_eq!(place("STATE_WORDS"), state::WORDS);
    }

    #[test]
    fn every_kernel_has_its_name_in_the_list() {
        let found: Vec<&str> = SOURCE
            .lines()
            .filter_map(|line| line.strip_prefix("KERNEL("))
            .filter_map(|line| line.split_once(") ")?.1.split_once('('))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(found, NAMES);
    }

    #[test]
    fn the_source_needs_no_header_and_keeps_to_what_can_be_tested() {
        // A sequential interpreter knows none of these, and sums of floats by atomics have no order.
        for word in ["#include", "__shfl", "__ballot", "__syncwarp", "tex2D", "cooperative", "atomicAdd(float", "fma"] {
            let code = SOURCE.lines().filter(|line| !line.trim_start().starts_with("//"));
            assert!(!code.into_iter().any(|line| line.contains(word)), "{word}");
        }
    }
}
