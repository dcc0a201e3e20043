//! Writes the untrained model's ONNX file, for checks with other runtimes: `dump_untrained FILE`.

use contract::{PreprocessSpec, Topology};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: dump_untrained FILE")?;
    let (_, network) = export::untrained_model(&Topology::efficientnet_b4(), PreprocessSpec::reference())?;
    std::fs::write(path, network)?;
    Ok(())
}
