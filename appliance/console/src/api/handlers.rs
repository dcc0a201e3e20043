//! What answers to each operation.

use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::machine::{Machine, Problem, json, odd};
use crate::device::{DeliveryFilter, Device, Fault, Id, ModelChange, Name, Window};
use crate::events;
use crate::routes::{Asked, Console, Shared, Stop, delivery_state, found, install_body, log_filter, png, window};

type Answered = Result<Response, Problem>;

const ROWS: usize = 100;
const LINES_MAX: usize = 1000;

async fn told<T: Serialize + Send + 'static>(
    shared: &Shared,
    question: impl FnOnce(&dyn Device) -> Result<T, Fault> + Send + 'static,
) -> Answered {
    json(StatusCode::OK, &shared.ask(question).await??)
}

fn id(text: &str) -> Result<Id, Problem> {
    Ok(found(Id::parse(text))?)
}

fn part(asked: &Asked) -> Result<Window, Problem> {
    for name in ["skip", "take"] {
        if asked.get(name).is_some_and(|text| text.parse::<usize>().is_err()) {
            return Err(odd(name));
        }
    }
    Ok(window(asked, ROWS))
}

pub async fn overview(State(shared): Console, _: Machine) -> Answered {
    told(&shared, |device| Ok(device.overview())).await
}

pub async fn studies(State(shared): Console, _: Machine, Query(asked): Query<Asked>) -> Answered {
    let window = part(&asked)?;
    told(&shared, move |device| device.studies(window)).await
}

pub async fn study(State(shared): Console, _: Machine, Path(study): Path<String>) -> Answered {
    let study = id(&study)?;
    told(&shared, move |device| device.study(&study)).await
}

pub async fn picture(State(shared): Console, _: Machine, Path((study, image)): Path<(String, String)>) -> Answered {
    let (study, image) = (id(&study)?, id(&image)?);
    Ok(png(shared.ask(move |device| device.picture(&study, &image)).await??)?)
}

pub async fn heat_map(State(shared): Console, _: Machine, Path((study, image)): Path<(String, String)>) -> Answered {
    let (study, image) = (id(&study)?, id(&image)?);
    Ok(png(shared.ask(move |device| device.heat_map(&study, &image)).await??)?)
}

pub async fn deliveries(State(shared): Console, _: Machine, Query(asked): Query<Asked>) -> Answered {
    let window = part(&asked)?;
    let state = asked.get("state").map(|text| delivery_state(text).ok_or_else(|| odd("state")));
    let destination = asked.get("destination").map(|text| Name::parse(text).ok_or_else(|| odd("destination")));
    let filter = DeliveryFilter { state: state.transpose()?, destination: destination.transpose()? };
    told(&shared, move |device| device.deliveries(&filter, window)).await
}

pub async fn retry(State(shared): Console, machine: Machine, Path(delivery): Path<String>) -> Answered {
    let delivery = id(&delivery)?;
    let action = format!("retry delivery {}", delivery.short());
    shared.perform(&machine.caller, &action, move |device| device.retry(&delivery)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn destinations(State(shared): Console, _: Machine) -> Answered {
    told(&shared, |device| device.destinations()).await
}

pub async fn echo(State(shared): Console, machine: Machine, Path(name): Path<String>) -> Answered {
    let name = found(Name::parse(&name))?;
    let action = format!("echo destination {name}");
    json(StatusCode::OK, &shared.perform(&machine.caller, &action, move |device| device.echo(&name)).await?)
}

pub async fn test_send(State(shared): Console, machine: Machine, Path(name): Path<String>) -> Answered {
    let name = found(Name::parse(&name))?;
    let action = format!("test send to destination {name}");
    json(StatusCode::OK, &shared.perform(&machine.caller, &action, move |device| device.test_send(&name)).await?)
}

pub async fn models(State(shared): Console, _: Machine) -> Answered {
    told(&shared, |device| device.models()).await
}

pub async fn install(State(shared): Console, machine: Machine, request: Request) -> Answered {
    let installed = install_body(&shared, &machine.caller, request).await?;
    json(StatusCode::CREATED, &serde_json::json!({ "id": installed }))
}

pub async fn change_model(
    State(shared): Console,
    machine: Machine,
    Path((model, change)): Path<(String, String)>,
) -> Answered {
    let model = id(&model)?;
    let change = found(ModelChange::ALL.into_iter().find(|one| one.name() == change))?;
    json(StatusCode::ACCEPTED, &shared.change_model(&machine.caller, model, change).await?)
}

pub async fn work(State(shared): Console, _: Machine) -> Answered {
    json(StatusCode::OK, &shared.jobs.last())
}

pub async fn doctor(State(shared): Console, _: Machine) -> Answered {
    json(StatusCode::OK, &shared.doctor().await?)
}

pub async fn logs(State(shared): Console, _: Machine, Query(asked): Query<Asked>) -> Answered {
    let lines_max = match asked.get("take").map(|text| text.parse::<usize>()) {
        None => ROWS,
        Some(Ok(take)) => take.clamp(1, LINES_MAX),
        Some(Err(_)) => return Err(odd("take")),
    };
    let filter = log_filter(&asked, lines_max);
    if asked.get("level").is_some_and(|text| *text != filter.level.name()) {
        return Err(odd("level"));
    }
    told(&shared, move |device| device.logs(&filter)).await
}

pub async fn settings(State(shared): Console, _: Machine) -> Answered {
    let text = shared.ask(|device| device.settings()).await??;
    json(StatusCode::OK, &serde_json::json!({ "text": text }))
}

pub async fn drift(State(shared): Console, _: Machine) -> Answered {
    told(&shared, |device| device.drift()).await
}

pub async fn versions(State(shared): Console, _: Machine) -> Answered {
    told(&shared, |device| Ok(device.versions())).await
}

pub async fn events(State(shared): Console, Extension(Stop(stop)): Extension<Stop>, machine: Machine) -> Answered {
    Ok(events::stream(&shared, machine.headers, stop)?)
}
