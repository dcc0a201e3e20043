//! Writes the untrained model's ONNX file, for checks with other runtimes: `dump_untrained FILE [half]`.

use contract::{PreprocessSpec, Topology};
use export::Storage;
use export::untrained::untrained_weights;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: dump_untrained FILE [half]")?;
    let storage = if arguments.next().as_deref() == Some("half") { Storage::Half } else { Storage::Float };
    let topology = Topology::efficientnet_b4();
    let weights = untrained_weights(&topology)?;
    std::fs::write(path, export::to_onnx_stored(&topology, &weights, PreprocessSpec::reference().input, storage)?)?;
    Ok(())
}
