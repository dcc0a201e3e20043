//! Who asks by the machine interface, and what it is told when something is wrong.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::routes::{Caller, Peer, Shared, Wrong};
use crate::same;

/// Holds the session's form token where a signed-in browser acts by the machine interface.
const FORM_HEADER: &str = "x-form-token";

/// A machine with a token, or a signed-in user.
pub struct Machine {
    /// For the audit file.
    pub caller: Caller,
    /// Of the request.
    pub headers: HeaderMap,
}

/// What is wrong, as JSON.
pub struct Problem(Wrong);

impl<T: Into<Wrong>> From<T> for Problem {
    fn from(wrong: T) -> Self {
        Self(wrong.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.0.sentence }).to_string();
        let mut response = (self.0.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if self.0.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl FromRequestParts<Arc<Shared>> for Machine {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let headers = parts.headers.clone();
        let address = parts.extensions.get::<Peer>().map(|peer| peer.0).ok_or_else(Wrong::fault)?;
        if let Some((name, role)) = shared.access.machine(&headers) {
            return Ok(Self { caller: Caller { who: format!("token {name}"), role, address }, headers });
        }
        let said = "Sign in, or send a token that a technician made: Authorization: Bearer ...";
        let session = shared.access.session(&headers).filter(|_| !headers.contains_key(header::AUTHORIZATION));
        let session = session.ok_or_else(|| Wrong::new(StatusCode::UNAUTHORIZED, said))?;
        let form = headers.get(FORM_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if parts.method != Method::GET && parts.method != Method::HEAD && !same(&session.csrf, form) {
            return Err(Wrong::form().into());
        }
        Ok(Self { caller: Caller { who: session.name, role: session.role, address }, headers })
    }
}

/// JSON with a status.
///
/// # Errors
/// [`Problem`] when it cannot be written as JSON.
pub fn json(status: StatusCode, content: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_string(content).map_err(|_| Wrong::fault())?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// No such path.
pub fn nothing_here() -> Problem {
    let said = "There is no such path. Look at /api/v1/openapi.json.";
    Wrong::new(StatusCode::NOT_FOUND, said).into()
}

/// A parameter that cannot be understood.
pub fn odd(name: &str) -> Problem {
    Wrong::new(
        StatusCode::BAD_REQUEST,
        format!("The parameter {name} cannot be understood. Look at /api/v1/openapi.json."),
    )
    .into()
}
