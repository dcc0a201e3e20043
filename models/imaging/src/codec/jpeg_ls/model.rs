//! Context modelling, prediction and error decoding (T.87 annex A).

use super::bits::BitReader;
use super::parameters::CodingParameters;

/// Order of the run lengths (T.87 section A.7.1.1, the array J).
const RUN_ORDERS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Contexts of regular mode: 9³ gradients, half of them by sign, and context 0.
const REGULAR_CONTEXTS: usize = 365;

#[derive(Debug, Clone, Copy)]
struct Context {
    /// Sum of error magnitudes.
    magnitude: i32,
    /// Sum of errors.
    bias: i32,
    correction: i32,
    occurrences: i32,
}

#[derive(Debug, Clone, Copy)]
struct RunContext {
    magnitude: i32,
    occurrences: i32,
    negatives: i32,
}

/// Everything that coding learns.
pub(super) struct Model {
    contexts: Vec<Context>,
    run_contexts: [RunContext; 2],
    run_index: usize,
    /// Region (−4 to 4) of each gradient from −max to max.
    regions: Vec<i8>,
    max_value: i32,
}

impl Model {
    pub(super) fn new(parameters: &CodingParameters) -> Self {
        let magnitude = ((parameters.range + 32) / 64).max(2);
        let context = Context { magnitude, bias: 0, correction: 0, occurrences: 1 };
        let max = parameters.max_value;
        Self {
            contexts: vec![context; REGULAR_CONTEXTS],
            run_contexts: [RunContext { magnitude, occurrences: 1, negatives: 0 }; 2],
            run_index: 0,
            regions: (-max..=max).map(|gradient| region(gradient, parameters)).collect(),
            max_value: max,
        }
    }

    /// The signed context of three gradients; 0 when all lie in the middle region.
    #[inline]
    pub(super) fn context(&self, d1: i32, d2: i32, d3: i32) -> i32 {
        let region = |gradient: i32| i32::from(self.regions[(gradient + self.max_value) as usize]);
        region(d1) * 81 + region(d2) * 9 + region(d3)
    }

    /// A sample of regular mode from its left, upper and upper left neighbours.
    #[inline]
    pub(super) fn regular_sample(
        &mut self,
        parameters: &CodingParameters,
        bits: &mut BitReader<'_>,
        signed_context: i32,
        (a, b, c): (i32, i32, i32),
    ) -> Option<i32> {
        let sign = if signed_context < 0 { -1 } else { 1 };
        let context = &mut self.contexts[signed_context.unsigned_abs() as usize];
        let predicted = if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        };
        let predicted = (predicted + sign * context.correction).clamp(0, parameters.max_value);
        let order = golomb_order(context.occurrences, context.magnitude)?;
        let mapped = bits.golomb(order, parameters.limit, parameters.escape_bits)?;
        let inverted = parameters.near == 0 && order == 0 && 2 * context.bias <= -context.occurrences;
        // Even values are errors of one sign, odd ones of the other (T.87 section A.5.2).
        let error = match (inverted, mapped & 1 == 1) {
            (false, false) | (true, true) => mapped >> 1,
            (false, true) | (true, false) => -(mapped >> 1) - 1,
        };
        context.update(error, parameters)?;
        Some(parameters.reconstruct(predicted, sign * error))
    }

    /// The sample that ends a run (T.87 section A.7.2).
    pub(super) fn interrupting_sample(
        &mut self,
        parameters: &CodingParameters,
        bits: &mut BitReader<'_>,
        a: i32,
        b: i32,
    ) -> Option<i32> {
        let kind = i32::from((a - b).abs() <= parameters.near);
        let run_order = self.run_order();
        let context = &mut self.run_contexts[kind as usize];
        let magnitude = context.magnitude + kind * (context.occurrences >> 1);
        let order = golomb_order(context.occurrences, magnitude)?;
        let limit = parameters.limit - run_order - 1;
        let mapped = bits.golomb(order, limit, parameters.escape_bits)?;
        let shifted = mapped + kind;
        let odd = shifted & 1;
        let size = (shifted + odd) / 2;
        let negative = (order != 0 || 2 * context.negatives >= context.occurrences) == (odd == 1);
        let error = if negative { -size } else { size };
        context.update(error, mapped, kind, parameters);
        let (predicted, sign) = if kind == 1 { (a, 1) } else { (b, if a > b { -1 } else { 1 }) };
        Some(parameters.reconstruct(predicted, sign * error))
    }

    /// Bits of the current run length.
    pub(super) const fn run_order(&self) -> u32 {
        RUN_ORDERS[self.run_index]
    }

    pub(super) fn lengthen_runs(&mut self) {
        self.run_index = (self.run_index + 1).min(RUN_ORDERS.len() - 1);
    }

    pub(super) fn shorten_runs(&mut self) {
        self.run_index = self.run_index.saturating_sub(1);
    }
}

impl Context {
    /// T.87 section A.6; `None` when damaged data drove the sums out of range.
    #[inline]
    fn update(&mut self, error: i32, parameters: &CodingParameters) -> Option<()> {
        self.bias += error * (2 * parameters.near + 1);
        self.magnitude += error.abs();
        if self.magnitude >= 1 << 24 {
            return None;
        }
        if self.occurrences == parameters.reset {
            self.magnitude >>= 1;
            self.bias >>= 1;
            self.occurrences >>= 1;
        }
        self.occurrences += 1;
        if self.bias <= -self.occurrences {
            self.bias = (self.bias + self.occurrences).max(1 - self.occurrences);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - self.occurrences).min(0);
            self.correction = (self.correction + 1).min(127);
        }
        Some(())
    }
}

impl RunContext {
    fn update(&mut self, error: i32, mapped: i32, kind: i32, parameters: &CodingParameters) {
        self.negatives += i32::from(error < 0);
        self.magnitude += (mapped + 1 - kind) >> 1;
        if self.occurrences == parameters.reset {
            self.magnitude >>= 1;
            self.occurrences >>= 1;
            self.negatives >>= 1;
        }
        self.occurrences += 1;
    }
}

/// The least order with `occurrences · 2^order >= magnitude`.
#[inline]
fn golomb_order(occurrences: i32, magnitude: i32) -> Option<u32> {
    (0..24).find(|&order| occurrences << order >= magnitude)
}

/// Region of a gradient (T.87 section A.3.3).
fn region(gradient: i32, parameters: &CodingParameters) -> i8 {
    let [t1, t2, t3] = parameters.thresholds;
    let size = gradient.abs();
    let region = if size <= parameters.near {
        0
    } else if size < t1 {
        1
    } else if size < t2 {
        2
    } else if size < t3 {
        3
    } else {
        4
    };
    if gradient < 0 { -region } else { region }
}
