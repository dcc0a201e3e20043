//! The exam as files: what a receiver, the eligibility rules and a reader get.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Cursor, Write};
use std::path::Path;

use contract::geometry::Rectangle;
use contract::{Digest, transfer_syntax};
use dataset::ScanLimits;
use domain::{Eligibility, EligibilityPolicy, Laterality, View, eligibility};
use phantom::{Exam, PhantomError, PhantomImage, Size};

/// The four files of seed 1 in small, one after the other.
const SMALL_1: &str = "688c5eceba43ce6546cbfd32da9814d0a81ceed4d246b314cb6d8d52e9e7c9c3";

fn part_10(image: &PhantomImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write_to(&mut bytes).unwrap();
    bytes
}

fn all_bytes(exam: &Exam) -> Vec<u8> {
    exam.images.iter().flat_map(part_10).collect()
}

/// Pixels in rows, read from the end of the file: Pixel Data is the last element.
struct Pixels {
    values: Vec<u16>,
    columns: usize,
}

impl Pixels {
    fn of(image: &PhantomImage, size: Size) -> Self {
        let (rows, columns) = (size.extent().rows as usize, size.extent().columns as usize);
        let bytes = part_10(image);
        let pixels = &bytes[bytes.len() - 2 * rows * columns..];
        let values = pixels.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        Self { values, columns }
    }

    fn at(&self, row: usize, column: usize) -> u16 {
        self.values[row * self.columns + column]
    }

    fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn sum(&self, place: Rectangle) -> (f64, f64) {
        let (top, left) = (place.top as usize, place.left as usize);
        let lines = (top..top + place.rows as usize)
            .flat_map(|row| &self.values[row * self.columns + left..][..place.columns as usize]);
        (lines.map(|&value| f64::from(value)).sum(), f64::from(place.rows * place.columns))
    }
}

fn grown(place: Rectangle, by: i32) -> Rectangle {
    Rectangle {
        top: place.top.checked_add_signed(-by).unwrap(),
        left: place.left.checked_add_signed(-by).unwrap(),
        rows: place.rows.checked_add_signed(2 * by).unwrap(),
        columns: place.columns.checked_add_signed(2 * by).unwrap(),
    }
}

/// A disk that is full after `left` bytes.
struct FullDisk {
    left: usize,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Exam::new(1, Size::Small).write_into(&folder.path().join("missing")).unwrap_err();
    assert!(matches!(&error, PhantomError::Write(cause) if cause.kind() == io::ErrorKind::NotFound), "{error:?}");
    assert!(!error.to_string().contains("missing"), "{error}");
}

#[test]
fn a_full_disk_is_an_error_in_the_header_and_in_the_pixels() {
    let exam = Exam::new(1, Size::Small);
    let length = part_10(&exam.images[0]).len();
    for left in [0, 200, 5_000, length - 1] {
        let error = exam.images[0].write_to(&mut FullDisk { left }).unwrap_err();
        assert!(matches!(&error, PhantomError::Write(cause) if cause.kind() == io::ErrorKind::StorageFull), "{left}");
    }
    assert!(exam.images[0].write_to(&mut FullDisk { left: length }).is_ok());
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_every_machine() {
    let bytes = all_bytes(&Exam::new(1, Size::Small));
    assert_eq!(Digest::of(&bytes), Digest::of(&all_bytes(&Exam::new(1, Size::Small))));
    assert_eq!(
        Digest::of(&bytes).to_string(),
        SMALL_1,
        "raise the version in header.rs with every change of the bytes"
    );
}

#[test]
fn another_seed_or_size_is_another_exam() {
    let exams = [(1, Size::Small), (2, Size::Small), (u64::MAX, Size::Small), (1, Size::Full)];
    let exams = exams.map(|(seed, size)| Exam::new(seed, size));
    let studies: HashSet<_> = exams.iter().map(|exam| exam.study.clone()).collect();
    let instances: HashSet<_> =
        exams.iter().flat_map(|exam| &exam.images).map(|image| image.instance.clone()).collect();
    assert_eq!((studies.len(), instances.len()), (4, 16));
    for (one, two) in exams[0].images.iter().zip(&exams[1].images) {
        assert_ne!(Pixels::of(one, Size::Small).values, Pixels::of(two, Size::Small).values);
    }
}

#[test]
fn files_pass_the_scan_and_are_scored_as_the_views_that_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let exam = Exam::new(7, Size::Small);
    let files = exam.write_into(folder.path()).unwrap();
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    assert_eq!(names, ["1-R-CC.dcm", "2-R-MLO.dcm", "3-L-CC.dcm", "4-L-MLO.dcm"]);
    let views = [
        (Laterality::Right, View::CranioCaudal, ["P", "L"]),
        (Laterality::Right, View::MedioLateralOblique, ["P", "FL"]),
        (Laterality::Left, View::CranioCaudal, ["A", "R"]),
        (Laterality::Left, View::MedioLateralOblique, ["A", "FR"]),
    ];
    for ((file, image), (laterality, view, orientation)) in files.iter().zip(&exam.images).zip(views) {
        let header = dataset::inspect(File::open(file).unwrap()).unwrap();
        assert_eq!((&header.study, &header.instance), (&exam.study, &image.instance));
        let judged = eligibility::judge(&header.attributes, &EligibilityPolicy::default(), None);
        assert_eq!(judged, Eligibility::Score { laterality, view });
        assert_eq!((image.laterality, image.view), (laterality, view));
        assert_eq!(header.attributes.patient_orientation, orientation);
        assert_eq!(header.patient_study.patient_name.as_deref(), Some("PHANTOM^MAMORU"));
        assert_eq!(header.patient_study.patient_id.as_deref(), Some("PHANTOM-7"));
        pixels_fill_the_rest(file);
    }
}

fn pixels_fill_the_rest(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let mut reader = Cursor::new(&bytes);
    let meta = dataset::read_file_meta(&mut reader).unwrap();
    assert_eq!(meta.transfer_syntax.as_str(), transfer_syntax::EXPLICIT_LE);
    let header = dataset::read_pixel_header(&mut reader).unwrap();
    assert_eq!((header.bits_allocated, header.bits_stored, header.high_bit), (Some(16), Some(12), Some(11)));
    assert_eq!(header.windows.len(), 1);
    reader.set_position(meta.dataset_offset);
    let scan = dataset::scan(&mut reader, &meta.transfer_syntax, &ScanLimits::default()).unwrap();
    assert_eq!(scan, header.scan);
    assert!(scan.pixels.is_some());
}

#[test]
fn lesion_is_in_both_right_views_and_brighter_than_its_surroundings() {
    for seed in 0..12 {
        let exam = Exam::new(seed, Size::Small);
        for image in &exam.images {
            assert_eq!(image.lesion.is_some(), image.laterality == Laterality::Right);
            let Some(lesion) = image.lesion else { continue };
            let pixels = Pixels::of(image, Size::Small);
            let (inner, inner_area) = pixels.sum(grown(lesion, -(lesion.rows as i32) / 4));
            let (whole, whole_area) = pixels.sum(lesion);
            let (around, around_area) = pixels.sum(grown(lesion, lesion.rows as i32 / 2));
            let (inner, around) = (inner / inner_area, (around - whole) / (around_area - whole_area));
            assert!(inner > 1.3 * around, "seed {seed} {:?}: {inner} in {around}", image.view);
        }
    }
}

#[test]
fn both_sizes_show_the_lesion_at_the_same_place() {
    let (small, full) = (Exam::new(3, Size::Small), Exam::new(3, Size::Full));
    for (small, full) in small.images.iter().zip(&full.images) {
        let (Some(small), Some(full)) = (small.lesion, full.lesion) else { continue };
        assert!(full.top.abs_diff(8 * small.top) <= 8 && full.left.abs_diff(8 * small.left) <= 8, "{small:?} {full:?}");
    }
}

#[test]
fn full_size_is_complete_and_its_chest_wall_at_the_right_border() {
    let exam = Exam::new(1, Size::Full);
    let pixels = Pixels::of(&exam.images[0], Size::Full);
    let header = dataset::inspect(Cursor::new(part_10(&exam.images[0]))).unwrap();
    assert_eq!((header.attributes.rows, header.attributes.columns), (Some(4084), Some(3328)));
    assert!(pixels.at(2042, 3327) > 0 && pixels.at(2042, 0) == 0);
    assert!(pixels.values.iter().all(|&value| value < 4096));
}

#[test]
fn background_is_zero_connected_to_the_border_and_leaves_rows_and_columns_to_crop() {
    for image in &Exam::new(5, Size::Small).images {
        let pixels = Pixels::of(image, Size::Small);
        let reached = zeros_from_the_border(&pixels);
        let zeros = pixels.values.iter().filter(|&&value| value == 0).count();
        assert_eq!(reached, zeros, "0 inside the breast: {:?} {:?}", image.laterality, image.view);
        assert!(zeros > pixels.values.len() / 3 && zeros < pixels.values.len() * 9 / 10, "{zeros}");
        let (rows, columns) = (pixels.rows(), pixels.columns);
        let (chest_wall, far) = if image.laterality == Laterality::Right { (columns - 1, 0) } else { (0, columns - 1) };
        assert!((0..columns).all(|column| pixels.at(rows - 1, column) == 0));
        assert!((0..rows).all(|row| pixels.at(row, far) == 0));
        assert!((0..rows).any(|row| pixels.at(row, chest_wall) > 0));
    }
}

/// How many pixels of 0 are connected to the border.
fn zeros_from_the_border(pixels: &Pixels) -> usize {
    let (rows, columns) = (pixels.rows(), pixels.columns);
    let mut seen = vec![false; pixels.values.len()];
    let border = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let mut open: Vec<(usize, usize)> =
        border.filter(|&(row, column)| row == 0 || column == 0 || row == rows - 1 || column == columns - 1).collect();
    while let Some((row, column)) = open.pop() {
        if pixels.at(row, column) != 0 || std::mem::replace(&mut seen[row * columns + column], true) {
            continue;
        }
        let near = [(-1, 0), (1, 0), (0, -1), (0, 1)];
        open.extend(near.iter().filter_map(|&(down, across)| {
            let next = (row.checked_add_signed(down)?, column.checked_add_signed(across)?);
            (next.0 < rows && next.1 < columns).then_some(next)
        }));
    }
    seen.iter().filter(|&&seen| seen).count()
}
