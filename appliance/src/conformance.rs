//! The DICOM conformance statement (structure of PS3.2) as Markdown, with its tables made from the constants that the code
//! runs by. `docs/conformance.md` is this text; `tests/conformance.rs` compares them.

mod commitment;
mod configuration;
mod content;
mod objects;
mod receiving;
mod sending;
mod table;
mod web;

use table::code;

/// The whole statement.
pub fn statement() -> String {
    let sections = [
        overview(),
        introduction(),
        receiving::section(),
        sending::section(),
        commitment::section(),
        web::section(),
        objects::section(),
        content::eligibility(),
        content::grey_scale(),
        content::character_sets(),
        content::private_attributes(),
        content::codes_read(),
        content::codes_written(),
        configuration::section(),
        security(),
    ];
    let mut text = sections.join("\n");
    // One way to end.
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn overview() -> String {
    let classes = receiving::classes_in_brief();
    let objects = objects::in_brief();
    format!(
        "# DICOM conformance statement of Mamoru {}

{}

`mamoru conformance` prints this statement of the software that is installed. It follows PS3.2; what is not named here is not
supported.

## 1 Overview

Mamoru receives mammograms, scores them and sends results. It neither queries nor archives.

| service | as SCU | as SCP |
| --- | --- | --- |
| Verification | yes, by `mamoru echo` | yes |
{classes}{objects}
| Storage Commitment Push Model | where the destination's profile asks for it | where the site switches it on |
| Query/Retrieve, Modality Worklist, MPPS, Print | no | no |
| Media (PS3.10) | reads and writes single files by command; no DICOMDIR | |
",
        env!("CARGO_PKG_VERSION"),
        results::NOTICE
    )
}

fn introduction() -> String {
    let uid = receiver::IMPLEMENTATION_CLASS_UID;
    let version = receiver::IMPLEMENTATION_VERSION_NAME;
    let file = contract::uid::IMPLEMENTATION_CLASS;
    format!(
        "## 2 Implementation model

- **Receiver** (SCP): takes instances. Success means that the instance and its entry in the queue are on disk.
- **Scoring**: decides for each instance whether it is scored (section 8) and scores it. No network.
- **Reporting**: joins the instances of one study when it is complete, and makes the result objects (section 7).
- **Forwarder** (SCU): sends each result object to each destination until it is stored there, or committed.

An instance ends scored, excluded or failed, each with a reason that the results list. Results are in the study of the images,
in series of their own. Instances that are in one of these series are taken as results that came back and make no new result.

Implementation Class UID in associations: `{uid}`; Implementation Version Name: `{version}`.
Implementation Class UID in files: `{file}`; Implementation Version Name: `MAMORU`.
"
    )
}

/// Section 15.
fn security() -> String {
    let (versions, suites) = secure_transport::spoken();
    let suites = suites.iter().map(|suite| code(suite)).collect::<Vec<_>>().join(", ");
    let (versions, port) = (versions.join(" and "), secure_transport::PORT);
    format!(
        "## 15 Security

- DICOM over TLS, as acceptor (`[receiver.tls]`, by default on port {port}) and as requestor (`tls` of a destination, `tls://` in
  `receiver.commitment_report_to`): the BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile of PS3.15 annex B.12.
  {versions}, with the suites {suites};
  no renegotiation, no resumption of sessions. As acceptor a certificate of the requestor is required, checked if it is shown, or
  not asked for (`client_certificate`); as requestor the acceptor's certificate is always checked against `ca`, with its name.
  Revocation lists are not read. Without these settings connections are plain TCP, and the plain listener may be switched off
  (`receiver.listen = \"off\"`). Web destinations are reached by TLS (section 6).
- A peer that speaks plain DICOM on the port for TLS is aborted (source 2, reason 0); one that speaks TLS on the port for plain
  DICOM gets the alert `handshake_failure`. The handshake is under the same timeout as A-ASSOCIATE.
- Who may connect is restricted by address (`receiver.peer_addresses_allowed`), calling AE title
  (`receiver.calling_ae_allowed`) and called AE title (`receiver.called_ae_checked`). AE titles are no authentication unless they
  are bound to certificates (`receiver.tls.ae_certificates`): another peer under such a title is rejected with result 1, source 1,
  reason 3.
- User identity negotiation is not answered.
- Logs, errors and file names hold no patient data; UIDs are redacted in them. The state folder holds patient data and is readable
  by its owner only; at rest it is not encrypted by Mamoru.
- No audit messages (PS3.15 section A.5) are sent. No de-identification (PS3.15 annex E) is done.
"
    )
}
