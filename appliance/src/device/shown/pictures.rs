//! Pictures of scored images: both halves of the heat map that was drawn when it was scored.

use std::fs::File;
use std::io::Read as _;

use console::{Fault, Id, PNG_BYTES_MAX};
use domain::InstanceOutcome;
use drawing::Picture;
use inference::heatmap::{GAP_COLUMNS, extent};

use super::{Shown, image_id, studies};

/// The largest heat map that is read, in bytes.
const HEAT_MAP_BYTES_MAX: u64 = 64 << 20;

/// Which half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The image alone.
    Plain,
    /// With the map over it.
    HeatMap,
}

/// One half as PNG.
pub fn draw(shown: &Shown, study: &Id, image: &Id, side: Side) -> Result<Vec<u8>, Fault> {
    let (_, record) = studies::find(shown, study)?;
    let instance = record.instances.iter().find(|instance| image_id(instance.key()).as_ref() == Some(image));
    let instance = instance.ok_or(Fault::NotFound)?;
    let Some(InstanceOutcome::Scored(finding)) = &instance.outcome else { return Err(Fault::NotFound) };
    let path = shown.state().heatmap_of(&instance.received.spool.name);
    let mut bytes = Vec::new();
    // Removed after the time of retention.
    let file = File::open(path).map_err(|_| Fault::NotFound)?;
    file.take(HEAT_MAP_BYTES_MAX).read_to_end(&mut bytes).map_err(|_| damaged())?;
    let both = Picture::from_png(&bytes).map_err(|_| damaged())?;
    let size = extent(finding.geometry.original);
    let left = match side {
        Side::Plain => 0,
        Side::HeatMap => size.columns + GAP_COLUMNS,
    };
    let half = both.part((left, 0), (size.columns, size.rows)).ok_or_else(damaged)?;
    let png = half.to_png(results::NOTICE).map_err(|_| damaged())?;
    if png.len() > PNG_BYTES_MAX { Err(damaged()) } else { Ok(png) }
}

fn damaged() -> Fault {
    Fault::Broken(
        "this picture's file is damaged or too large; the results that were sent are not touched by that".into(),
    )
}
