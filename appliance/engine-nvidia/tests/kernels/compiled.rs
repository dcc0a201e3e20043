//! What NVRTC made of the kernels (`tests/peers/nvrtc.py`), interpreted: the same bits as the host's and the reference's.
//! The folder of PTX files is named by `MAMORU_PTX`.

use std::fs;
use std::path::PathBuf;

use engine_nvidia::kernels::{NAMES, SOURCE};

use crate::cases::any_case;
use crate::corners::{check_halves, corner_cases};
use crate::ptx::Compiled;
use crate::reference::check;

/// Images from seeds on each compiler and architecture.
const SEEDS: u64 = 12;

/// Each PTX file with its name; none, and said so, without the variable.
fn compiled() -> Vec<(String, String)> {
    let Some(folder) = std::env::var_os("MAMORU_PTX").map(PathBuf::from) else {
        crate::not_run("the NVIDIA kernels' PTX in the interpreter: MAMORU_PTX names no folder (tests/peers/nvrtc.py)");
        return Vec::new();
    };
    let source = fs::read_to_string(folder.join("kernels.cu")).expect("the source beside the PTX");
    assert!(source == SOURCE, "the PTX is of another source than the engine's");
    let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "ptx"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    assert_eq!(files.len(), 5, "compilers and architectures");
    files
}

#[test]
fn the_compiled_kernels_give_the_references_bits() {
    for (name, text) in compiled() {
        let machine = Compiled::new(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(check_halves(&machine), Ok(()), "{name}");
        for (corner, case) in corner_cases() {
            assert_eq!(check(&machine, &case), Ok(()), "{name}, {corner}");
        }
        for seed in 0..SEEDS {
            assert_eq!(check(&machine, &any_case(seed, 60)), Ok(()), "{name}, seed {seed}");
        }
        println!("{name}: {} corners, {SEEDS} images", corner_cases().len());
    }
}

#[test]
fn the_compiled_kernels_have_the_names_that_are_launched() {
    for (name, text) in compiled() {
        let module = Compiled::new(&text).unwrap();
        let mut found = module.names();
        found.sort_unstable();
        let mut expected = NAMES;
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}");
    }
}

/// An instruction that is known but wrong does not pass: the comparison sees it.
#[test]
fn a_wrong_instruction_is_found() {
    let Some((name, text)) = compiled().into_iter().next() else { return };
    for (kernel, from, to) in [
        ("resize", "mul.rn.f32", "add.rn.f32"),
        ("cam_axes", "div.rn.f64", "mul.rn.f64"),
        ("survey", "min.u32", "max.u32"),
    ] {
        let start = text.find(&format!(".entry {kernel}(")).unwrap();
        let at = start + text[start..].find(from).unwrap();
        let changed = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
        let machine = Compiled::new(&changed).unwrap();
        let wrong = corner_cases().iter().any(|(_, case)| check(&machine, case).is_err());
        assert!(wrong, "{name}: {to} for {from} in {kernel} changes nothing");
    }
}
