//! Says where the compiler keeps the library that unwinds, so that it can be linked in; see `src/barrier.rs`.

use std::error::Error;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let output = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output()?;
    let library = String::from_utf8(output.stdout)?;
    // Only a name comes back where there is no such file: the linker will say so.
    if let Some(directory) = Path::new(library.trim()).parent().filter(|path| path.is_absolute()) {
        println!("cargo:rustc-link-search=native={}", directory.display());
    }
    Ok(())
}
