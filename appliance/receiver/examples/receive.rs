//! A receiver alone, for tests with other software: `receive FOLDER` prints its port and runs until its standard input
//! ends.

use std::io::{Read as _, Write as _};
use std::path::Path;

use domain::UnixMillis;
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig, reread};
use tokio::sync::watch;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: receive FOLDER")?;
    let state = StateDir::create(Path::new(&folder))?;
    let (queue, _) = Queue::open(&state, &reread, UnixMillis(0))?;
    let config = ReceiverConfig { listen: "127.0.0.1:0".parse()?, ..ReceiverConfig::default() };
    let runtime = tokio::runtime::Runtime::new()?;
    let receiver = runtime.block_on(Receiver::bind(config, queue, state))?;
    writeln!(std::io::stdout(), "{}", receiver.local_addr().port())?;
    let (stop, stopped) = watch::channel(false);
    let running = runtime.spawn(receiver.run(stopped));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    stop.send(true)?;
    runtime.block_on(running)?;
    Ok(())
}
