//! What forms ask for. Each has the session's token, is for technicians unless it concerns the user alone, and leaves a line in
//! the audit file.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::shared::found;
use super::signing::PlainForm;
use super::{Console, Visitor, Wrong};
use crate::access::Change;
use crate::device::{Answer, Device, Fault, Id, ModelChange, Name};
use crate::pages::{self, Place};
use crate::sessions::Notice;
use crate::{ConsoleError, Role, same};

#[derive(Deserialize)]
pub struct FormWithStudy {
    form: String,
    /// Which study's page to go back to.
    #[serde(default)]
    study: String,
}

#[derive(Deserialize)]
pub struct PasswordForm {
    form: String,
    old: String,
    new: String,
    again: String,
}

#[derive(Deserialize)]
pub struct IdentifiersForm {
    form: String,
    shown: bool,
    #[serde(default)]
    study: String,
}

#[derive(Deserialize)]
pub struct TokenForm {
    form: String,
    name: String,
    role: Role,
}

fn back_to(study: &str, otherwise: &str) -> Response {
    let page = Id::parse(study).map_or_else(|| otherwise.to_owned(), |id| format!("/studies/{id}"));
    Redirect::to(&page).into_response()
}

/// Whether something is said as an error on the next page, or is an answer of its own.
fn noticed(result: Result<String, Wrong>) -> Result<Notice, Wrong> {
    match result {
        Ok(text) => Ok(Notice { good: true, text }),
        Err(wrong) if wrong.status == StatusCode::CONFLICT || wrong.status == StatusCode::SERVICE_UNAVAILABLE => {
            Ok(Notice { good: false, text: wrong.sentence })
        }
        Err(wrong) => Err(wrong),
    }
}

/// Has a delivery tried again.
pub async fn retry(
    State(shared): Console,
    visitor: Visitor,
    Path(delivery): Path<String>,
    Form(form): Form<FormWithStudy>,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    let id = found(Id::parse(&delivery))?;
    let action = format!("retry delivery {}", id.short());
    let done = shared.perform(&visitor.caller(), &action, move |device| device.retry(&id)).await;
    shared.access.tell(&visitor.headers, noticed(done.map(|()| "The delivery is tried again now.".into()))?);
    Ok(back_to(&form.study, "/deliveries"))
}

/// Asks a destination whether it is there.
pub async fn echo(
    console: Console,
    visitor: Visitor,
    path: Path<String>,
    form: Form<PlainForm>,
) -> Result<Response, Wrong> {
    call(console, visitor, (path, form), "echo destination", |device, name| device.echo(name)).await
}

/// Sends the result of a synthetic exam.
pub async fn test_send(
    console: Console,
    visitor: Visitor,
    path: Path<String>,
    form: Form<PlainForm>,
) -> Result<Response, Wrong> {
    call(console, visitor, (path, form), "test send to destination", |device, name| device.test_send(name)).await
}

async fn call(
    State(shared): Console,
    visitor: Visitor,
    (Path(name), Form(form)): (Path<String>, Form<PlainForm>),
    action: &str,
    ask: impl FnOnce(&dyn Device, &Name) -> Result<Answer, Fault> + Send + 'static,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    let name = found(Name::parse(&name))?;
    let asked = name.clone();
    let answer =
        shared.perform(&visitor.caller(), &format!("{action} {name}"), move |device| ask(device, &asked)).await?;
    shared.access.tell(&visitor.headers, said(&name, &answer));
    Ok(Redirect::to("/destinations").into_response())
}

fn said(name: &Name, answer: &Answer) -> Notice {
    Notice { good: answer.good, text: format!("{name}: {} ({} ms)", answer.sentence, answer.duration_ms) }
}

/// Changes what a model is.
pub async fn change_model(
    State(shared): Console,
    visitor: Visitor,
    Path((model, change)): Path<(String, String)>,
    Form(form): Form<PlainForm>,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    let model = found(Id::parse(&model))?;
    let change = found(ModelChange::ALL.into_iter().find(|one| one.name() == change))?;
    let work = shared.change_model(&visitor.caller(), model, change).await;
    let notice = match work {
        Ok(work) => work
            .outcome
            .map(|outcome| Notice { good: outcome.good, text: format!("{}: {}", work.title, outcome.sentence) }),
        Err(wrong) => Some(noticed(Err(wrong))?),
    };
    // What is still under way, the page shows by itself.
    if let Some(notice) = notice {
        shared.access.tell(&visitor.headers, notice);
    }
    Ok(Redirect::to("/models").into_response())
}

/// Shows or hides who studies are of, in this session.
pub async fn show_identifiers(
    State(shared): Console,
    visitor: Visitor,
    Form(form): Form<IdentifiersForm>,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    let action = if form.shown { "show patient identifiers" } else { "hide patient identifiers" };
    shared.record(&visitor.caller(), action, "done")?;
    shared.access.show_identifiers(&visitor.headers, form.shown);
    Ok(back_to(&form.study, "/account"))
}

/// Gives the user another password.
pub async fn change_password(
    State(shared): Console,
    visitor: Visitor,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    let caller = visitor.caller();
    let said = if !same(&form.new, &form.again) {
        Some("The two new passwords differ. Type the new one twice.".to_owned())
    } else {
        shared.record(&caller, "change own password", "asked")?;
        let changed = shared.access.change_password(&visitor.session, form.old, form.new).await?;
        let (outcome, said) = match changed {
            Change::Done => ("done", None),
            Change::Refused => {
                let said =
                    "The old password is wrong, or the name is locked after failures. Try again, or wait five minutes.";
                ("refused", Some(said.to_owned()))
            }
            Change::Unfit => ("unfit", Some(format!("{}. Choose another one.", ConsoleError::Password))),
        };
        shared.record(&caller, "change own password", outcome)?;
        said
    };
    let Some(text) = said else { return Ok(Redirect::to("/sign-in").into_response()) };
    shared.access.tell(&visitor.headers, Notice { good: false, text });
    Ok(Redirect::to("/account").into_response())
}

/// Makes a token for a machine, and shows it this once.
pub async fn make_token(
    State(shared): Console,
    visitor: Visitor,
    Form(form): Form<TokenForm>,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    let caller = visitor.caller();
    // What was typed may be anything; only what is a name goes into the audit file.
    let name = if crate::users::is_name(&form.name) { form.name.as_str() } else { "" };
    let action = format!("make token {name} ({})", form.role.text());
    shared.permit(&caller, &action)?;
    match shared.access.make_token(name, form.role, &caller.who).await {
        Ok(token) => {
            shared.record(&caller, &action, "done")?;
            let content = pages::account(&visitor.session, &shared.access.tokens()?, Some((name, &token)));
            Ok(shared.show(&visitor, ("Account", Some(Place::Account)), &content))
        }
        Err(error @ (ConsoleError::Name | ConsoleError::TooManyTokens(_))) => {
            shared.access.tell(&visitor.headers, Notice { good: false, text: error.to_string() });
            Ok(Redirect::to("/account").into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes a token.
pub async fn remove_token(
    State(shared): Console,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(form): Form<PlainForm>,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    let name = found(crate::users::is_name(&name).then_some(name))?;
    let action = format!("remove token {name}");
    shared.permit(&visitor.caller(), &action)?;
    let notice = match shared.access.remove_token(&name).await {
        Ok(()) => Notice { good: true, text: format!("The token {name} is good for nothing any more.") },
        Err(error @ ConsoleError::NoSuchToken) => Notice { good: false, text: error.to_string() },
        Err(error) => return Err(error.into()),
    };
    shared.record(&visitor.caller(), &action, if notice.good { "done" } else { "failed" })?;
    shared.access.tell(&visitor.headers, notice);
    Ok(Redirect::to("/account").into_response())
}
