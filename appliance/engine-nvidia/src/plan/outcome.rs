//! What comes back from the device, and what it says about the image.

use contract::Geometry;
use contract::geometry::{Extent, Rectangle, Runs};
use imaging::PrepareError;
use thiserror::Error;

use super::Plan;
use crate::kernels::state;

/// What the host reads after the plan's stage, each as 32-bit words.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// `Buffer::State`.
    pub state: &'a [u32],
    /// `Buffer::KeptRows`.
    pub kept_rows: &'a [u32],
    /// `Buffer::KeptColumns`.
    pub kept_columns: &'a [u32],
}

/// Why there is no geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OutcomeError {
    /// The image has no input; what is in the input's buffer means nothing.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// What came back cannot be what the kernels wrote: the device or its memory is at fault.
    #[error("the device answered with rows or columns that the image does not have")]
    Inconsistent,
}

impl Plan {
    /// How the input lies over the original image, as `imaging::prepare` says it.
    ///
    /// # Errors
    /// [`OutcomeError`].
    pub fn geometry(&self, words: &Words<'_>) -> Result<Geometry, OutcomeError> {
        if words.state.len() < state::WORDS {
            return Err(OutcomeError::Inconsistent);
        }
        if words.state[state::BLANK] != 0 {
            return Err(PrepareError::Blank.into());
        }
        let [rows, columns] = state::KEPT.map(|word| words.state[word]);
        let kept_rows = runs(words.kept_rows, rows, self.rows)?;
        let kept_columns = runs(words.kept_columns, columns, self.columns)?;
        if rows == 0 || columns == 0 {
            return Err(PrepareError::Blank.into());
        }
        let [top, left, rows, columns] = state::PLACED.map(|word| words.state[word]);
        let fits =
            |start: u32, length: u32, side: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= side);
        if !fits(top, rows, self.input.rows) || !fits(left, columns, self.input.columns) {
            return Err(OutcomeError::Inconsistent);
        }
        Ok(Geometry {
            original: Extent { rows: self.rows, columns: self.columns },
            kept_rows,
            kept_columns,
            input: Extent { rows: self.input.rows, columns: self.input.columns },
            placed: Rectangle { top, left, rows, columns },
        })
    }
}

/// The first `count` of `list`, which rise and lie below `side`, as runs.
fn runs(list: &[u32], count: u32, side: u32) -> Result<Runs, OutcomeError> {
    let list = list.get(..count as usize).ok_or(OutcomeError::Inconsistent)?;
    if !list.is_sorted_by(|one, next| one < next) || list.last().is_some_and(|&last| last >= side) {
        return Err(OutcomeError::Inconsistent);
    }
    let mut flags = vec![false; side as usize];
    list.iter().for_each(|&index| flags[index as usize] = true);
    Ok(Runs::from_flags(&flags))
}
