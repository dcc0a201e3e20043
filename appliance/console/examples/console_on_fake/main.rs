//! The console on a made-up device, to look at its pages: `console_on_fake PORT FOLDER`. Users `ann` (technician) and `bob`
//! (viewer), both with the password `a long password`.

#[allow(dead_code)]
mod fake;

use std::path::PathBuf;
use std::sync::Arc;

use console::{Console, Role, Settings, set_user};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "give a port and a folder: console_on_fake 8443 FOLDER";
    let (port, folder) = (arguments.next().ok_or(usage)?.parse()?, arguments.next().map(PathBuf::from).ok_or(usage)?);
    set_user(&folder, "ann", Role::Technician, "a long password")?;
    set_user(&folder, "bob", Role::Viewer, "a long password")?;
    let mut settings = Settings::new(folder);
    settings.listen.set_port(port);
    let device = Arc::new(fake::Fake::new());
    let console = Console::bind(settings, Arc::<fake::Fake>::clone(&device)).await?;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(console.run(stopped));
    // A line on standard input: one more study.
    let reading = tokio::task::spawn_blocking(move || {
        for _ in std::io::stdin().lines() {
            device.arrive();
        }
    });
    tokio::signal::ctrl_c().await?;
    stop.send(true)?;
    running.await?;
    reading.abort();
    std::process::exit(0);
}
