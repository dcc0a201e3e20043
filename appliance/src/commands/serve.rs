//! `mamoru serve`: the daemon.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ::console::{Console, Settings};
use receiver::Listen;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::ServeArgs;
use crate::commands::{console, print_json, runtime, stop_signal};
use crate::config::Config;
use crate::device::Device;
use crate::device::shown::Shown;
use crate::exit_code::Exit;
use crate::installed;
use crate::logging;

/// Serves until SIGTERM or SIGINT. The CPU engine is ready before anybody can send; the NVIDIA engine, for which a plan may have
/// to be built first, is made ready while images are received already.
///
/// # Errors
/// [`ConfigErrors`](crate::config::ConfigErrors) for a configuration or a model that cannot be used. When the device cannot be started, or did not stop in time.
pub fn run(arguments: &ServeArgs) -> anyhow::Result<Exit> {
    let mut config = Config::load(arguments.config.as_deref())?;
    config.engine = arguments.engine.over(config.engine)?;
    logging::start(config.log);
    let served = installed::assembled(&config)?;
    let runtime = runtime()?;
    let is_in_time = runtime.block_on(async {
        let page = config.console.clone();
        let shown = (config.clone(), arguments.config.clone());
        let device = Device::start(config, served, false).await?;
        let console = match page.listen {
            Listen::At(address) => open_console(address, page.names, shown, &device).await,
            Listen::Off => None,
        };
        let facts = &device.facts;
        let running = facts.current.running();
        if arguments.json {
            print_json(&json!({
                "ready": true,
                "listen": facts.address.to_string(),
                "console": console.as_ref().map(|console| format!("https://{}", console.address)),
                "ae_title": facts.ae_title,
                "engine": running.board.engine(),
                "engine_health": running.board.status(),
                "model": running.model,
                "notice": results::NOTICE,
            }))?;
        } else {
            let mut output = std::io::stdout().lock();
            writeln!(output, "listening on {} as {}", facts.address, facts.ae_title)?;
            if let Some(console) = &console {
                writeln!(output, "page at https://{}", console.address)?;
            }
        }
        stop_signal().await?;
        if let Some(console) = console {
            console.stop().await;
        }
        anyhow::Ok(device.stop().await)
    })?;
    // What is still blocking after the deadline must not hold the process.
    runtime.shutdown_background();
    Ok(if is_in_time { Exit::Success } else { Exit::Failure })
}

/// A console that answers.
struct RunningConsole {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningConsole {
    async fn stop(self) {
        // It may have ended already.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// Starts the console. That there is none keeps no device from taking images: it is said in the log.
async fn open_console(
    listen: SocketAddr,
    names: Vec<String>,
    (config, config_file): (Config, Option<PathBuf>),
    device: &Device,
) -> Option<RunningConsole> {
    let folder = console::folder(&config.state_dir);
    let shown = Shown::new(config, config_file, Arc::clone(&device.answerer));
    let settings = Settings { listen, names, ..Settings::new(folder) };
    let opened = Console::bind(settings, Arc::new(shown)).await;
    let opened = opened.map_err(|error| error.to_string());
    let opened = opened.and_then(|console| Ok((console.address().map_err(|error| error.to_string())?, console)));
    match opened {
        Ok((address, console)) => {
            let (stop, stopped) = watch::channel(false);
            tracing::info!(%address, "the page is there");
            Some(RunningConsole { address, stop, task: tokio::spawn(console.run(stopped)) })
        }
        Err(why) => {
            tracing::error!("there is no page: {why}");
            None
        }
    }
}
