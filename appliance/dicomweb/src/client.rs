//! Requests.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Sop;
use ureq::config::AutoHeaderValue;
use ureq::http::{HeaderValue, Response};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, Error, SendBody};

use crate::payload::Payload;
use crate::stored::{self, Reply};
use crate::transport::{self, EarlyAnswer};
use crate::{Answer, WebConfig, WebError, WebTimeouts, answer, authorization, failure, trust};

/// The most that is read of an answer's body.
pub const REPLY_BYTES_MAX: u64 = 256 * 1024;
/// The most that is read of an answer's header.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;
/// How long a server may think about a request's header before the object is sent (RFC 9110 section 10.1.1): many never say
/// "100 Continue", Orthanc among them, and each object would wait for it.
const CONSENT_WAIT: Duration = Duration::from_millis(300);
/// The longest key of a request.
const KEY_BYTES_MAX: usize = 255;

/// What kind of document is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentType {
    /// The study's report.
    Json,
    /// A FHIR resource.
    FhirJson,
}

impl DocumentType {
    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::FhirJson => "application/fhir+json",
        }
    }
}

/// A web destination, ready to be sent to. Its clones share what was read at the beginning.
#[derive(Clone)]
pub struct WebClient {
    agent: Agent,
    url: String,
    authorization_file: Option<PathBuf>,
    timeouts: WebTimeouts,
}

impl fmt::Debug for WebClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebClient").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What is sent beside the body.
struct Headers<'a> {
    accept: &'static str,
    key: Option<&'a str>,
}

impl WebClient {
    /// Reads the roots; the authorization file only at each request, because whoever writes it may start later.
    ///
    /// # Errors
    /// [`WebError`], in words for a technician.
    pub fn new(config: &WebConfig) -> Result<Self, WebError> {
        let target = config.target()?;
        let timeouts = config.timeouts()?;
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry patient data to a place that nobody configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // By default the environment's: a place that nobody configured either.
            .proxy(None)
            .user_agent(concat!("mamoru/", env!("CARGO_PKG_VERSION")))
            .accept_encoding(AutoHeaderValue::None)
            .max_response_header_size(HEADER_BYTES_MAX)
            // A connection that idled may be dead, and says so only when an object was sent into it.
            .max_idle_connections(0)
            .timeout_await_100(Some(CONSENT_WAIT))
            .timeout_connect(Some(timeouts.connect()))
            .timeout_global(Some(timeouts.total()));
        // What is reached in the clear needs no roots. A `ca_file` that is wrong is wrong all the same.
        if target.is_tls || config.ca_file.is_some() {
            builder = builder.tls_config(trust::tls(config.ca_file.as_deref())?);
        }
        let agent = Agent::with_parts(builder.build(), transport::connector(), DefaultResolver::default());
        Ok(Self { agent, url: target.url, authorization_file: config.authorization_file.clone(), timeouts })
    }

    /// Stores the Part 10 file at `path`, whose names are `sop`, by STOW-RS (PS3.18 section 10.5). Blocks.
    #[must_use]
    pub fn store(&self, path: &Path, sop: &Sop) -> Answer {
        let payload = match Payload::instance(path) {
            Ok(payload) => payload,
            Err(error) => return no_file(&error),
        };
        let url = format!("{}/studies", self.url.trim_end_matches('/'));
        let response = match self.send(&url, &payload, &Headers { accept: "application/dicom+json", key: None }) {
            Ok(response) => response,
            Err(answer) => return answer,
        };
        match response.status().as_u16() {
            status @ (200..=299 | 409) => {
                let content_type = response.headers().get("content-type").cloned();
                match self.reply(response) {
                    Ok(reply) => {
                        let content_type = content_type.as_ref().map(HeaderValue::as_bytes);
                        stored::judge(status, content_type, &reply, sop.instance.as_str())
                    }
                    Err(answer) => answer,
                }
            }
            status => answer::of_status(status, retry_after(&response)),
        }
    }

    /// Posts the document at `path` to the URL itself. `key` is the same for every try of the same document, so that the
    /// destination can tell a repetition: it goes out as the string of an Idempotency-Key header
    /// (draft-ietf-httpapi-idempotency-key-header, in quotation marks). Any 2xx takes the document; 409 says that the
    /// destination has another one under this key. Blocks.
    #[must_use]
    pub fn post(&self, path: &Path, document: DocumentType, key: &str) -> Answer {
        let is_key = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(is_key) {
            return Answer::Refused { why: "the delivery's key cannot be the value of a header".into() };
        }
        let payload = match Payload::document(path, document.media_type()) {
            Ok(payload) => payload,
            Err(error) => return no_file(&error),
        };
        match self.send(&self.url, &payload, &Headers { accept: document.media_type(), key: Some(key) }) {
            // The body is of no interest: the status is the answer.
            Ok(response) if response.status().is_success() => Answer::Taken,
            Ok(response) => answer::of_status(response.status().as_u16(), retry_after(&response)),
            Err(answer) => answer,
        }
    }

    /// Asks the URL for its OPTIONS, with authorization and without data: name, connection, certificate and authorization
    /// are in order when this succeeds, and something speaks HTTP there. Whether it takes results, only a result shows: many
    /// servers answer OPTIONS with 404 or 405 and store all the same. So returns the status for a person to look at.
    ///
    /// # Errors
    /// What is wrong, in words for a technician: no answer, a redirect, no authorization, or a server in trouble.
    pub fn check(&self) -> Result<u16, String> {
        let mut request = self.agent.options(&self.url).header("connection", "close");
        if let Some(value) = self.authorization()? {
            request = request.header("authorization", value);
        }
        let response = request.call().map_err(|error| failure::words(&error, &self.timeouts))?;
        match response.status().as_u16() {
            status @ (300..=399 | 401 | 403 | 407 | 500..=999) => {
                Err(format!("the destination answers with status {status}"))
            }
            status => Ok(status),
        }
    }

    /// Sends once, or twice where the server does not know `Expect`, which it says before it has the object.
    fn send(&self, url: &str, payload: &Payload, headers: &Headers) -> Result<Response<ureq::Body>, Answer> {
        let response = self.request(url, payload, headers, true)?;
        if response.status().as_u16() == 417 { self.request(url, payload, headers, false) } else { Ok(response) }
    }

    fn request(
        &self,
        url: &str,
        payload: &Payload,
        headers: &Headers,
        expects: bool,
    ) -> Result<Response<ureq::Body>, Answer> {
        let mut request = self
            .agent
            .post(url)
            // It is not used again, so the server need not keep it.
            .header("connection", "close")
            .header("accept", headers.accept)
            .header("content-type", payload.content_type())
            .header("content-length", payload.length());
        if expects {
            // A redirect, a refusal or a demand for authorization comes before the patient's data is sent, not after.
            request = request.header("expect", "100-continue");
        }
        if let Some(key) = headers.key {
            request = request.header("idempotency-key", format!("\"{key}\""));
        }
        if let Some(value) = self.authorization().map_err(Answer::unreachable)? {
            request = request.header("authorization", value);
        }
        let mut body = payload.open().map_err(|error| no_file(&error))?;
        let sent = request.send(SendBody::from_reader(&mut body));
        sent.map_err(|error| {
            if body.is_broken() {
                return Answer::failed("result file changed or could not be read while it was sent");
            }
            self.unanswered(&error)
        })
    }

    /// What a request without a whole answer means.
    fn unanswered(&self, error: &Error) -> Answer {
        let early = match error {
            Error::Other(other) => other.downcast_ref::<EarlyAnswer>(),
            _ => None,
        };
        match early {
            // Success is no success of an object that was not there yet; a conflict has no reason that could be read.
            Some(EarlyAnswer(200..=299)) | None => Answer::unreachable(failure::words(error, &self.timeouts)),
            Some(EarlyAnswer(status)) => answer::of_status(*status, None),
        }
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        self.authorization_file.as_deref().map(authorization::read).transpose()
    }

    /// Reads the body of an answer; what breaks off there is no answer.
    fn reply(&self, response: Response<ureq::Body>) -> Result<Reply, Answer> {
        let mut bytes = Vec::new();
        let body = response.into_body().into_reader();
        match body.take(REPLY_BYTES_MAX + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > REPLY_BYTES_MAX => Ok(Reply::TooLarge),
            Ok(0) => Ok(Reply::Empty),
            Ok(_) => Ok(Reply::Bytes(bytes)),
            Err(error) => Err(Answer::unreachable(failure::words(&Error::from(error), &self.timeouts))),
        }
    }
}

fn retry_after<B>(response: &Response<B>) -> Option<&[u8]> {
    response.headers().get("retry-after").map(HeaderValue::as_bytes)
}

/// A result file that cannot be sent: one that is gone does not come back.
fn no_file(error: &io::Error) -> Answer {
    match error.kind() {
        kind @ io::ErrorKind::NotFound => Answer::Refused { why: format!("result file is gone: {kind}") },
        kind => Answer::Failed { why: format!("result file cannot be read: {kind}") },
    }
}
