//! Values at the nodes of an even grid, read between them.

use crate::noise::mix_values;

/// Values over a picture at every `pitch` mm, the first node at the corner (0, 0).
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pitch_mm: f32,
    columns: usize,
    values: Vec<f32>,
}

impl Grid {
    /// A grid that covers `width_mm` by `height_mm`; `fill_row` gets each row's `v` in mm and sets its nodes' values.
    pub(crate) fn of(width_mm: f32, height_mm: f32, pitch_mm: f32, mut fill_row: impl FnMut(f32, &mut [f32])) -> Self {
        let nodes = |side: f32| (side / pitch_mm).ceil() as usize + 2;
        let (rows, columns) = (nodes(height_mm), nodes(width_mm));
        let mut values = vec![0.0; rows * columns];
        for (row, line) in values.chunks_exact_mut(columns).enumerate() {
            fill_row(row as f32 * pitch_mm, line);
        }
        Self { pitch_mm, columns, values }
    }

    /// Fills `line` with the values at height `v` and at `first + index * step` mm across, linear between the nodes.
    /// `nodes` is memory to be used again from row to row.
    pub(crate) fn read_row(&self, v: f32, first: f32, step: f32, nodes: &mut Vec<f32>, line: &mut [f32]) {
        let at = v / self.pitch_mm;
        let row = (at as usize).min(self.values.len() / self.columns - 2);
        let down = at - row as f32;
        let (upper, lower) = self.values[row * self.columns..][..2 * self.columns].split_at(self.columns);
        nodes.clear();
        nodes.extend(upper.iter().zip(lower).map(|(&upper, &lower)| mix_values(upper, lower, down)));
        let (first, step) = (first / self.pitch_mm, step / self.pitch_mm);
        for (index, value) in line.iter_mut().enumerate() {
            let at = first + index as f32 * step;
            let column = (at as usize).min(self.columns - 2);
            *value = mix_values(nodes[column], nodes[column + 1], at - column as f32);
        }
    }
}
