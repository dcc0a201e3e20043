//! Signing in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use super::{Console, Peer, Shared, Visitor, Wrong};
use crate::access::{FORM, SESSION, SignIn, cookie};
use crate::{pages, random_token, same};

#[derive(Deserialize)]
pub struct SignInForm {
    form: String,
    name: String,
    password: String,
}

/// A form that holds nothing else than the session's token.
#[derive(Deserialize)]
pub struct PlainForm {
    /// The token.
    pub form: String,
}

/// The form to sign in.
pub async fn form() -> Result<Response, Wrong> {
    form_again(StatusCode::OK, None)
}

fn form_again(status: StatusCode, fault: Option<&str>) -> Result<Response, Wrong> {
    let form = random_token()?;
    let page = Html(pages::sign_in(&form, fault).into_string());
    Ok((status, [(header::SET_COOKIE, set_cookie(FORM, &form))], page).into_response())
}

/// Tries to sign in.
pub async fn sign_in(
    State(shared): Console,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, Wrong> {
    if !cookie(&headers, FORM).is_some_and(|expected| expected.len() == 64 && same(expected, &form.form)) {
        return form_again(StatusCode::FORBIDDEN, Some("The form was too old. Please sign in again."));
    }
    match shared.access.sign_in(&form.name, form.password, address).await? {
        SignIn::Done(token) => {
            Ok(([(header::SET_COOKIE, set_cookie(SESSION, &token))], Redirect::to("/")).into_response())
        }
        SignIn::Refused => form_again(
            StatusCode::UNAUTHORIZED,
            Some("Name or password is wrong, or the name is locked after failures. Try again, or wait five minutes."),
        ),
        SignIn::TooOften => {
            form_again(StatusCode::TOO_MANY_REQUESTS, Some("Too many attempts. Wait a minute and try again."))
        }
    }
}

/// Ends the session.
pub async fn sign_out(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Form(form): Form<PlainForm>,
) -> Result<Response, Wrong> {
    visitor.check(&form.form)?;
    shared.access.sign_out(&visitor.headers, &visitor.session, visitor.address)?;
    Ok(Redirect::to("/sign-in").into_response())
}

fn set_cookie(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict")
}
