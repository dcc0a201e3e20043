//! The launches from the class activation map to its surface over the image.

use contract::geometry::Extent;

use super::{Buffer, Plan, Stage, Unsupported, arguments};
use crate::kernels::{CAM_CELLS_MAX, LANES, SIDE_MAX, SURFACE_ROWS};

impl Plan {
    /// Plans what makes a surface of `surface` pixels, the original's size or a reduced one, of the network's `map`: 0 up to
    /// the map's mean plus one standard deviation and where the network saw nothing, 1 at most. It runs after the plan's own
    /// stage, on the buffers that it left.
    ///
    /// # Errors
    /// [`Unsupported::Map`].
    pub fn surface(&self, map: Extent, surface: Extent) -> Result<Stage, Unsupported> {
        let cells = u64::from(map.rows) * u64::from(map.columns);
        let is_side = |side: u32| (1..=SIDE_MAX).contains(&side);
        if !(1..=u64::from(CAM_CELLS_MAX)).contains(&cells) || !is_side(surface.rows) || !is_side(surface.columns) {
            return Err(Unsupported::Map { map: cells, rows: surface.rows, columns: surface.columns });
        }
        let mut stage = Stage::default();
        let cells = cells as u32;
        stage.buffers(cells, 4, &[Buffer::Map, Buffer::Cells]);
        stage.buffers(surface.rows, 4, &[Buffer::SurfaceRowCell]);
        stage.buffers(surface.rows * 4, 4, &[Buffer::SurfaceRowWeights]);
        stage.buffers(surface.columns, 4, &[Buffer::SurfaceColumnCell]);
        stage.buffers(surface.columns * 4, 4, &[Buffer::SurfaceColumnWeights]);
        stage.buffers(surface.rows * surface.columns, 4, &[Buffer::Surface]);
        stage.launch("cam_threshold", [1, 1], [1, 1], arguments![Buffer::Map, cells, Buffer::Cells]);
        let arguments = arguments![
            self.rows,
            self.columns,
            surface.rows,
            surface.columns,
            self.input.rows,
            self.input.columns,
            map.rows,
            map.columns,
            Buffer::State,
            Buffer::PlaceOfRow,
            Buffer::PlaceOfColumn,
            Buffer::SurfaceRowCell,
            Buffer::SurfaceRowWeights,
            Buffer::SurfaceColumnCell,
            Buffer::SurfaceColumnWeights,
        ];
        let across = surface.rows.max(surface.columns).div_ceil(LANES);
        stage.launch("cam_axes", [across, 2], [LANES, 1], arguments);
        let arguments = arguments![
            Buffer::Cells,
            map.rows,
            map.columns,
            surface.rows,
            surface.columns,
            Buffer::SurfaceRowCell,
            Buffer::SurfaceRowWeights,
            Buffer::SurfaceColumnCell,
            Buffer::SurfaceColumnWeights,
            Buffer::Surface,
        ];
        let grid = [surface.columns.div_ceil(LANES), surface.rows.div_ceil(SURFACE_ROWS)];
        stage.launch("cam_surface", grid, [LANES, 1], arguments);
        Ok(stage)
    }
}
