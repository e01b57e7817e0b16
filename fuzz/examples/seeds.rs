//! Writes the seeds of every target into directories of a directory: `seeds DIRECTORY`.

use std::path::Path;
use std::{env, fs, io, process::ExitCode};

use bookend_fuzz::seed;

fn main() -> io::Result<ExitCode> {
    let Some(directory) = env::args().nth(1) else {
        eprintln!("usage: seeds DIRECTORY");
        return Ok(ExitCode::from(2));
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (number, (target, bytes)) in seed::all(&root).iter().enumerate() {
        let place = Path::new(&directory).join(target);
        fs::create_dir_all(&place)?;
        fs::write(place.join(format!("seed-{number}")), bytes)?;
    }
    Ok(ExitCode::SUCCESS)
}
