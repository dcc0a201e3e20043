//! The Mamoru appliance.
fn main() {}
