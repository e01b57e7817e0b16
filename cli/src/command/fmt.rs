//! `bookend fmt`

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bookend_answers::count;
use bookend_lang::{Refused, Source};
use similar::TextDiff;

use crate::exit::{Exit, Stopped};
use crate::output::{self, Format, Stream};
use crate::sources::{read, refused};

/// Write documents in the one way they are written
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Write documents in the one way they are written: the order of fields, indentation and quotes. Comments stay, and so does \
the meaning.

A file is replaced at once, and only if its form changes. Standard input (`-`) is formatted to standard output.",
    after_long_help = "\
Examples:
  Format policies in place:
    bookend fmt policies/*.yaml

  In CI, fail if somebody forgot, and show what is wrong:
    bookend fmt --check --diff policies/*.yaml

Exit code: 0 if every file is formatted now; with `--check`, 3 if one is not; 4 if a file cannot be read as documents."
)]
pub(crate) struct Fmt {
    /// Files, or `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Change nothing, and say which files are not formatted
    #[arg(long)]
    check: bool,

    /// Show what changes, or would
    #[arg(long)]
    diff: bool,
}

impl Fmt {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        if self.files.len() > 1 && self.files.iter().any(|file| file == Path::new("-")) {
            return Err(Stopped::usage("standard input is formatted alone; leave the other files out"));
        }
        // Everything is read before anything is written, so that a mistake changes nothing.
        let mut formatted = Vec::new();
        for file in &self.files {
            if file.is_dir() {
                bail!("`{}` is a directory; name the files, as in `{0}/*.yaml`", file.display());
            }
            let source = read(file)?;
            let text = format(&source)?;
            formatted.push((file, source, text));
        }
        let changed: Vec<_> =
            formatted.iter().filter(|(_, source, text)| source.bytes != text.as_bytes()).collect();
        for (file, source, text) in &changed {
            if self.diff {
                output::print(&difference(source, text))?;
            } else if self.check {
                output::print(&format!("{}\n", file.display()))?;
            }
        }
        if self.check {
            if changed.is_empty() {
                return Ok(Exit::Fine);
            }
            let number = count(changed.len(), "file is", "files are");
            output::print_error(&format!("{number} not formatted; `bookend fmt` formats them\n"));
            return Ok(Exit::Denied);
        }
        for (file, source, text) in &formatted {
            if *file == Path::new("-") {
                if !self.diff {
                    output::print(text)?;
                }
            } else if source.bytes != text.as_bytes() {
                replace(file, text)?;
            }
        }
        Ok(Exit::Fine)
    }
}

fn format(source: &Source) -> anyhow::Result<String> {
    bookend_lang::format(source)
        .map_err(|Refused { diagnostics }| refused(&diagnostics, std::slice::from_ref(source), Format::Text))
}

/// What changes, as `diff -u` writes it.
fn difference(source: &Source, text: &str) -> String {
    let before = String::from_utf8_lossy(&source.bytes);
    let diff = TextDiff::from_lines(before.as_ref(), text);
    let after = format!("{} (formatted)", source.name);
    let unified = diff.unified_diff().header(&source.name, &after).to_string();
    if !Stream::Out.has_colours() {
        return unified;
    }
    let paint = |line: &str| match line.chars().next() {
        Some('-') => format!("\x1b[31m{line}\x1b[0m\n"),
        Some('+') => format!("\x1b[32m{line}\x1b[0m\n"),
        _ => format!("{line}\n"),
    };
    unified.lines().map(paint).collect()
}

/// Replaces a file by one beside it, so that nobody ever sees half of it.
///
/// # Errors
/// When it is not there, and when it cannot be written.
pub(super) fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    // What a link leads to is replaced, not the link.
    let file = file.canonicalize().with_context(|| format!("cannot find `{}`", file.display()))?;
    let shown = file.display();
    let permissions = fs::metadata(&file).with_context(|| format!("cannot read `{shown}`"))?.permissions();
    let mut beside = file.clone().into_os_string();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    // Nobody who may not read the file reads this one meanwhile.
    let create = || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    let written = create()
        .and_then(|mut new| new.write_all(text.as_bytes()))
        .and_then(|()| fs::set_permissions(&beside, permissions))
        .and_then(|()| fs::rename(&beside, &file));
    if written.is_err() {
        // It may not be there at all.
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("cannot write `{shown}`"))
}
