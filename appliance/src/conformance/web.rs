//! Results over the web.

use dicomweb::{DocumentType, HEADER_BYTES_MAX, REPLY_BYTES_MAX, WebTimeouts};

pub(super) fn section() -> String {
    let WebTimeouts { connect_ms, total_ms } = WebTimeouts::default();
    let (json, fhir) = (DocumentType::Json.media_type(), DocumentType::FhirJson.media_type());
    format!(
        "## 6 Web services

As user agent only; none is offered.

- **STOW-RS** (PS3.18 section 10.5), for destinations with `stow`: POST to `.../studies`, one Part 10 instance per request as
  `multipart/related; type=\"application/dicom\"`, the answer asked for as `application/dicom+json`. Delivered when the answer is 200 or
  202 and, where it has a body, lists the instance as stored. A listed failure and 409 are judged by its Failure Reason: 0111 delivered;
  A7xx, 0110 and 0213 tried again; 0122 and 415 the next kind of the entry; others parked.
- **POST** of documents, for destinations with `post`: the JSON report (`{json}`) and the FHIR R4 bundle (`{fhir}`), with an
  Idempotency-Key that is the same for every try of one document. Delivered with any 2xx; 409 is parked.
- Both: 3xx, 401, 403, 404, 405, 407, 408, 425, 429, 5xx, no connection and no trust mean that the destination is tried again later,
  with Retry-After up to an hour; other 4xx are parked.

HTTPS (TLS 1.2 and 1.3, server certificate checked against `ca_file` or the operating system's roots); HTTP only to a loopback address.
No redirect is followed and no proxy used. Defaults: {connect_ms} ms for the connection, {total_ms} ms for a whole request. Answers
are read up to {HEADER_BYTES_MAX} bytes of header and {REPLY_BYTES_MAX} of body.
"
    )
}
