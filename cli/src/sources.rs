//! The documents a command is given: which files they are in, and what they say.

mod directory;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use bookend_answers::check::Answer;
use bookend_answers::{Documents, count};
use bookend_lang::{Diagnostic, MAX_SOURCE_BYTES, Options, Refused, Source};

use crate::diagnostic;
use crate::exit::{Exit, Stopped};
use crate::output::{self, Format, Stream};

/// Where documents are read from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Files {
    /// Policies: files, directories, or `-` for standard input.
    ///
    /// Bookend's documents, Kubernetes', Istio's and Calico's, in any mixture, as written or as
    /// `kubectl get -o yaml` or `-o json` prints them. Of a directory every `*.yaml`, `*.yml` and `*.json` in it and
    /// in its subdirectories is read, in order of their paths; what is hidden (`.name`) is left out. Both options may
    /// be given several times and take several files each.
    #[arg(short = 'f', long = "file", value_name = "FILE", num_args = 1.., required = true)]
    files: Vec<PathBuf>,

    /// Who is who: Kubernetes manifests and `Inventory` documents; files, directories, or `-`.
    ///
    /// These are read exactly like the policies; two options are a convenience.
    #[arg(short = 'i', long = "inventory", value_name = "FILE", num_args = 1..)]
    inventory: Vec<PathBuf>,

    /// Leave out what other systems' policies say and Bookend cannot express, and say so.
    ///
    /// Without it such documents are refused. Nothing becomes allowed that they do not allow: an allow rule with such a
    /// part is left out, a deny rule or an isolation loses the part and so denies more.
    #[arg(long)]
    best_effort: bool,
}

impl Files {
    /// These files and this inventory, whichever options named them.
    pub(crate) fn new(files: Vec<PathBuf>, inventory: Vec<PathBuf>, best_effort: bool) -> Self {
        Self { files, inventory, best_effort }
    }

    /// How they are read.
    pub(crate) fn options(&self) -> Options {
        Options { best_effort: self.best_effort }
    }

    /// Every file once, however often it is named.
    ///
    /// # Errors
    /// When a directory cannot be read, and when it holds no documents.
    pub(crate) fn paths(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut seen = BTreeSet::new();
        let mut paths = Vec::new();
        for given in self.files.iter().chain(&self.inventory) {
            for path in directory::expand(given)? {
                // Standard input has no canonical path, and neither has a pipe that a shell made.
                if seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                    paths.push(path);
                }
            }
        }
        Ok(paths)
    }

    /// Reads every file once, however often it is named.
    ///
    /// # Errors
    /// When a file is missing or cannot be read, and when a directory holds no documents.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<Source>> {
        self.paths()?.iter().map(|path| read(path)).collect()
    }

    /// Whether standard input is among them, which is read once and never written.
    pub(crate) fn names_standard_input(&self) -> bool {
        self.files.iter().chain(&self.inventory).any(|path| path == Path::new("-"))
    }

    /// Reads every file and compiles them as one whole.
    ///
    /// # Errors
    /// As [`read`](Self::read); and when the documents are refused, with all that is wrong in them: for programs the
    /// same answer that `check` gives.
    pub(crate) fn compile(&self, format: Format) -> anyhow::Result<Documents> {
        let sources = self.read()?;
        match bookend_lang::compile_with(&sources, self.options()) {
            Ok(compiled) => {
                tell_warnings(compiled.warnings.len());
                Ok(Documents::new(compiled, sources))
            }
            Err(Refused { diagnostics }) => Err(refused(&diagnostics, &sources, format)),
        }
    }
}

/// Says that there are warnings, if there are, and who shows them.
pub(crate) fn tell_warnings(number: usize) {
    if number > 0 {
        let warnings = count(number, "warning", "warnings");
        output::print_error(&format!("{warnings}; `bookend check` shows what is meant\n"));
    }
}

/// The end of a command that writes policies, and there are none.
pub(crate) fn no_policy() -> anyhow::Error {
    anyhow!("there is no policy in these files; name those of Kubernetes, Istio, Calico or Bookend with `-f`")
}

/// The end of a command whose documents are refused: for programs the same answer that `check` gives.
pub(crate) fn refused(diagnostics: &[Diagnostic], sources: &[Source], format: Format) -> anyhow::Error {
    let (text, stream) = match format {
        Format::Json => match output::json(&Answer::new(None, diagnostics, sources)) {
            Ok(text) => (text, Stream::Out),
            Err(error) => return error,
        },
        Format::Text => {
            let text = diagnostic::render_all(diagnostics, sources, Stream::Error.has_colours());
            (format!("{text}{}\n", diagnostic::summary(diagnostics)), Stream::Error)
        }
    };
    Stopped { exit: Exit::Invalid, text, stream }.into()
}

/// Reads a file, or as much of it as shows that it is too large.
pub(crate) fn read(path: &Path) -> anyhow::Result<Source> {
    let limit = MAX_SOURCE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        let input = std::io::stdin().lock();
        input.take(limit).read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(Source::new("<stdin>", bytes));
    }
    let shown = path.display();
    let opened = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match opened {
        Ok(_) => Ok(Source::new(shown.to_string(), bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(anyhow!("there is no file `{shown}`; check the path, or use `-` for standard input"))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read `{shown}`")),
    }
}
