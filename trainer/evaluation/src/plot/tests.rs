use super::*;
use crate::bootstrap::Bootstrap;
use crate::prediction::{Laterality, Prediction, Predictions};
use crate::report::{Evaluation, Settings, evaluate};
use crate::sample::{Prevalence, Sample};

fn evaluation(positive: impl Fn(usize) -> bool) -> (Evaluation, Sample) {
    let mut random = fastrand::Rng::with_seed(2);
    let row = |index: usize| Prediction {
        patient_id: (index / 2).to_string(),
        laterality: Laterality::Left,
        view: ["CC", "MLO"][index % 2].into(),
        image_id: index.to_string(),
        site: "<1 & 2>".into(),
        machine: (index % 3).to_string(),
        density: String::new(),
        label: positive(index / 2),
        logit: 4.0 * random.f64() - 2.0 + f64::from(u8::from(positive(index / 2))),
    };
    let predictions = Predictions::new((0..200).map(row).collect()).unwrap();
    let settings =
        Settings { bootstrap: Bootstrap { resamples: 100, ..Bootstrap::default() }, ..Settings::reference().unwrap() };
    let sample = Sample::images(&predictions, &settings.calibration, |_| true).unwrap();
    (evaluate(&predictions, &settings).unwrap(), sample)
}

fn all(positive: impl Fn(usize) -> bool) -> Vec<Plot> {
    let (evaluation, sample) = evaluation(positive);
    let report = &evaluation.images;
    let mut plots = vec![roc(report), precision_recall(report), calibration(report)];
    plots.push(score_histogram(&sample, report.level, report.threshold));
    plots.extend(confusion(report, Prevalence::Natural));
    plots.extend(confusion(report, Prevalence::Balanced));
    plots
}

/// Tags that are opened are closed, and no number is missing.
fn is_sound(plot: &Plot) -> bool {
    let svg = plot.svg();
    let tags = svg.matches('<').count();
    let closed = svg.matches("/>").count() + 2 * svg.matches("</").count();
    tags == closed && svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf")
}

#[test]
fn every_plot_is_sound_and_carries_the_notice() {
    let plots = all(|breast| breast % 4 == 0);
    assert_eq!(plots.len(), 6);
    assert!(plots.iter().all(|plot| is_sound(plot) && plot.svg().contains(contract::NOTICE)));
    assert_eq!(plots, all(|breast| breast % 4 == 0), "the same values give the same bytes");
}

#[test]
fn one_class_has_plots_without_curves() {
    let plots = all(|_| false);
    assert_eq!(plots.len(), 5, "no balanced confusion");
    assert!(plots.iter().all(is_sound));
}

#[test]
fn losses_with_gaps_and_none() {
    let epoch = |epoch, training, validation| EpochLoss { epoch, training, validation };
    let losses =
        [epoch(1, 0.7, Some(0.69)), epoch(2, f64::NAN, Some(0.6)), epoch(3, 0.5, None), epoch(4, 0.4, Some(0.65))];
    let plot = loss(&losses, "Loss");
    assert!(is_sound(&plot) && plot.svg().contains("lowest validation loss 0.6000 in epoch 2"));
    assert!(is_sound(&loss(&[], "Loss")));
}

#[test]
fn the_png_shows_what_the_svg_shows() {
    let plot = &all(|breast| breast % 4 == 0)[0];
    let bytes = plot.to_png().unwrap();
    assert_eq!(bytes, plot.to_png().unwrap());
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let (columns, rows) = reader.info().size();
    assert!(plot.svg().contains(&format!("width=\"{}\" height=\"{}\"", columns / 2, rows / 2)));
    let count = |colour: [u8; 3]| pixels.chunks_exact(3).filter(|pixel| *pixel == colour).count();
    // The curve in blue, the threshold's dot in vermilion, text in ink, and paper around it.
    assert!(count([0, 0x72, 0xb2]) > 1000 && count([0xd5, 0x5e, 0]) > 100 && count([0x22; 3]) > 1000);
    assert!(count([255; 3]) > pixels.len() / 3 / 2);
}

#[test]
fn numbers_for_people() {
    assert_eq!([0, 999, 1000, 54_706, 1_234_567].map(thousands), ["0", "999", "1,000", "54,706", "1,234,567"]);
    assert_eq!(estimate_text(None), "–");
    assert_eq!(estimate_text(Some(&Estimate { value: Some(0.5), interval: None, undefined: 0 })), "0.500");
}
