//! What is sent.

use std::fs;
use std::path::{Path, PathBuf};

use contract::Uid;
use dataset::testing::{DataSetWriter, key_object_selection};
use domain::{InstanceKey, StudyKey};
use phantom::{Exam, Size};

/// Stands in every patient attribute of a [`Mammogram`] and must never come out anywhere but in a result object.
pub const PATIENT_MARK: &str = "ZZMARKER";

/// Digital Mammography X-Ray Image Storage - For Presentation.
const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";

/// A file to send.
#[derive(Debug, Clone)]
pub struct Instance {
    /// SOP Instance UID.
    pub key: InstanceKey,
    /// Study Instance UID.
    pub study: StudyKey,
    /// The file.
    pub file: PathBuf,
}

/// Writes the phantom exam of `seed` into a folder of its own below `folder`: R CC, R MLO, L CC and L MLO.
#[must_use]
pub fn exam(folder: &Path, seed: u64, size: Size) -> Vec<Instance> {
    let folder = folder.join(format!("exam-{seed}-{size:?}"));
    fs::create_dir_all(&folder).unwrap();
    let exam = Exam::new(seed, size);
    let files = exam.write_into(&folder).unwrap();
    let images = exam.images.iter().zip(files);
    let instance = |(image, file): (&phantom::PhantomImage, PathBuf)| Instance {
        key: InstanceKey(image.instance.clone()),
        study: StudyKey(exam.study.clone()),
        file,
    };
    images.map(instance).collect()
}

/// The same as raw images, which are taken, kept, excluded by their header and reported so: the whole way without the
/// seconds that the network takes. A seed is for one of both.
#[must_use]
pub fn excluded_exam(folder: &Path, seed: u64) -> Vec<Instance> {
    let instances = exam(folder, seed, Size::Small);
    for instance in &instances {
        let mut bytes = fs::read(&instance.file).unwrap();
        let (from, to) = (b"FOR PRESENTATION", b"FOR PROCESSING  ");
        let at = bytes.windows(from.len()).position(|window| window == from).expect("Presentation Intent Type");
        bytes[at..at + to.len()].copy_from_slice(to);
        fs::write(&instance.file, bytes).unwrap();
    }
    instances
}

/// Writes a rejection note of `study` ("rejected for quality reasons") that names `images` into `folder`.
#[must_use]
pub fn rejection_note(folder: &Path, name: &str, study: &StudyKey, images: &[&InstanceKey]) -> Instance {
    let key = InstanceKey(Uid::derived(&["system test, note", study.0.as_str(), name]));
    let images: Vec<&str> = images.iter().map(|image| image.0.as_str()).collect();
    let file = folder.join(format!("note-{name}.dcm"));
    let bytes = key_object_selection(key.0.as_str(), study.0.as_str(), ("113001", "DCM"), &images);
    fs::write(&file, bytes).unwrap();
    Instance { key, study: study.clone(), file }
}

/// A small data set with [`PATIENT_MARK`] wherever patient data stands, for peers that send damaged ones.
#[derive(Debug, Clone)]
pub struct Mammogram {
    /// SOP Class UID.
    pub class: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
    /// The data set in Explicit VR Little Endian, up to and without Pixel Data.
    pub head: DataSetWriter,
}

impl Mammogram {
    /// An image of 64 × 32 pixels.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let instance = Uid::derived(&["system test", name]);
        let head = DataSetWriter::explicit()
            .text(8, 0x16, "UI", MAMMOGRAM)
            .text(8, 0x18, "UI", instance.as_str())
            .text(8, 0x50, "SH", PATIENT_MARK)
            .text(8, 0x60, "CS", "MG")
            .text(8, 0x68, "CS", "FOR PRESENTATION")
            .text(8, 0x1030, "LO", PATIENT_MARK)
            .text(0x10, 0x10, "PN", PATIENT_MARK)
            .text(0x10, 0x20, "LO", PATIENT_MARK)
            .text(0x10, 0x4000, "LT", PATIENT_MARK)
            .text(0x18, 0x5101, "CS", "CC")
            .text(0x20, 0x0D, "UI", Self::study().as_str())
            .text(0x20, 0x0E, "UI", "1.2.3.5")
            .text(0x20, 0x62, "CS", "R")
            .grey(64, 32, 16, 12);
        Self { class: Uid::parse(MAMMOGRAM).unwrap(), instance, head }
    }

    /// The study of all of them.
    #[must_use]
    pub fn study() -> Uid {
        Uid::derived(&["system test, study"])
    }

    /// The data set with sound pixels.
    #[must_use]
    pub fn sound(&self) -> Vec<u8> {
        self.head.clone().samples(&(0..64 * 32_u16).map(|pixel| pixel % 1_000).collect::<Vec<_>>()).bytes
    }

    /// The data set with one fragment of encapsulated pixel data (PS3.5 annex A.4).
    #[must_use]
    pub fn encapsulated(&self, fragment: &[u8]) -> Vec<u8> {
        let mut bytes = self.head.clone().header(0x7FE0, 0x10, "OB", u32::MAX).bytes;
        bytes.extend([0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0, 0xE0]);
        bytes.extend((fragment.len() as u32).to_le_bytes());
        bytes.extend(fragment);
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        bytes
    }
}
