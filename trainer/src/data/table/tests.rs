use super::*;

const APART: PutApart = PutApart { validation_share: 0.25, seed: 1 };

fn labels(text: &str) -> Result<Vec<Sample>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("labels.csv"), text).unwrap();
    read(folder.path(), APART)
}

const HEADER: &str = "patient_id,image_id,laterality,view,cancer,split\n";

#[test]
fn wrong_lines_are_named() {
    let cases = [
        ("1,2,L,CC,2,train\n", "labels.csv:2: cancer is \"2\", not 0 or 1"),
        ("1,2,B,CC,1,train\n", "labels.csv:2: laterality is \"B\", not L or R"),
        ("1,2,L,CC,1,test\n", "labels.csv:2: split is \"test\", not train or validation"),
        ("../1,2,L,CC,1,train\n", "labels.csv:2: patient_id is empty or not a file name"),
        ("1,,L,CC,1,train\n", "labels.csv:2: image_id is empty or not a file name"),
        ("1,2,L,CC,1,train\n1,2,L,CC,1,train\n", "labels.csv:3: the image of line 2 again"),
        (
            "1,2,L,CC,1,train\n1,3,R,CC,0,validation\n",
            "labels.csv:3: the patient is in validation, but in train on line 2",
        ),
        ("1,2,L,CC,1,train\n1,3,L,MLO,0,train\n", "labels.csv:3: the breast has another label than on line 2"),
    ];
    for (lines, expected) in cases {
        let error = labels(&format!("{HEADER}{lines}")).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    let short = labels(&format!("{HEADER}1,2\n")).unwrap_err().to_string();
    assert!(short.contains("labels.csv:2"), "{short}");
    assert!(labels("a,b\n").unwrap_err().to_string().ends_with("column image_id or file is missing"));
    let folder = tempfile::tempdir().unwrap();
    assert!(read(folder.path(), APART).unwrap_err().to_string().ends_with("has no train.csv or labels.csv"));
}

#[test]
fn files_do_not_lead_out_of_the_folder() {
    for file in ["../x.png", "/etc/x.png", ""] {
        let error = labels(&format!("file,patient_id,laterality,cancer\n{file},1,L,0\n")).unwrap_err().to_string();
        assert!(error.contains("labels.csv:2: file is empty or leads out"), "{error}");
    }
}

#[test]
fn subset_and_labelled_folder_are_read() {
    let samples = labels(&format!("{HEADER}25,144,L,CC,0,train\n26,145,R,MLO,1,validation\n")).unwrap();
    assert!(samples[0].file.ends_with("images/25/144.jpg"));
    assert_eq!(samples[1].breast, "26_R");
    assert_eq!((samples[1].split, samples[1].label, samples[1].line), (Split::Validation, true, 3));
    assert_eq!(samples[0].groups, [("view".to_owned(), "CC".to_owned())]);
    let samples = labels("file,patient_id,laterality,cancer\na/b.png,1,L,0\n").unwrap();
    assert!(samples[0].file.ends_with("a/b.png"));
}

#[test]
fn rsna_patients_are_put_apart_whole_and_in_both_classes() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "site_id,patient_id,image_id,laterality,view,age,cancer\n".to_owned();
    for patient in 0..40 {
        for image in 0..2 {
            text += &format!("1,{patient},{image},L,CC,60,{}\n", u8::from(patient % 5 == 0));
        }
    }
    std::fs::write(folder.path().join("train.csv"), text).unwrap();
    let samples = read(folder.path(), APART).unwrap();
    assert!(samples[0].file.ends_with("train_images/0/0.dcm"));
    let count = |label| samples.iter().filter(|s| s.split == Split::Validation && s.label == label).count();
    assert_eq!((count(true), count(false)), (4, 16), "a quarter of 8 and of 32 patients, two images each");
    assert_eq!(samples, read(folder.path(), APART).unwrap());
    assert_ne!(samples, read(folder.path(), PutApart { seed: 2, ..APART }).unwrap());
}
