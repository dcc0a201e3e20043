use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::device::Fault;
use crate::{ConsoleError, pages};

/// Why a request is not answered as it wanted.
#[derive(Debug)]
pub struct Wrong {
    /// What a machine reads.
    pub status: StatusCode,
    /// What a person reads, with the next step.
    pub sentence: String,
}

impl Wrong {
    /// With a sentence for people.
    pub fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into() }
    }

    /// The form's token is wrong.
    pub fn form() -> Self {
        Self::new(StatusCode::FORBIDDEN, "The form was too old. Go back, load the page again and repeat it.")
    }

    /// A viewer wants to act.
    pub fn role() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Only a technician may do this. Sign in as one, or ask one.")
    }

    /// A fault of the software.
    pub fn fault() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "A fault of the software. Look at the log, then try again.")
    }
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        let status = match &fault {
            Fault::NotFound => StatusCode::NOT_FOUND,
            Fault::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
            Fault::Refused(_) => StatusCode::CONFLICT,
            Fault::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, fault.to_string())
    }
}

impl From<ConsoleError> for Wrong {
    fn from(error: ConsoleError) -> Self {
        tracing::error!(%error, "the console cannot answer");
        let said = "A file of the console cannot be read or written. Look at the device's log for which one.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, said)
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Not possible");
        (self.status, Html(pages::wrong(title, &self.sentence).into_string())).into_response()
    }
}
