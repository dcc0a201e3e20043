//! Writes a network computed in half precision, for checks with other runtimes: `to_half NETWORK.onnx OUT.onnx`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(network), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: to_half NETWORK.onnx OUT.onnx".into());
    };
    std::fs::write(out, export::to_half(&std::fs::read(network)?)?)?;
    Ok(())
}
