//! Prints the SHA-256 of a file's decoded samples, for comparison with other decoders: `pixel_digest FILE...`.

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut output = std::io::stdout().lock();
    for path in std::env::args().skip(1) {
        let image = imaging::decode(std::fs::File::open(&path)?)?;
        let bytes: Vec<u8> = image.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect();
        writeln!(output, "{}  {path}", contract::Digest::of(&bytes))?;
    }
    Ok(())
}
