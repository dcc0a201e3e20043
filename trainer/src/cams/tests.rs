use evaluation::{Laterality, Prediction, Predictions};

use super::*;
use crate::data::Split;

fn predicted(rows: &[(bool, f64)]) -> Predicted {
    let row = |(index, &(label, logit)): (usize, &(bool, f64))| Prediction {
        patient_id: index.to_string(),
        laterality: Laterality::Left,
        view: "CC".into(),
        image_id: format!("image {index}"),
        site: String::new(),
        machine: String::new(),
        density: String::new(),
        label,
        logit,
    };
    let predictions = Predictions::new(rows.iter().enumerate().map(row).collect()).unwrap();
    let split = Split::Validation;
    Predicted { split, source: String::new(), samples: vec![], predictions, left_out: vec![], parts: vec![] }
}

#[test]
fn the_surest_cases_come_first() {
    let predicted = predicted(&[(true, 1.0), (false, 2.0), (true, 3.0), (false, -1.0), (true, -2.0)]);
    assert_eq!(choose(&predicted, true, true, 2), [2, 0]);
    assert_eq!(choose(&predicted, true, false, 2), [4, 0]);
    assert_eq!(choose(&predicted, false, true, 9), [1, 3]);
    assert_eq!(choose(&predicted, false, false, 1), [3]);
}

#[test]
fn a_page_has_room_for_its_cases_and_names_no_patient() {
    let case = || Case {
        pictures: [vec![[9; 3]; (ROWS * 10) as usize], vec![[200, 0, 0]; (ROWS * 10) as usize]],
        columns: 10,
        lines: ["image 7".into(), "cancer, 0.9".into()],
    };
    let page = page("Title", &[case(), case(), case(), case(), case()]);
    assert!(page.rows() >= 2 * (ROWS as usize + TEXT_ROWS));
    // The first case's two pictures stand side by side.
    let (left, top) = (GAP, TEXT_ROWS);
    assert_eq!((page.get(left, top), page.get(left + 12, top)), (Some([9; 3]), Some([200, 0, 0])));
    assert_eq!(page.get(left + 10, top), Some(PAPER));
}
