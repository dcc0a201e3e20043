//! A full-size uncompressed mammogram, 3328 × 4084 in 16 bits: decoded, prepared, and both; and a lossless JPEG of it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::Cursor;

use contract::PreprocessSpec;
use criterion::{Criterion, criterion_group, criterion_main};
use dataset::testing::DataSetWriter;
use imaging::codec::testing::{LosslessOptions, encode_lossless, noise};
use imaging::codec::{FrameSpec, jpeg_lossless};
use imaging::{decode, prepare};

const ROWS: u16 = 4084;
const COLUMNS: u16 = 3328;

/// A breast-like half disc of noise on black, 12 bits.
fn samples() -> Vec<u16> {
    let (rows, columns) = (usize::from(ROWS), usize::from(COLUMNS));
    let mut samples = noise(rows * columns, 12, 1);
    for (y, row) in samples.chunks_exact_mut(columns).enumerate() {
        let height = (y as f64 - rows as f64 / 2.0) / (rows as f64 * 0.4);
        let width = (1.0 - height * height).max(0.0).sqrt() * columns as f64 * 0.8;
        row[width as usize..].fill(0);
    }
    samples
}

/// A Part 10 file in Explicit VR Little Endian.
fn file(samples: &[u16]) -> Vec<u8> {
    let writer = DataSetWriter::part_10().uids("1.2.840.10008.5.1.4.1.1.1.2", "1.2.3.4", "1.2.3.5");
    writer.grey(ROWS, COLUMNS, 16, 12).samples(samples).bytes
}

fn full_size(criterion: &mut Criterion) {
    let samples = samples();
    let file = file(&samples);
    let image = decode(Cursor::new(&file)).unwrap();
    let spec = PreprocessSpec::reference();
    let mut group = criterion.benchmark_group("full size");
    group.sample_size(20);
    group.bench_function("decode", |bencher| bencher.iter(|| decode(Cursor::new(&file)).unwrap()));
    group.bench_function("prepare", |bencher| bencher.iter(|| prepare(&image, &spec).unwrap()));
    group.bench_function("decode and prepare", |bencher| {
        bencher.iter(|| prepare(&decode(Cursor::new(&file)).unwrap(), &spec).unwrap());
    });
    let options = LosslessOptions { bits: 12, predictor: 1, rows_between_restarts: 0 };
    let stream = encode_lossless(&samples, usize::from(COLUMNS), &options);
    let frame =
        FrameSpec { rows: ROWS.into(), columns: COLUMNS.into(), bits_allocated: 16, bits_stored: 12, signed: false };
    group.bench_function("JPEG Lossless", |bencher| bencher.iter(|| jpeg_lossless::decode(&stream, &frame).unwrap()));
    group.finish();
}

criterion_group!(benches, full_size);
criterion_main!(benches);
