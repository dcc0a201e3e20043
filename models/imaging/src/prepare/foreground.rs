//! What is breast and what is background, by grey values alone; and the breast's contrast.

/// Where the breast begins, from the mean of the darker of Otsu's two classes (0) to the threshold between them (1). Otsu's
/// threshold itself parts gland from fat in a bright image: skin and fat at the edge would go.
const EDGE: f64 = 0.35;

/// Percentiles of the breast that become 0 and 1.
const PERCENTILES: [f64; 2] = [0.02, 0.995];

/// The value above which pixels count as breast, for values in 0 to 1.
pub(super) fn threshold(values: &[f32]) -> f32 {
    const BINS: usize = 256;
    // Otsu (IEEE Trans. SMC 9, 1979): the threshold that parts the values into the two most distinct classes.
    let mut histogram = [0_f64; BINS];
    values.iter().for_each(|value| histogram[(value * (BINS - 1) as f32) as usize] += 1.0);
    let count = values.len() as f64;
    let total: f64 = histogram.iter().enumerate().map(|(bin, number)| bin as f64 * number).sum();
    let (mut below, mut sum_below) = (0.0, 0.0);
    let (mut best, mut otsu, mut dark) = (0.0, 0.0, 0.0);
    for (bin, number) in histogram.iter().enumerate() {
        below += number;
        sum_below += bin as f64 * number;
        let above = count - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let distance = sum_below / below - (total - sum_below) / above;
        let between = below * above * distance * distance;
        if between > best {
            (best, otsu, dark) = (between, (bin + 1) as f64, sum_below / below);
        }
    }
    ((dark + EDGE * (otsu - dark)) / (BINS - 1) as f64) as f32
}

/// Stretches the breast's own range to 0 to 1, for values in 0 to 1. Nothing changes where there is no range.
pub(super) fn stretch(grey: &mut [f32]) {
    let edge = threshold(grey);
    let mut breast: Vec<f32> = grey.iter().copied().filter(|&value| value > edge).collect();
    if breast.is_empty() {
        return;
    }
    let last = breast.len() - 1;
    let [low, high] = PERCENTILES.map(|share| {
        let place = (share * last as f64).round() as usize;
        *breast.select_nth_unstable_by(place, f32::total_cmp).1
    });
    if low < high {
        grey.iter_mut().for_each(|value| *value = ((*value - low) / (high - low)).clamp(0.0, 1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half background, half breast between `low` and `high`, and a bright marker of 1 % of the breast.
    fn image(low: f32, high: f32) -> Vec<f32> {
        let breast = (0..1000_u16).map(|pixel| low + (high - low) * f32::from(pixel) / 1000.0);
        std::iter::repeat_n(0.0, 1000).chain(breast).chain(std::iter::repeat_n(1.0, 3)).collect()
    }

    #[test]
    fn the_edge_keeps_the_dim_parts_of_the_breast() {
        let edge = threshold(&image(0.1, 0.9));
        assert!((0.02..0.15).contains(&edge), "{edge}");
        // A background that is not black is background.
        let grey: Vec<f32> = image(0.3, 0.9).iter().map(|value| value.max(0.1)).collect();
        assert!((0.1..0.3).contains(&threshold(&grey)));
        assert_eq!(threshold(&[0.5; 9]), 0.0);
    }

    #[test]
    fn a_flat_image_and_a_sharp_one_become_alike() {
        let (mut flat, mut sharp) = (image(0.6, 0.8), image(0.2, 0.9));
        stretch(&mut flat);
        stretch(&mut sharp);
        for (flat, sharp) in flat.iter().zip(&sharp) {
            assert!((flat - sharp).abs() < 0.01, "{flat} {sharp}");
        }
        assert_eq!((flat[0], flat[1999]), (0.0, 1.0));
    }

    #[test]
    fn nothing_to_stretch_is_left_alone() {
        for mut grey in [vec![], vec![0.5; 4], vec![0.0, 1.0]] {
            let before = grey.clone();
            stretch(&mut grey);
            assert_eq!(grey, before);
        }
    }
}
