//! SOP classes that a mammography unit sends (PS3.4 annex B.5).

/// Verification.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";

/// Storage Commitment Push Model (PS3.4 annex J).
pub const STORAGE_COMMITMENT: &str = "1.2.840.10008.1.20.1";
/// Its one, well-known SOP instance.
pub const STORAGE_COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";

/// Every storage class that is accepted. What is not scored is kept and listed all the same, because a refusal makes
/// modalities retry or abort the whole job.
pub const STORAGE: [&str; 8] = [
    // Digital Mammography X-Ray Image, for presentation and for processing.
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    // Breast Tomosynthesis Image.
    "1.2.840.10008.5.1.4.1.1.13.1.3",
    // Breast Projection X-Ray Image, for presentation.
    "1.2.840.10008.5.1.4.1.1.13.1.4",
    // Secondary Capture Image.
    "1.2.840.10008.5.1.4.1.1.7",
    // Digital X-Ray and Computed Radiography Image: mammograms of older units.
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1",
    // Key Object Selection Document: rejection notes.
    "1.2.840.10008.5.1.4.1.1.88.59",
];
