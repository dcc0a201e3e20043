//! `mamoru queue`: results on their way.

use std::io::Write;

use anyhow::bail;
use domain::DeliveryState;
use serde_json::json;

use crate::cli::{QueueArgs, QueueCommand};
use crate::commands::{print_json, state_dir};
use crate::control::{DELIVERIES_SHOWN_MAX, DeliveryLine, Request, Response, ask};
use crate::exit_code::Exit;

/// Lists deliveries or makes them due.
///
/// # Errors
/// When no device is running or it cannot answer.
pub fn run(arguments: &QueueArgs) -> anyhow::Result<Exit> {
    let request = match &arguments.command {
        None => Request::Deliveries { all: arguments.all },
        Some(QueueCommand::Retry { id }) => Request::Retry { id: id.clone() },
    };
    let is_json = arguments.running.json;
    match ask(&state_dir(&arguments.running)?, &request)? {
        Response::Deliveries { deliveries } if is_json => print_json(&json!({ "deliveries": deliveries }))?,
        Response::Deliveries { deliveries } => print(&deliveries, &mut std::io::stdout().lock())?,
        Response::Retried { count } if is_json => print_json(&json!({ "retried": count }))?,
        Response::Retried { count } => writeln!(std::io::stdout(), "{count} results are tried again now")?,
        Response::Failed { why } => bail!("{why}"),
        Response::Status(_) | Response::Asked => bail!("the device gave another answer than was asked for"),
    }
    Ok(Exit::Success)
}

fn print(deliveries: &[DeliveryLine], output: &mut impl Write) -> std::io::Result<()> {
    if deliveries.is_empty() {
        return writeln!(output, "nothing is on its way");
    }
    writeln!(output, "{:<33} {:<12} {:<9} {:<18} {:>5}  state", "id", "destination", "study", "object", "tries")?;
    for delivery in deliveries {
        let state = match delivery.state {
            DeliveryState::Due { .. } => "due",
            DeliveryState::Stored { .. } | DeliveryState::Committing { .. } => "taken, not committed yet",
            DeliveryState::Delivered { .. } => "delivered",
            DeliveryState::Parked { .. } => "PARKED",
            DeliveryState::Standby => "not needed so far",
            DeliveryState::Replaced { .. } => "another kind instead",
        };
        let error = delivery.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        let kind = delivery.kind.name();
        writeln!(
            output,
            "{:<33} {:<12} {:<9} {kind:<18} {:>5}  {state}{error}",
            delivery.id, delivery.destination, delivery.study, delivery.attempts
        )?;
    }
    if deliveries.len() >= DELIVERIES_SHOWN_MAX {
        writeln!(output, "only the first {DELIVERIES_SHOWN_MAX} are shown")?;
    }
    Ok(())
}
