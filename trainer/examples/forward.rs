//! Runs a network on images from a file and writes logit, probability and CAM: `forward TOPOLOGY WEIGHTS IMAGES OUT`.
//!
//! For the check against torchvision (`tests/peers/check_torch.py`). IMAGES holds `image` `[n, 3, rows, columns]`.

use std::path::Path;

use anyhow::{Context as _, Result};
use trainer::{Network, config, weights};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [topology, weights_file, images, out] = arguments.as_slice() else {
        anyhow::bail!("usage: forward TOPOLOGY WEIGHTS IMAGES OUT");
    };
    let weights_file = Path::new(weights_file);
    let network = Network::new(config::topology(topology)?, weights::read(weights_file)?, weights_file)?;
    let images = weights::read(Path::new(images))?.remove("image").context("the file holds no tensor image")?;
    let output = network.evaluate(&images);
    let tensors = [("logit", output.logit), ("probability", output.probability), ("cam", output.cam)];
    weights::write(&tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into(), Path::new(out))?;
    Ok(())
}
