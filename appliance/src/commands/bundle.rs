//! `mamoru bundle`: signed models, from the maker's keys to the device that runs one.

mod arguments;
mod device;
mod maker;

use serde_json::json;

pub use arguments::BundleArgs;
use arguments::BundleCommand;

use crate::commands::print_json;
use crate::exit_code::Exit;
use crate::installed::told::Told;

/// Does what is asked.
///
/// # Errors
/// When it is not done; a refusal says its code and what to do.
pub fn run(arguments: &BundleArgs) -> anyhow::Result<Exit> {
    let running = &arguments.running;
    let result = match &arguments.command {
        BundleCommand::Keygen(arguments) => maker::keygen(arguments, running.json),
        BundleCommand::Rotate(arguments) => maker::rotate(arguments, running.json),
        BundleCommand::Pack(arguments) => maker::pack(arguments, running.json),
        BundleCommand::Inspect { file } => maker::inspect(file, running.json),
        BundleCommand::Verify { file, keys } => maker::verify(file, keys, running.json),
        BundleCommand::Install { file, keys } => device::install(running, file, keys.as_deref()),
        BundleCommand::List => device::list(running),
        BundleCommand::Activate { bundle, starts } => device::activate(running, bundle.as_deref(), *starts),
        BundleCommand::Confirm { bundle } => device::confirm(running, bundle.as_deref()),
        BundleCommand::Rollback { why } => device::roll_back(running, why),
        BundleCommand::Shadow { bundle } => device::shadow(running, bundle),
        BundleCommand::Remove { bundle } => device::remove(running, bundle),
        BundleCommand::Allow { bundle } => device::allow(running, bundle),
    };
    match result {
        Ok(()) => Ok(Exit::Success),
        Err(error) => match error.downcast_ref::<Told>() {
            Some(Told { code, what, advice }) if running.json => {
                print_json(&json!({ "error": what, "code": code, "advice": advice }))?;
                Ok(Exit::Failure)
            }
            _ => Err(error),
        },
    }
}
