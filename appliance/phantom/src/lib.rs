//! A built-in synthetic mammography exam with a planted lesion, for `mamoru demo` and for tests of the whole system.
//!
//! Four views, in the standard order, drawn from a seed: the same seed and size give the same bytes on every machine.
//! The right breast carries a spiculated mass in both views, the left one none. Nothing of it comes from a patient, and
//! a score of it says that the chain works, nothing about the network's quality.
//!
//! As mammograms are hung, the chest wall of a right breast is at the right edge and that of a left one at the left
//! edge; lateral (CC) and cranial (MLO) are up, and Patient Orientation says so: `P\L`, `P\FL`, `A\R`, `A\FR`. All
//! pixels outside the skin are exactly 0.

mod breast;
mod grid;
mod header;
mod lesion;
mod noise;
mod picture;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use contract::Uid;
use contract::geometry::{Extent, Rectangle};
use domain::{Laterality, View};
use thiserror::Error;

pub use header::{PATIENT_NAME, SOP_CLASS, patient_id};
use picture::Picture;

/// How large the pictures are. Both show the same breasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 4084 rows x 3328 columns of 0.07 mm, as a detector of 24 x 29 cm gives.
    Full,
    /// 512 rows x 416 columns of 0.56 mm, for tests.
    Small,
}

impl Size {
    /// Rows and columns.
    #[must_use]
    pub const fn extent(self) -> Extent {
        match self {
            Self::Full => Extent { rows: 4084, columns: 3328 },
            Self::Small => Extent { rows: 512, columns: 416 },
        }
    }

    /// Side of a pixel, as Imager Pixel Spacing gives it.
    const fn pixel_mm_text(self) -> &'static str {
        match self {
            Self::Full => "0.07",
            Self::Small => "0.56",
        }
    }

    const fn pixel_mm(self) -> f32 {
        match self {
            Self::Full => 0.07,
            Self::Small => 0.56,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Small => "small",
        }
    }
}

/// Why an exam was not written.
#[derive(Debug, Error)]
pub enum PhantomError {
    /// A file could not be created or written.
    #[error("phantom file cannot be written: {}", .0.kind())]
    Write(#[from] io::Error),
    /// The header could not be encoded: a fault of this crate.
    #[error("header of the phantom could not be encoded")]
    Header,
}

/// A synthetic exam: R CC, R MLO, L CC and L MLO, in this order. Holds no pixels.
#[derive(Debug, Clone)]
pub struct Exam {
    /// Study Instance UID.
    pub study: Uid,
    /// The four images.
    pub images: Vec<PhantomImage>,
}

/// One image of an [`Exam`]. Holds no pixels: they are drawn when it is written.
#[derive(Debug, Clone)]
pub struct PhantomImage {
    /// SOP Instance UID.
    pub instance: Uid,
    /// Which breast.
    pub laterality: Laterality,
    /// Which view.
    pub view: View,
    /// The square around the planted mass and its blurred rim, in pixels of the image; spicules reach beyond it.
    pub lesion: Option<Rectangle>,
    study: Uid,
    series: Uid,
    seed: u64,
    size: Size,
    /// Instance Number, from 1.
    number: u32,
    picture: Picture,
}

impl Exam {
    /// The exam of `seed`: another seed or size gives other UIDs, another seed also other breasts.
    #[must_use]
    pub fn new(seed: u64, size: Size) -> Self {
        let study = header::derived(seed, size.name(), "study");
        let series = header::derived(seed, size.name(), "series");
        let views = [Laterality::Right, Laterality::Left]
            .into_iter()
            .flat_map(|laterality| [View::CranioCaudal, View::MedioLateralOblique].map(|view| (laterality, view)));
        let images = (1..).zip(views).map(|(number, (laterality, view))| {
            let picture = Picture::new(seed, laterality, view, size.extent(), size.pixel_mm());
            PhantomImage {
                instance: header::derived(seed, size.name(), &format!("image {number}")),
                laterality,
                view,
                lesion: picture.lesion(),
                study: study.clone(),
                series: series.clone(),
                seed,
                size,
                number,
                picture,
            }
        });
        Self { images: images.collect(), study }
    }

    /// Writes the four Part 10 files into `folder`, which must exist, and returns their paths in the order of
    /// [`Exam::images`]. Files of the same names are replaced. Images are drawn one at a time, in a few
    /// megabytes of memory.
    ///
    /// # Errors
    /// [`PhantomError::Write`]; files that were written before stay.
    pub fn write_into(&self, folder: &Path) -> Result<Vec<PathBuf>, PhantomError> {
        self.images
            .iter()
            .map(|image| {
                let path = folder.join(image.file_name());
                let mut writer = BufWriter::new(File::create(&path)?);
                image.write_to(&mut writer)?;
                // Dropped without this, a full disk would go unnoticed.
                writer.flush()?;
                Ok(path)
            })
            .collect()
    }
}

impl PhantomImage {
    /// The name of its file, for instance `1-R-CC.dcm`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.dcm", self.number, self.laterality.letter(), self.view.term())
    }

    /// Draws the image and writes it as a Part 10 file: Digital Mammography X-Ray Image Storage - For Presentation in
    /// Explicit VR Little Endian, MONOCHROME2, 12 bits stored of 16. Written row by row: `writer` should be buffered.
    ///
    /// # Errors
    /// [`PhantomError`].
    pub fn write_to(&self, writer: &mut impl Write) -> Result<(), PhantomError> {
        let extent = self.size.extent();
        writer.write_all(&header::part_10_before_pixels(self)?)?;
        writer.write_all(&header::pixel_data_header(2 * extent.rows * extent.columns))?;
        let mut line = Vec::with_capacity(2 * extent.columns as usize);
        self.picture.rows(|pixels| {
            line.clear();
            line.extend(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
            writer.write_all(&line)
        })?;
        Ok(())
    }
}
