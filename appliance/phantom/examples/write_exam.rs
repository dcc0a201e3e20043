//! Writes a full-size exam, to be looked at or checked by other software: `write_exam FOLDER [SEED]` prints the files.

use std::io::Write as _;
use std::path::Path;

use phantom::{Exam, Size};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: write_exam FOLDER [SEED]")?;
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    for file in Exam::new(seed, Size::Full).write_into(Path::new(&folder))? {
        writeln!(std::io::stdout(), "{}", file.display())?;
    }
    Ok(())
}
