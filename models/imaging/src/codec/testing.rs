//! Encoders and damage for the decoders' tests and benches. Written for plainness, not for speed.

/// A picture of `count` samples that is neither flat nor white noise: a slow wave with noise of a few bits.
#[must_use]
pub fn noise(count: usize, bits: u16, seed: u64) -> Vec<u16> {
    let mut random = Random(seed);
    let mask = u16::MAX >> (16 - bits);
    let wave = |index: usize| (f64::from(mask) * (0.5 + 0.4 * (index as f64 / 97.0).sin())) as u16;
    let jitter = (mask >> 3).max(1);
    (0..count).map(|index| wave(index).wrapping_add((random.number() as u16) % jitter) & mask).collect()
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }
}

/// Calls `probe` with `count` damaged copies of `stream`: bytes changed, removed, or the end cut off.
pub fn damaged(stream: &[u8], count: u64, mut probe: impl FnMut(&[u8])) {
    for seed in 0..count {
        let mut random = Random(seed);
        let mut copy = stream.to_vec();
        for _ in 0..1 + random.number() % 4 {
            let at = random.number() as usize % copy.len();
            match random.number() % 8 {
                0 => copy.truncate(at.max(1)),
                1 => {
                    copy.remove(at);
                    copy.push(0);
                }
                2 => copy[at] = 0xFF,
                _ => copy[at] = random.number() as u8,
            }
        }
        probe(&copy);
    }
}

/// How a lossless JPEG is written.
#[derive(Debug, Clone, Copy)]
pub struct LosslessOptions {
    /// Precision.
    pub bits: u16,
    /// Selection value.
    pub predictor: u8,
    /// Restart interval in rows; 0 for none.
    pub rows_between_restarts: usize,
}

/// Bits with stuffed zero bytes.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    window: u64,
    count: u32,
}

impl BitWriter {
    fn put(&mut self, value: u32, bits: u32) {
        self.window = self.window << bits | u64::from(value) & ((1 << bits) - 1);
        self.count += bits;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.window >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    fn align(&mut self) {
        if self.count > 0 {
            self.put(u32::MAX, 8 - self.count);
        }
    }
}

/// Category and extra bits of a signed value.
fn category(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let extra = if value < 0 { value - 1 } else { value };
    (size, extra as u32)
}

fn segment(stream: &mut Vec<u8>, marker: u8, content: &[u8]) {
    stream.extend([0xFF, marker]);
    stream.extend((content.len() as u16 + 2).to_be_bytes());
    stream.extend(content);
}

fn start_of_frame(bits: u16, rows: usize, columns: usize) -> Vec<u8> {
    let mut content = vec![bits as u8];
    content.extend((rows as u16).to_be_bytes());
    content.extend((columns as u16).to_be_bytes());
    content.extend([1, 1, 0x11, 0]);
    content
}

/// The 17 categories as codes of five bits.
fn flat_table(class: u8, symbols: &[u8], length: usize) -> Vec<u8> {
    let mut content = vec![class];
    let mut counts = [0_u8; 16];
    counts[length - 1] = symbols.len() as u8;
    content.extend(counts);
    content.extend(symbols);
    content
}

/// A lossless JPEG stream of one component.
#[must_use]
pub fn encode_lossless(samples: &[u16], columns: usize, options: &LosslessOptions) -> Vec<u8> {
    let rows = samples.len() / columns;
    let mut stream = vec![0xFF, 0xD8];
    segment(&mut stream, 0xFE, b"comment");
    segment(&mut stream, 0xC3, &start_of_frame(options.bits, rows, columns));
    segment(&mut stream, 0xC4, &flat_table(0x00, &(0..17).collect::<Vec<_>>(), 5));
    let interval = (options.rows_between_restarts * columns) as u16;
    segment(&mut stream, 0xDD, &interval.to_be_bytes());
    segment(&mut stream, 0xDA, &[1, 1, 0, options.predictor, 0, 0]);
    let mut writer = BitWriter::default();
    for row in 0..rows {
        let restarts = options.rows_between_restarts;
        let first = row == 0 || restarts > 0 && row % restarts == 0;
        if first && row > 0 {
            writer.align();
            writer.bytes.extend([0xFF, 0xD0 + ((row / restarts - 1) % 8) as u8]);
        }
        for x in 0..columns {
            let at = row * columns + x;
            let sample = |at: usize| i32::from(samples[at]);
            let predicted = match (first, x) {
                (true, 0) => 1 << (options.bits - 1),
                (true, _) => sample(at - 1),
                (false, 0) => sample(at - columns),
                _ => predict(options.predictor, sample(at - 1), sample(at - columns), sample(at - columns - 1)),
            };
            let difference = i32::from((sample(at) - predicted) as i16);
            if difference == -32_768 {
                writer.put(16, 5);
            } else {
                let (size, extra) = category(difference);
                writer.put(size, 5);
                writer.put(extra, size);
            }
        }
    }
    writer.align();
    stream.extend(writer.bytes);
    stream.extend([0xFF, 0xD9]);
    stream
}

fn predict(predictor: u8, a: i32, b: i32, c: i32) -> i32 {
    match predictor {
        1 => a,
        2 => b,
        3 => c,
        4 => a + b - c,
        5 => a + ((b - c) >> 1),
        6 => b + ((a - c) >> 1),
        _ => (a + b) / 2,
    }
}

/// A sequential DCT stream of one component, quantised by 1, restarting after each `restart` blocks unless 0.
#[must_use]
pub fn encode_dct(samples: &[u16], columns: usize, bits: u16, restart: u16) -> Vec<u8> {
    let rows = samples.len() / columns;
    let mut stream = vec![0xFF, 0xD8];
    let mut quantisation = vec![0];
    quantisation.extend([1; 64]);
    segment(&mut stream, 0xDB, &quantisation);
    segment(&mut stream, if bits == 8 { 0xC0 } else { 0xC1 }, &start_of_frame(bits, rows, columns));
    segment(&mut stream, 0xC4, &flat_table(0x00, &(0..16).collect::<Vec<_>>(), 5));
    segment(&mut stream, 0xC4, &flat_table(0x10, &(0..=254).collect::<Vec<_>>(), 8));
    segment(&mut stream, 0xDD, &restart.to_be_bytes());
    segment(&mut stream, 0xDA, &[1, 1, 0, 0, 63, 0]);
    let mut writer = BitWriter::default();
    let (mut previous, mut block) = (0, 0_u16);
    for top in (0..rows).step_by(8) {
        for left in (0..columns).step_by(8) {
            if restart > 0 && block > 0 && block.is_multiple_of(restart) {
                writer.align();
                writer.bytes.extend([0xFF, 0xD0 + ((block / restart - 1) % 8) as u8]);
                previous = 0;
            }
            block += 1;
            let coefficients = forward_transform(samples, columns, (top, left), bits);
            let (size, extra) = category(coefficients[0] - previous);
            previous = coefficients[0];
            writer.put(size, 5);
            writer.put(extra, size);
            write_ac(&mut writer, &coefficients[1..]);
        }
    }
    writer.align();
    stream.extend(writer.bytes);
    stream.extend([0xFF, 0xD9]);
    stream
}

/// Runs of zeros and values; the symbols are their own codes of eight bits.
fn write_ac(writer: &mut BitWriter, coefficients: &[i32]) {
    let mut run = 0;
    for &value in coefficients {
        let (size, extra) = category(value);
        if size == 0 {
            run += 1;
            continue;
        }
        while run > 15 {
            writer.put(0xF0, 8);
            run -= 16;
        }
        writer.put(run << 4 | size, 8);
        writer.put(extra, size);
        run = 0;
    }
    if run > 0 {
        writer.put(0, 8);
    }
}

/// The definition of the transform (T.81 section A.3.3), in zigzag order; beyond the edge the last sample repeats.
fn forward_transform(samples: &[u16], columns: usize, (top, left): (usize, usize), bits: u16) -> [i32; 64] {
    let rows = samples.len() / columns;
    let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos();
    let scale = |u: usize| if u == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
    let mut coefficients = [0; 64];
    for (index, (u, v)) in zigzag().into_iter().enumerate() {
        let mut sum = 0.0;
        for y in 0..8 {
            for x in 0..8 {
                let at = (top + y).min(rows - 1) * columns + (left + x).min(columns - 1);
                let value = f64::from(samples[at]) - f64::from(1_u32 << (bits - 1));
                sum += value * cosine(x, u) * cosine(y, v);
            }
        }
        coefficients[index] = (sum * scale(u) * scale(v) / 4.0).round() as i32;
    }
    coefficients
}

/// (column, row) of each coefficient, walking the diagonals.
fn zigzag() -> Vec<(usize, usize)> {
    (0..15)
        .flat_map(|diagonal: usize| {
            let mut cells: Vec<_> =
                (0..=diagonal).map(|x| (x, diagonal - x)).filter(|&(x, y)| x < 8 && y < 8).collect();
            if diagonal % 2 == 1 {
                cells.reverse();
            }
            cells
        })
        .collect()
}

/// An RLE frame of 8 or 16 bits.
#[must_use]
pub fn encode_rle(samples: &[u16], bits: u16) -> Vec<u8> {
    let planes: Vec<Vec<u8>> = (0..bits / 8)
        .rev()
        .map(|plane| pack_bits(&samples.iter().map(|sample| (sample >> (8 * plane)) as u8).collect::<Vec<_>>()))
        .collect();
    let mut stream = (planes.len() as u32).to_le_bytes().to_vec();
    let mut offset = 64;
    for plane in &planes {
        stream.extend((offset as u32).to_le_bytes());
        offset += plane.len();
    }
    stream.resize(64, 0);
    stream.extend(planes.concat());
    stream
}

fn pack_bits(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take(128).take_while(|&&byte| byte == bytes[at]).count();
        if run > 1 {
            packed.extend([(1 - run as i32) as u8, bytes[at]]);
            at += run;
        } else {
            let literal = bytes[at..].windows(2).take(127).take_while(|pair| pair[0] != pair[1]).count().max(1);
            packed.push(literal as u8 - 1);
            packed.extend(&bytes[at..at + literal]);
            at += literal;
        }
    }
    if packed.len() % 2 == 1 {
        packed.push(0);
    }
    packed
}

/// The picture of the committed test vectors, 20 rows of 24: a ramp, a flat band and a nearly flat one.
#[must_use]
pub fn ramp(bits: u16) -> Vec<u16> {
    let greatest = (1_usize << bits) - 1;
    let value = |index: usize| {
        let (y, x) = (index / 24, index % 24);
        let ramp = (x * x * 7 + y * 13 + (x * y) % 11 * 5) % (greatest + 1);
        match y {
            4..9 => greatest / 3,
            9..12 if x >= 5 => ramp % 7 + greatest / 2,
            _ => ramp,
        }
    };
    (0..20 * 24).map(|index| value(index) as u16).collect()
}
