use proptest::prelude::*;

use super::*;
use crate::geometry::{Rectangle, Runs};

const GRID: Extent = Extent { rows: 6, columns: 5 };
const INPUT: Extent = Extent { rows: 96, columns: 80 };
const WHOLE: Rectangle = Rectangle { top: 0, left: 0, rows: 96, columns: 80 };

fn geometry(rows: &[bool], columns: &[bool], placed: Rectangle) -> Geometry {
    Geometry {
        original: Extent { rows: rows.len() as u32, columns: columns.len() as u32 },
        kept_rows: Runs::from_flags(rows),
        kept_columns: Runs::from_flags(columns),
        input: INPUT,
        placed,
    }
}

fn plain(rows: u32, columns: u32) -> Geometry {
    geometry(&vec![true; rows as usize], &vec![true; columns as usize], WHOLE)
}

fn spot(cells: &[(usize, f32)]) -> Vec<f32> {
    let mut values = vec![0.0; 30];
    for &(cell, value) in cells {
        values[cell] = value;
    }
    values
}

#[test]
fn nothing_stands_out_of_a_constant_map_and_nothing_has_no_hot_spot() {
    let hot_spot = HotSpot::of(&[1.0; 30], GRID, &plain(60, 50), None).unwrap();
    assert!(hot_spot.rings.is_empty() && hot_spot.main().is_none());
    assert_eq!(HotSpot::of(&[], Extent { rows: 0, columns: 0 }, &plain(60, 50), None), None);
    assert_eq!(HotSpot::of(&[1.0; 29], GRID, &plain(60, 50), None), None, "not as large as its grid");
    assert_eq!(HotSpot::of(&[1.0; 30], GRID, &geometry(&[false; 9], &[true; 9], WHOLE), None), None);
    let nan = HotSpot::of(&[f32::NAN; 30], GRID, &plain(60, 50), None).unwrap();
    assert!(nan.rings.is_empty());
}

#[test]
fn a_single_cell_is_outlined_by_a_diamond_around_its_middle() {
    // Mean 1/3, deviation 1.795: the threshold is 2.129, so the line runs at 1 - 0.2129 of the way to the next middle.
    let hot_spot = HotSpot::of(&spot(&[(12, 10.0)]), GRID, &plain(60, 50), None).unwrap();
    assert_eq!(hot_spot.center, Point { x: 25.0, y: 25.0 });
    let [ring] = &hot_spot.rings[..] else { panic!("one ring") };
    let reach = ring.points().iter().map(|point| (point.x - 25.0).abs() + (point.y - 25.0).abs());
    assert!(reach.clone().all(|reach| (reach - 7.871).abs() < 0.01), "{:?}", reach.collect::<Vec<_>>());
    assert_eq!(ring.points().len(), 5);
    assert_eq!(ring.points().first(), ring.points().last());
    assert!((ring.area() - 2.0 * 7.871 * 7.871).abs() < 0.5);
}

#[test]
fn the_line_closes_along_the_border_of_the_image() {
    let hot_spot = HotSpot::of(&spot(&[(0, 10.0)]), GRID, &plain(60, 50), None).unwrap();
    let ring = hot_spot.main().unwrap();
    assert!(ring.points().contains(&Point { x: 0.0, y: 0.0 }), "{ring:?}");
    assert!(ring.contains(Point { x: 0.1, y: 0.1 }) && !ring.contains(Point { x: 25.0, y: 25.0 }));
}

#[test]
fn a_ring_around_a_hole_and_an_island_in_it() {
    let grid = Extent { rows: 7, columns: 7 };
    // A frame with a strong cell in the middle: three lines, and the middle belongs to the innermost.
    let value = |row: usize, column: usize| match (row.abs_diff(3)).max(column.abs_diff(3)) {
        0 => 3.0,
        2 => 2.0,
        _ => -9.0,
    };
    let values: Vec<f32> = (0..49).map(|cell| value(cell / 7, cell % 7)).collect();
    let hot_spot = HotSpot::of(&values, grid, &plain(70, 70), None).unwrap();
    assert_eq!((hot_spot.rings.len(), hot_spot.center), (3, Point { x: 35.0, y: 35.0 }));
    let main = hot_spot.main().unwrap();
    assert!(hot_spot.rings.iter().all(|ring| ring.area() >= main.area()) && main.contains(hot_spot.center));
}

#[test]
fn a_hot_spot_in_padding_is_cut_off() {
    let placed = Rectangle { top: 0, left: 0, rows: 96, columns: 40 };
    let geometry = geometry(&[true; 60], &[true; 25], placed);
    let hot_spot = HotSpot::of(&spot(&[(14, 10.0)]), GRID, &geometry, None).unwrap();
    assert!(hot_spot.rings.is_empty(), "only padding is hot");
    assert!((0.0..=25.0).contains(&hot_spot.center.x));
}

#[test]
fn a_line_without_end_is_thinned() {
    let points = (0..100_000).map(|index| Point { x: f64::from(index), y: f64::from(index % 7) }).collect();
    let ring = Ring::of(points).unwrap();
    assert!(ring.points().len() <= POINTS_MAX && ring.points().first() == ring.points().last());
}

fn flags() -> impl Strategy<Value = Vec<bool>> {
    proptest::collection::vec(any::<bool>(), 1..120).prop_filter("one is kept", |flags| flags.contains(&true))
}

proptest! {
    /// The oracle: a cell's middle is enclosed exactly when its value is above the threshold.
    #[test]
    fn what_is_above_the_threshold_is_enclosed_and_nothing_else(
        rows in flags(), columns in flags(), values in proptest::collection::vec(-3.0_f32..3.0, 30),
        top in 0_u32..40, left in 0_u32..30,
    ) {
        let placed = Rectangle { top, left, rows: 96 - 2 * top, columns: 80 - 2 * left };
        let geometry = geometry(&rows, &columns, placed);
        let hot_spot = HotSpot::of(&values, GRID, &geometry, None).unwrap();
        let (height, width) = (rows.len() as f64, columns.len() as f64);
        for ring in &hot_spot.rings {
            prop_assert_eq!(ring.points().first(), ring.points().last());
            prop_assert!(ring.points().len() >= 4);
            let is_in = |p: &Point| (0.0..=width).contains(&p.x) && (0.0..=height).contains(&p.y);
            prop_assert!(ring.points().iter().all(is_in), "outside the image: {:?}", ring);
        }
        let threshold = cam::threshold(&values);
        for (cell, &value) in values.iter().enumerate() {
            let middle = Point { x: (cell % 5) as f64 + 0.5, y: (cell / 5) as f64 + 0.5 };
            let Some(place) = geometry.original_of_grid(GRID, middle) else { continue };
            let in_input = Point { x: middle.x * 16.0, y: middle.y * 16.0 };
            let border = [in_input.x - f64::from(left), in_input.y - f64::from(top)];
            if border.iter().any(|distance| distance.abs() < 1e-6) {
                continue;
            }
            let enclosing = hot_spot.rings.iter().filter(|ring| ring.contains(place)).count();
            prop_assert_eq!(enclosing % 2 == 1, value > threshold, "cell {} at {:?}", cell, place);
        }
    }

    #[test]
    fn the_main_line_goes_around_the_peak(
        rows in flags(), columns in flags(), strongest in 0_usize..30,
        values in proptest::collection::vec(-1.0_f32..1.0, 30),
    ) {
        let mut values = values;
        values[strongest] = 9.0;
        let geometry = geometry(&rows, &columns, WHOLE);
        let middle = Point { x: (strongest % 5) as f64 + 0.5, y: (strongest / 5) as f64 + 0.5 };
        let peak = geometry.original_of_grid(GRID, middle);
        let hot_spot = HotSpot::of(&values, GRID, &geometry, peak).unwrap();
        prop_assert_eq!(Some(hot_spot.center), peak);
        prop_assert!(hot_spot.main().unwrap().contains(hot_spot.center));
        prop_assert_eq!(HotSpot::of(&values, GRID, &geometry, None).unwrap(), hot_spot);
    }
}
