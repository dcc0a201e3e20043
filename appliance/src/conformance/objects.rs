//! The result objects.

use domain::findings::Laterality;
use results::{DESCRIBED, FindingCode};

use super::table::{code, name, table};

/// Rows of the overview.
pub(super) fn in_brief() -> String {
    let mut names: Vec<&str> = DESCRIBED.iter().map(|object| object.sop_class_name).collect();
    names.dedup();
    let not_received = names.iter().filter(|name| !name.starts_with("Secondary"));
    let rows = not_received.map(|name| format!("| {name} | yes, results | no |"));
    let capture = "| Secondary Capture Image Storage (results) | yes | see above |".to_owned();
    [capture].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

pub(super) fn section() -> String {
    let rows = DESCRIBED.iter().map(|object| {
        [
            name(object.kind),
            object.sop_class_name.to_owned(),
            code(object.sop_class),
            object.template.map_or("-".to_owned(), |template| format!("TID {template}")),
            object.modality.to_owned(),
            object.series_number.to_owned(),
            object.series_description.to_owned(),
            object.count.to_owned(),
        ]
    });
    let head = [
        "`objects`",
        "SOP class",
        "UID",
        "template",
        "Modality",
        "Series Number",
        "Series Description",
        "per revision",
    ];
    format!(
        "## 7 Result objects

{}
Modules with content:

{}
Common to all:

- Patient and General Study modules repeat what the images have; nothing is made up. What the images lack is empty where it is of
  type 2. Study Instance UID and Accession Number are those of the images.
- One series per kind; both kinds of Secondary Captures are in one. SOP Instance UIDs are derived from the content: the same
  result is the same object with the same bytes.
- A revision makes new objects with greater Instance Numbers in the same series. Structured reports name those that they replace in
  Predecessor Documents Sequence (0040,A360). Nothing is overwritten or deleted at a destination.
- Each object says \"{}\", the model with version and SHA-256, the digest of the preprocessing, engine and software version, and
  which threshold of which operating point decided what is called.
- Content times are UTC, of the arrival of the last image.

{}
{}
{}",
        table(head, rows),
        table(["`objects`", "modules"], DESCRIBED.iter().map(|object| [name(object.kind), object.modules.to_owned()])),
        results::NOTICE,
        captures(),
        reports(),
        presentation_states()
    )
}

fn captures() -> String {
    let laterality = Laterality::Right.letter();
    format!(
        "### 7.1 Secondary Captures

RGB, 8 bits, Explicit VR Little Endian, uncompressed. Modality is OT, so that rules for MG do not catch them. The summary has no
pixels of the images and says Burned In Annotation NO; heat maps show an image and leave Burned In Annotation out, because the
image's own pixels may hold some. Heat maps have Image Laterality (for example {laterality}) and, as a Standard Extended SOP Class, View
Position. Source Image Sequence names the images. Heat maps show the image as it is stored; Patient Orientation is repeated in
words.
"
    )
}

fn reports() -> String {
    let [plain, drawn] = [FindingCode::SelectedRegion, FindingCode::BreastDensity].map(name);
    format!(
        "### 7.2 Structured reports

Verification Flag is UNVERIFIED: no person has looked at them. Completion Flag is PARTIAL, with Completion Flag Description,
where an expected view has no score, an image failed or the result is provisional; otherwise COMPLETE. Preliminary Flag is
PRELIMINARY for provisional results, otherwise FINAL.

Mammography CAD SR (TID 4000), conditions of the rendering intents (PS3.4 section O.4):

| rendering intent | when |
| --- | --- |
| Presentation Required (111150, DCM) | findings of images that reach the deciding operating point, and the composite feature of a breast with such images of two views |
| Presentation Optional (111151, DCM) | never |
| Not for Presentation (111152, DCM) | findings of all other scored images, and every finding of an untrained model |

- Called findings are coded as `results.finding_code` says: {plain} (111099, DCM) or {drawn} (129793001, SCT).
  Findings that are not for presentation are always (111099, DCM).
- Certainty of Finding (111012, DCM) is the score of the image, Certainty of Feature (111011, DCM) and Certainty of Impression
  (111013, DCM) that of a breast, in per cent.
- Probability of Cancer (111047, DCM) is there only where the model is calibrated and the finding's code may have one; it is the
  calibrated probability of the image.
- Center and Outline are in pixels of the referenced image, 0.0\\0.0 at the upper left corner of its first pixel.
- Summary of Detections: succeeded, partially succeeded, failed or not attempted, with the images. Summary of Analyses: not
  attempted.
- TID 4023 (operating points) is not written; which one decided is in Algorithm Parameters (111002, DCM).

Comprehensive 3D SR (TID 1500): one measurement group per scored image (TID 1410, or TID 1501 where nothing stands out in its
map), with Certainty of Finding and, of calibrated models, Probability of Cancer.
"
    )
}

fn presentation_states() -> String {
    "### 7.3 Presentation states

One Grayscale Softcopy Presentation State per scored image: the outline and the score as text over the whole image, in one graphic
layer. Rescale, window, VOI LUT Function and polarity are repeated from the image; a window over its input values stands in for a
VOI LUT. No shutter, no mask, no overlay, no rotation.
"
    .to_owned()
}
