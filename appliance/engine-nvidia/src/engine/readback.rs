//! What comes back from the device: where each thing lies in pinned memory, and reading it.

use std::ops::Range;

use contract::geometry::Extent;
use domain::findings::Cam;
use inference::NetworkOutputs;
use inference::cam::CamSurface;

use crate::cuda::Pinned;
use crate::kernels::{SIDE_MAX, state};
use crate::plan::Words;

const WORD: usize = 4;

/// Bytes of the state's words.
pub(super) const STATE_BYTES: usize = state::WORDS * WORD;
/// Bytes of a list of kept rows or columns, of the largest image.
const LIST_BYTES: usize = SIDE_MAX as usize * WORD;

/// Where things lie, in bytes.
pub(super) const STATE: usize = 0;
pub(super) const KEPT_ROWS: usize = STATE + STATE_BYTES;
pub(super) const KEPT_COLUMNS: usize = KEPT_ROWS + LIST_BYTES;
pub(super) const PROBABILITY: usize = KEPT_COLUMNS + LIST_BYTES;
pub(super) const LOGIT: usize = PROBABILITY + WORD;
pub(super) const MAP: usize = LOGIT + WORD;

/// Where the map over the image begins.
pub(super) const fn surface(cam: Extent) -> usize {
    MAP + map_bytes(cam)
}

/// Bytes of everything, with a map of `cam` and one over the image of `surface`.
pub(super) const fn length(cam: Extent, surface: Extent) -> usize {
    self::surface(cam) + map_bytes(surface)
}

/// Bytes of a map.
pub(super) const fn map_bytes(cam: Extent) -> usize {
    cam.rows as usize * cam.columns as usize * WORD
}

/// Words of an image's lists and state.
pub(super) struct Lists {
    state: Vec<u32>,
    kept_rows: Vec<u32>,
    kept_columns: Vec<u32>,
}

impl Lists {
    /// Of an image of `rows` × `columns`.
    pub(super) fn read(pinned: &Pinned, rows: u32, columns: u32) -> Self {
        let list = |start: usize, count: u32| words(pinned, start..start + count as usize * WORD);
        Self {
            state: list(STATE, state::WORDS as u32),
            kept_rows: list(KEPT_ROWS, rows),
            kept_columns: list(KEPT_COLUMNS, columns),
        }
    }

    pub(super) fn words(&self) -> Words<'_> {
        Words { state: &self.state, kept_rows: &self.kept_rows, kept_columns: &self.kept_columns }
    }
}

/// The network's answer.
pub(super) fn outputs(pinned: &Pinned, cam: Extent) -> NetworkOutputs {
    let floats = |range: Range<usize>| words(pinned, range).into_iter().map(f32::from_bits);
    let one = |start: usize| floats(start..start + WORD).next().unwrap_or(f32::NAN);
    let values = floats(MAP..MAP + map_bytes(cam)).collect();
    NetworkOutputs { probability: one(PROBABILITY), logit: one(LOGIT), cam: Cam { extent: cam, values } }
}

/// The map over the image.
pub(super) fn surface_values(pinned: &Pinned, cam: Extent, extent: Extent) -> CamSurface {
    let start = surface(cam);
    let values = words(pinned, start..start + map_bytes(extent)).into_iter().map(f32::from_bits).collect();
    CamSurface { extent, values }
}

/// The 32-bit words of a range; none where it is not there.
fn words(pinned: &Pinned, range: Range<usize>) -> Vec<u32> {
    let bytes = pinned.bytes().get(range).unwrap_or_default();
    bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
}
