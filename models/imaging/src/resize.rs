//! Crop and resize in one go, straight from samples through the grey table into the input.

use contract::Geometry;
use contract::geometry::{Rectangle, Runs};
use contract::preprocess::ResizeFilter;

use crate::image::DecodedImage;

/// The input as one plane, `rows × columns`, 0 outside the placed image.
pub(crate) fn resize(image: &DecodedImage, table: &[f32], geometry: &Geometry, filter: ResizeFilter) -> Vec<f32> {
    let placed = geometry.placed;
    let rows = taps(&geometry.kept_rows, placed.rows, filter);
    let columns = taps(&geometry.kept_columns, placed.columns, filter);
    let mut plane = vec![0_f32; geometry.input.rows as usize * geometry.input.columns as usize];
    let width = geometry.input.columns as usize;
    let Rectangle { top, left, .. } = placed;
    let mut mixed = vec![0_f32; image.header().columns as usize];
    let kept: Vec<u32> = geometry.kept_columns.iter().collect();
    for (y, row_taps) in rows.iter().enumerate() {
        mix_rows(image, table, row_taps, &kept, &mut mixed);
        let start = (top as usize + y) * width + left as usize;
        for (value, taps) in plane[start..].iter_mut().zip(&columns) {
            *value = taps.iter().map(|tap| mixed[tap.index] * tap.weight).sum();
        }
    }
    plane
}

/// One source row or column, and its share.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tap {
    index: usize,
    weight: f32,
}

/// For each of `count` output rows (or columns): which source rows it takes, and how much of each.
fn taps(kept: &Runs, count: u32, filter: ResizeFilter) -> Vec<Vec<Tap>> {
    let kept: Vec<u32> = kept.iter().collect();
    let scale = kept.len() as f64 / f64::from(count);
    let tap = |position: usize, weight: f64| Tap { index: kept[position] as usize, weight: weight as f32 };
    let last = kept.len() - 1;
    (0..count)
        .map(|output| {
            if filter == ResizeFilter::Area && scale > 1.0 {
                let (from, to) = (f64::from(output) * scale, f64::from(output + 1) * scale);
                let covered = |position: usize| (to.min(position as f64 + 1.0) - from.max(position as f64)) / scale;
                let positions = from as usize..=(to.ceil() as usize - 1).min(last);
                return positions.map(|position| tap(position, covered(position))).collect();
            }
            let center = ((f64::from(output) + 0.5) * scale - 0.5).clamp(0.0, last as f64);
            let (low, part) = (center as usize, center.fract());
            if part == 0.0 { vec![tap(low, 1.0)] } else { vec![tap(low, 1.0 - part), tap(low + 1, part)] }
        })
        .collect()
}

/// The weighted sum of some rows, at the kept columns.
fn mix_rows(image: &DecodedImage, table: &[f32], taps: &[Tap], kept: &[u32], mixed: &mut [f32]) {
    let width = image.header().columns as usize;
    mixed.fill(0.0);
    let whole_row = kept.len() == width;
    for tap in taps {
        let row = &image.samples()[tap.index * width..(tap.index + 1) * width];
        if whole_row {
            mixed.iter_mut().zip(row).for_each(|(sum, &sample)| *sum += table[usize::from(sample)] * tap.weight);
        } else {
            for &column in kept {
                mixed[column as usize] += table[usize::from(row[column as usize])] * tap.weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bilinear_taps_have_half_pixel_centres() {
        let taps = taps(&Runs::all(4), 2, ResizeFilter::Bilinear);
        let tap = |index, weight| Tap { index, weight };
        assert_eq!(taps, [vec![tap(0, 0.5), tap(1, 0.5)], vec![tap(2, 0.5), tap(3, 0.5)]]);
    }

    #[test]
    fn area_taps_cover_everything_once() {
        for (source, count) in [(7, 3), (1000, 37), (5, 5)] {
            let taps = taps(&Runs::all(source), count, ResizeFilter::Area);
            let mut shares = vec![0.0; source as usize];
            for output in &taps {
                assert!((output.iter().map(|tap| tap.weight).sum::<f32>() - 1.0).abs() < 1e-5);
                output.iter().for_each(|tap| shares[tap.index] += f64::from(tap.weight));
            }
            let share = f64::from(count) / f64::from(source);
            assert!(shares.iter().all(|found| (found - share).abs() < 1e-5), "{source} to {count}");
        }
    }

    #[test]
    fn enlarging_by_area_is_bilinear() {
        assert_eq!(taps(&Runs::all(3), 9, ResizeFilter::Area), taps(&Runs::all(3), 9, ResizeFilter::Bilinear));
    }
}
