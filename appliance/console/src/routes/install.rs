//! A bundle that comes by the form of the models' page, or by the machine interface.

use std::sync::Arc;

use axum::extract::{Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::{Caller, Console, Shared, Visitor, Wrong};
use crate::device::Id;
use crate::sessions::Notice;
use crate::upload::{self, Source};

/// The form's token comes first, then the file.
pub async fn by_form(State(shared): Console, visitor: Visitor, mut form: Multipart) -> Result<Response, Wrong> {
    let bytes_max = declared(&shared, &visitor.headers)?;
    let odd = |_| Wrong::new(StatusCode::BAD_REQUEST, "The form came damaged. Load the page again and repeat it.");
    let token = match form.next_field().await.map_err(odd)? {
        Some(mut field) if field.name() == Some("form") => {
            let first = field.chunk().await.map_err(odd)?;
            String::from_utf8(first.unwrap_or_default().to_vec()).unwrap_or_default()
        }
        _ => String::new(),
    };
    visitor.check(&token)?;
    let no_file = || Wrong::new(StatusCode::BAD_REQUEST, "No bundle was chosen. Go back and choose a file.");
    let field = form.next_field().await.map_err(odd)?.ok_or_else(no_file)?;
    if field.name() != Some("bundle") || field.file_name().is_none_or(str::is_empty) {
        return Err(no_file());
    }
    let notice = match install(&shared, &visitor.caller(), Source::Field(Box::new(field)), bytes_max).await {
        Ok(id) => Notice { good: true, text: format!("Installed as {}. It can be activated now.", id.short()) },
        Err(wrong) if wrong.status == StatusCode::FORBIDDEN => return Err(wrong),
        Err(wrong) => Notice { good: false, text: wrong.sentence },
    };
    shared.access.tell(&visitor.headers, notice);
    Ok(Redirect::to("/models").into_response())
}

/// The body is the bundle.
///
/// # Errors
/// [`Wrong`].
pub async fn by_body(shared: &Shared, caller: &Caller, request: Request) -> Result<Id, Wrong> {
    let bytes_max = declared(shared, request.headers())?;
    install(shared, caller, Source::Body(request.into_body()), bytes_max).await
}

async fn install(shared: &Shared, caller: &Caller, source: Source<'_>, bytes_max: u64) -> Result<Id, Wrong> {
    const ACTION: &str = "install a bundle";
    shared.permit(caller, ACTION)?;
    let job = match shared.jobs.begin("Install a bundle", &caller.who) {
        Ok(job) => job,
        Err(busy) => {
            upload::drain(source, bytes_max).await;
            return Err(busy.into());
        }
    };
    let result = upload::install(Arc::clone(&shared.device), job, source, bytes_max).await;
    let outcome = result.as_ref().map_or_else(|_| "failed".to_owned(), |id| format!("done: {}", id.short()));
    shared.record(caller, ACTION, &outcome)?;
    Ok(result?)
}

/// What the client says that it sends, within the limit.
fn declared(shared: &Shared, headers: &HeaderMap) -> Result<u64, Wrong> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let said = "The length of the bundle is not said. Send it with a Content-Length.";
    let length = length.ok_or_else(|| Wrong::new(StatusCode::LENGTH_REQUIRED, said))?;
    if length > shared.limits.bundle_bytes_max {
        let said = format!(
            "The bundle is larger than {} bytes. Check that it is the right file.",
            shared.limits.bundle_bytes_max
        );
        return Err(Wrong::new(StatusCode::PAYLOAD_TOO_LARGE, said));
    }
    Ok(length)
}
