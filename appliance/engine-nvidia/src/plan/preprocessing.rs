//! The launches from the samples to the network's input, in the order of the spec's steps.

use contract::PreprocessSpec;
use contract::preprocess::{AspectRule, ContrastRule, CropRule, ResizeFilter};
use imaging::DecodedHeader;

use super::{Argument, Buffer, Launch, Precision, Stage, arguments, is_inverted, padding};
use crate::kernels::{CELLS_A_BLOCK, LANES, STRIP_ROWS, TILE_COLUMNS, state};

/// The buffers that list what is kept, in the order in which the kernels take them.
const KEPT: [Buffer; 5] =
    [Buffer::State, Buffer::KeptRows, Buffer::KeptColumns, Buffer::PlaceOfRow, Buffer::PlaceOfColumn];

impl Stage {
    /// Adds a launch of `kernel` with blocks of `block` threads.
    pub(super) fn launch(&mut self, kernel: &'static str, grid: [u32; 2], block: [u32; 2], arguments: Vec<Argument>) {
        let [across, down] = grid;
        let [x, y] = block;
        self.launches.push(Launch { kernel, grid: [across, down, 1], block: [x, y, 1], arguments });
    }

    /// Adds buffers of `count` elements of `size` bytes.
    pub(super) fn buffers(&mut self, count: u32, size: usize, names: &[Buffer]) {
        self.buffers.extend(names.iter().map(|&name| (name, count as usize * size)));
    }
}

pub(super) fn stage(spec: &PreprocessSpec, header: &DecodedHeader, precision: Precision) -> Stage {
    let mut stage = Stage::default();
    survey(&mut stage, spec, header);
    crop(&mut stage, spec.crop, header);
    resize(&mut stage, spec, header);
    write(&mut stage, spec, precision);
    stage
}

/// Range of the samples, and the grey value of each.
fn survey(stage: &mut Stage, spec: &PreprocessSpec, header: &DecodedHeader) {
    let (rows, columns, entries) = (header.rows, header.columns, 1_u32 << header.bits_stored);
    let (padding_first, padding_end) = padding(header, spec.padding);
    stage.buffers(rows * columns, 2, &[Buffer::Image, Buffer::Copy]);
    stage.buffers(entries, 8, &[Buffer::Values]);
    stage.buffers(entries, 4, &[Buffer::Table]);
    stage.buffers(state::WORDS as u32, 4, &[Buffer::State]);
    stage.buffers(rows, 4, &[Buffer::RowLeast, Buffer::RowGreatest, Buffer::KeptRows, Buffer::PlaceOfRow]);
    stage.buffers(
        columns,
        4,
        &[Buffer::ColumnLeast, Buffer::ColumnGreatest, Buffer::KeptColumns, Buffer::PlaceOfColumn],
    );
    let lines =
        [Buffer::RowLeast, Buffer::RowGreatest, Buffer::ColumnLeast, Buffer::ColumnGreatest].map(Argument::from);
    let mut arguments = arguments![Buffer::State];
    arguments.extend(lines);
    arguments.extend(arguments![rows, columns]);
    stage.launch("reset", [rows.max(columns).div_ceil(LANES), 1], [LANES, 1], arguments);
    let by_line = spec.crop == CropRule::ZeroSum;
    let mut arguments =
        arguments![Buffer::Image, Buffer::Copy, rows, columns, padding_first, padding_end, by_line, Buffer::State];
    arguments.extend(lines);
    let grid = [columns.div_ceil(TILE_COLUMNS), rows.div_ceil(STRIP_ROWS)];
    stage.launch("survey", grid, [TILE_COLUMNS, 1], arguments);
    let inverted = is_inverted(header);
    let arguments =
        arguments![Buffer::Values, entries, padding_first, padding_end, inverted, Buffer::State, Buffer::Table];
    stage.launch("grey_table", [entries.div_ceil(LANES), 1], [LANES, 1], arguments);
}

/// The rows and columns that are kept.
fn crop(stage: &mut Stage, rule: CropRule, header: &DecodedHeader) {
    let (rows, columns) = (header.rows, header.columns);
    let with_kept = |mut arguments: Vec<Argument>| {
        arguments.extend(KEPT.map(Argument::from));
        arguments
    };
    match rule {
        CropRule::ZeroSum => {
            let lines = arguments![
                Buffer::Table,
                Buffer::RowLeast,
                Buffer::RowGreatest,
                Buffer::ColumnLeast,
                Buffer::ColumnGreatest,
                rows,
                columns
            ];
            stage.launch("keep_occupied", [2, 1], [LANES, 1], with_kept(lines));
        }
        CropRule::None => {
            let grid = [rows.max(columns).div_ceil(LANES), 1];
            stage.launch("keep_all", grid, [LANES, 1], with_kept(arguments![rows, columns]));
        }
        CropRule::LargestComponent => {
            let cell = rows.max(columns).div_ceil(imaging::prepare::CELLS as u32);
            let (grid_rows, grid_columns) = (rows.div_ceil(cell), columns.div_ceil(cell));
            stage.buffers(grid_rows * grid_columns, 4, &[Buffer::Means, Buffer::Labels, Buffer::OtherLabels]);
            let arguments = arguments![Buffer::Copy, Buffer::Table, rows, columns, cell, grid_columns, Buffer::Means];
            let grid = [grid_columns.div_ceil(CELLS_A_BLOCK), grid_rows];
            stage.launch("cell_means", grid, [CELLS_A_BLOCK, cell], arguments);
            let grid = arguments![
                Buffer::Means,
                grid_rows,
                grid_columns,
                cell,
                rows,
                columns,
                Buffer::Labels,
                Buffer::OtherLabels
            ];
            stage.launch("keep_largest", [1, 1], [LANES, 1], with_kept(grid));
        }
    }
}

/// The plane: which rows and columns go where, and then the pixels.
fn resize(stage: &mut Stage, spec: &PreprocessSpec, header: &DecodedHeader) {
    let input = spec.input;
    let [row_taps_max, column_taps_max] = taps_max(spec, header);
    stage.buffers(input.rows, 4, &[Buffer::RowFirst, Buffer::RowTaps]);
    stage.buffers(input.rows * row_taps_max, 4, &[Buffer::RowWeights]);
    stage.buffers(input.columns, 4, &[Buffer::ColumnFirst, Buffer::ColumnTaps]);
    stage.buffers(input.columns * column_taps_max, 4, &[Buffer::ColumnWeights]);
    stage.buffers(input.rows * input.columns, 4, &[Buffer::Plane]);
    let arguments = arguments![
        input.rows,
        input.columns,
        spec.aspect == AspectRule::KeepAndPad,
        spec.filter == ResizeFilter::Area,
        row_taps_max,
        column_taps_max,
        Buffer::State,
        Buffer::RowFirst,
        Buffer::RowTaps,
        Buffer::RowWeights,
        Buffer::ColumnFirst,
        Buffer::ColumnTaps,
        Buffer::ColumnWeights,
    ];
    stage.launch("resize_taps", [input.rows.max(input.columns).div_ceil(LANES), 2], [LANES, 1], arguments);
    let arguments = arguments![
        Buffer::Copy,
        Buffer::Table,
        header.columns,
        Buffer::State,
        Buffer::KeptRows,
        Buffer::KeptColumns,
        Buffer::RowFirst,
        Buffer::RowTaps,
        Buffer::RowWeights,
        row_taps_max,
        Buffer::ColumnFirst,
        Buffer::ColumnTaps,
        Buffer::ColumnWeights,
        column_taps_max,
        input.columns,
        Buffer::Plane,
    ];
    stage.launch("resize", [input.rows, 1], [LANES, 1], arguments);
}

/// The most rows, and columns, of the image that one of the input takes.
fn taps_max(spec: &PreprocessSpec, header: &DecodedHeader) -> [u32; 2] {
    let sides = [(header.rows, spec.input.rows), (header.columns, spec.input.columns)];
    if spec.filter == ResizeFilter::Bilinear {
        return [2; 2];
    }
    let taps = sides.map(|(side, outputs)| side.div_ceil(outputs) + 2);
    if spec.aspect == AspectRule::Stretch {
        return taps;
    }
    // One scale for both axes, and placed sides are rounded, to not less than 1.
    let most = 2 * taps[0].max(taps[1]);
    sides.map(|(side, _)| most.min(side + 2))
}

/// Contrast, and the three channels.
fn write(stage: &mut Stage, spec: &PreprocessSpec, precision: Precision) {
    let pixels = spec.input.rows * spec.input.columns;
    if spec.contrast == ContrastRule::Breast {
        stage.launch("contrast_limits", [1, 1], [LANES, 1], arguments![Buffer::Plane, pixels, Buffer::State]);
    }
    let (kernel, size) = match precision {
        Precision::Half => ("write_input_half", 2),
        Precision::Single => ("write_input_float", 4),
    };
    stage.buffers(pixels * 3, size, &[Buffer::Input]);
    let channels = spec.normalisation.mean_and_deviation();
    let mut arguments = arguments![Buffer::Plane, pixels, Buffer::State];
    arguments.extend(channels.map(|(mean, _)| Argument::Real(mean)));
    arguments.extend(channels.map(|(_, deviation)| Argument::Real(deviation)));
    arguments.push(Buffer::Input.into());
    stage.launch(kernel, [pixels.div_ceil(LANES), 3], [LANES, 1], arguments);
}
