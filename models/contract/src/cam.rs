//! What of a class activation map is shown: the reference method, "Class activation map".

/// Mean plus one standard deviation of the map: only values above it are kept.
#[must_use]
pub fn threshold(values: &[f32]) -> f32 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    (mean + variance.sqrt()) as f32
}

/// The map in 0 to 1: 0 up to the threshold, 1 at the strongest value.
#[must_use]
pub fn thresholded(values: &[f32]) -> Vec<f32> {
    let threshold = threshold(values);
    let range = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - threshold;
    let scaled = |&value: &f32| if value > threshold && range > 0.0 { (value - threshold) / range } else { 0.0 };
    values.iter().map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_out_is_kept() {
        let mut values = vec![0.0; 12];
        (values[5], values[6]) = (4.0, 1.0);
        let kept = thresholded(&values);
        assert_eq!((kept[5], kept[6], kept[0]), (1.0, 0.0, 0.0), "1.0 is below the threshold");
        assert_eq!(thresholded(&[2.0; 4]), [0.0; 4]);
        assert!(thresholded(&[]).is_empty());
    }
}
