//! Writes down which crates are in the filter and in the enforcer, as cargo resolves them for what they run on: the bills of
//! materials of the images are made of it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The constant, the crate, and the target that it is built for.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("FILTER", "bookend-filter", "wasm32-unknown-unknown"),
    ("ENFORCER", "bookend-enforcer", "x86_64-unknown-linux-gnu"),
    ("CNI", "bookend-cni", "x86_64-unknown-linux-gnu"),
    ("EBPF", "bookend-ebpf", "bpfel-unknown-none"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo says no CARGO_MANIFEST_DIR")?);
    let root = root.parent().ok_or("this crate is in a workspace")?;
    let lock = root.join("Cargo.lock");
    let checksums = checksums(&fs::read_to_string(&lock)?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", lock.display());
    let mut code = String::new();
    for (constant, package, target) in PROGRAMS {
        let tree = tree(root, package, target)?;
        for manifest in &tree.manifests {
            println!("cargo::rerun-if-changed={}", manifest.display());
        }
        writeln!(code, "/// The crates of `{package}` for {target}, itself first.")?;
        writeln!(code, "pub(crate) static {constant}: &[Crate] = &[")?;
        for one in &tree.crates {
            let checksum = checksums.get(&(one.name.clone(), one.version.clone()));
            writeln!(
                code,
                "    Crate {{ name: {:?}, version: {:?}, license: {:?}, checksum: {:?}, dependencies: &{:?} }},",
                one.name, one.version, one.license, checksum, one.dependencies
            )?;
        }
        writeln!(code, "];")?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo says no OUT_DIR")?);
    fs::write(out.join("crates.rs"), code)?;
    Ok(())
}

/// Of every crate of a registry, name and version with its SHA-256.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
    };
    let entry = |block| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    lock.split("[[package]]").filter_map(entry).collect()
}

struct Crate {
    name: String,
    version: String,
    license: String,
    /// Where in the list the crates are that it uses itself.
    dependencies: Vec<usize>,
}

struct Tree {
    crates: Vec<Crate>,
    manifests: Vec<PathBuf>,
}

/// What is linked into a program: no tests, no build scripts, no macros, and the features that it has when it is built.
fn tree(root: &Path, package: &str, target: &str) -> Result<Tree, Box<dyn Error>> {
    let mut command = Command::new(env::var_os("CARGO").ok_or("cargo says no CARGO")?);
    command.current_dir(root).args(["tree", "--package", package, "--target", target]);
    command.args(["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "|{p}|{l}|"]);
    // clippy's are not asked what a target is.
    command.env_remove("RUSTC_WRAPPER").env_remove("RUSTC_WORKSPACE_WRAPPER");
    let output = command.output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo cannot say which crates are in `{package}` for {target}: {text}").into());
    }
    let mut tree = Tree { crates: Vec::new(), manifests: Vec::new() };
    let mut path: Vec<usize> = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let [depth, crate_, license, _] = line
            .split('|')
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| format!("`cargo tree` says `{line}`, which this script does not understand"))?;
        let mut words = crate_.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let version = words.next().unwrap_or_default().trim_start_matches('v').to_owned();
        if let Some(directory) = crate_.split_once(" (/").and_then(|(_, rest)| rest.strip_suffix(')')) {
            tree.manifests.push(Path::new("/").join(directory).join("Cargo.toml"));
        }
        let known = tree.crates.iter().position(|one| one.name == name && one.version == version);
        let index = known.unwrap_or_else(|| {
            // Crates of before 2018 write `/`, which SPDX does not know.
            let license = license.replace(" / ", " OR ").replace('/', " OR ");
            tree.crates.push(Crate { name, version, license, dependencies: Vec::new() });
            tree.crates.len() - 1
        });
        path.truncate(depth.parse()?);
        let user = path.last().and_then(|&user| tree.crates.get_mut(user));
        if let Some(user) = user
            && !user.dependencies.contains(&index)
        {
            user.dependencies.push(index);
        }
        path.push(index);
    }
    tree.manifests.sort();
    tree.manifests.dedup();
    Ok(tree)
}
