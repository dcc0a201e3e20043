//! A machine's answer held against the reference on the CPU.

use contract::geometry::{Extent, Point};
use contract::{Geometry, PreprocessSpec};
use domain::findings::Cam;
use engine_nvidia::plan::{Buffer, OutcomeError, Precision, Words, plan};
use half::f16;
use imaging::{DecodedImage, prepare};
use inference::cam::Surface;

use crate::machine::{Job, Machine, words};

/// An image, what to do with it, and the map that the network answers with.
#[derive(Clone, Debug)]
pub struct Case {
    pub image: DecodedImage,
    pub spec: PreprocessSpec,
    pub precision: Precision,
    pub map: Cam,
    pub surface: Extent,
}

/// Whether `machine` gives the reference's tensor, geometry and surface of the map, or refuses the image as it does. All of
/// it bit for bit, 16-bit numbers included: rounding to nearest is one function on both sides.
pub fn check(machine: &dyn Machine, case: &Case) -> Result<(), String> {
    let Case { image, spec, precision, map, surface } = case;
    let plan = plan(spec, image.header(), *precision).map_err(|error| error.to_string())?;
    let mut job = Job::of(&plan, image);
    job.add(&plan.surface(map.extent, *surface).map_err(|error| error.to_string())?);
    job.fill(Buffer::Map, map.values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let buffers = machine.run(&job)?;
    let of = |name: Buffer| buffers[job.place(name)].as_slice();
    let (state, kept_rows, kept_columns) =
        (words(of(Buffer::State)), words(of(Buffer::KeptRows)), words(of(Buffer::KeptColumns)));
    let found = plan.geometry(&Words { state: &state, kept_rows: &kept_rows, kept_columns: &kept_columns });
    let expected = match prepare(image, spec) {
        Ok(expected) => expected,
        Err(error) if found == Err(OutcomeError::Prepare(error)) => return Ok(()),
        Err(error) => return Err(format!("geometry is {found:?} where the reference says: {error}")),
    };
    let found = found.map_err(|error| error.to_string())?;
    if found != expected.geometry {
        return Err(format!("geometry is {found:?}, not {:?}", expected.geometry));
    }
    let tensor: Vec<u8> = match precision {
        Precision::Half => expected.tensor.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        Precision::Single => expected.tensor.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    same("tensor", of(Buffer::Input), &tensor)?;
    let expected = surface_of(map, &found, *surface);
    same("surface", of(Buffer::Surface), &expected.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// As `inference::heatmap` draws it.
fn surface_of(map: &Cam, geometry: &Geometry, extent: Extent) -> Vec<f32> {
    let surface = Surface::new(map);
    let middle =
        |index: u32, original: u32, side: u32| (f64::from(index) + 0.5) * f64::from(original) / f64::from(side);
    let mut values = Vec::new();
    for y in 0..extent.rows {
        for x in 0..extent.columns {
            let point = Point {
                x: middle(x, geometry.original.columns, extent.columns),
                y: middle(y, geometry.original.rows, extent.rows),
            };
            values.push(geometry.grid_of_original(map.extent, point).map_or(0.0, |point| surface.at(point)));
        }
    }
    values
}

fn same(what: &str, found: &[u8], expected: &[u8]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what} has {} bytes, not {}", found.len(), expected.len()));
    }
    let differing = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(at) => {
            let word = |bytes: &[u8]| bytes[at / 4 * 4..].iter().take(4).copied().collect::<Vec<u8>>();
            let (found, expected) = (word(found), word(expected));
            Err(format!("{what} differs in {differing} bytes, first at {at}: {found:02x?}, not {expected:02x?}"))
        }
    }
}
