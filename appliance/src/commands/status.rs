//! `mamoru status`: how the running device is.

use std::io::Write;

use crate::cli::StatusArgs;
use crate::commands::{print_json, state_dir};
use crate::control::{Status, ask_status};
use crate::exit_code::Exit;
use crate::selftest::{SelfTest, Verdict};
use crate::shadow::Comparison;

/// Asks the running device and prints its answer.
///
/// # Errors
/// When no device is running or it cannot answer.
pub fn run(arguments: &StatusArgs) -> anyhow::Result<Exit> {
    let status = ask_status(&state_dir(&arguments.running)?)?;
    if arguments.running.json {
        print_json(&status)?
    } else {
        print(&status, &mut std::io::stdout().lock())?
    }
    Ok(Exit::Success)
}

fn print(status: &Status, output: &mut impl Write) -> std::io::Result<()> {
    let (queue, receiver) = (&status.queue, &status.receiver);
    writeln!(output, "{}", status.notice)?;
    writeln!(
        output,
        "mamoru {}, {} on {}, up {} s",
        status.version, status.ae_title, status.listen, status.uptime_seconds
    )?;
    if let Some(listen) = &status.listen_tls {
        let days = status.certificate_days_left;
        let days = days.map_or_else(|| "unknown validity".into(), |days| format!("{days} days left"));
        writeln!(
            output,
            "TLS        on {listen}, certificate: {days}; {} handshakes failed",
            receiver.handshakes_failed
        )?;
    }
    writeln!(
        output,
        "model      {} {} ({:?}), engine {}",
        status.model.name, status.model.version, status.model.label, status.engine
    )?;
    if let Some(health) = &status.engine_health {
        writeln!(output, "engine     {}", health.text())?;
    }
    if let Some(test) = &status.self_test {
        writeln!(output, "self-test  {}", self_test(test))?;
    }
    for (line, role) in
        status.shadow.iter().flat_map(Comparison::text).zip(["shadow"].into_iter().chain(std::iter::repeat("")))
    {
        writeln!(output, "{role:<9}  {line}")?;
    }
    writeln!(
        output,
        "receiver   {} images taken, {} refused; {} associations, {} broken off",
        receiver.instances_acknowledged,
        receiver.instances_refused,
        receiver.associations,
        receiver.associations_failed
    )?;
    writeln!(
        output,
        "queue      {} images waiting, {} done; {} studies, {} not reported yet; {} UID conflicts",
        queue.waiting, queue.decided, queue.studies, queue.studies_open, queue.conflicts
    )?;
    for destination in &status.destinations {
        let error = destination.last_error.as_ref().map(|error| format!("; last error: {error}")).unwrap_or_default();
        let uncommitted = match destination.uncommitted {
            0 => String::new(),
            count => format!(" {count} not committed yet,"),
        };
        writeln!(
            output,
            "to {:<12} {} on their way,{uncommitted} {} parked{error}",
            destination.name, destination.due, destination.parked
        )?;
    }
    if queue.deliveries_parked > 0 {
        writeln!(output, "Parked results need you: mamoru queue, then mamoru queue retry.")?;
    }
    for study in &status.studies {
        let state = match study.revision {
            0 => study.state.text().to_owned(),
            revision => format!("{}, revision {revision}", study.state.text()),
        };
        writeln!(output, "study {}   {} images, {} reported, {state}", study.study, study.instances, study.reported)?;
    }
    Ok(())
}

/// The last self-test in a line.
pub fn self_test(test: &SelfTest) -> String {
    let why = test.why.as_deref().unwrap_or_default();
    let of = format!("{} {} on {}", test.subject.model, test.subject.version, test.subject.engine);
    match test.verdict {
        Verdict::Passed => format!("passed ({of})"),
        Verdict::First => format!("passed, the first of its kind ({of})"),
        Verdict::NotHeld => format!("COULD NOT BE HELD: {why}"),
        Verdict::Failed => format!("FAILED, and results say so: {why} ({of})"),
    }
}
