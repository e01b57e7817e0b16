//! `bookend-playground-bindgen MODULE DIRECTORY`: writes the module for browsers, and the script that loads it.
//!
//! What `wasm-bindgen --target web` does, without what else is in that command: servers, and clients for browsers under test.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [module, directory] = arguments.as_slice() else {
        bail!("usage: bookend-playground-bindgen MODULE DIRECTORY");
    };
    let mut bindgen = Bindgen::new();
    bindgen.web(true)?.typescript(true).omit_default_module_path(false);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen
        .input_path(module)
        .generate(directory)
        .with_context(|| format!("cannot make a page's engine of `{}`", module.display()))
}
