//! The files that images are made of, looked at before anybody runs them.

mod elf;
mod module;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::document::Platform;
use crate::{Digest, Flaw};

/// The most bytes that Istio's agent takes of an image (pkg/wasm of istio/istio), and the most that any file may have here.
pub const MOST_BYTES: u64 = 256 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `bookend_filter.wasm`
    Filter,
    /// `bookend-enforcer`
    Enforcer,
    /// `bookend-cni`
    Cni,
    /// `bookend_ebpf.o`
    Programs,
}

impl Part {
    /// The name under which it is built.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Filter => "bookend_filter.wasm",
            Self::Enforcer => "bookend-enforcer",
            Self::Cni => "bookend-cni",
            Self::Programs => "bookend_ebpf.o",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Filter => "the filter's module",
            Self::Enforcer => "the enforcer",
            Self::Cni => "the CNI plugin",
            Self::Programs => "the object with the kernel's programs",
        }
    }

    fn cure(self) -> &'static str {
        match self {
            Self::Filter => "build it with `scripts/build wasm`, or name it by `--wasm FILE`",
            Self::Enforcer | Self::Cni | Self::Programs => {
                "build it with `scripts/build bpf static`, or name its directory by `--platform linux/amd64=DIR`"
            }
        }
    }
}

/// A file that was read and found to be what it should be.
#[derive(Clone, Debug)]
pub struct Input {
    part: Part,
    platform: Option<Platform>,
    bytes: Bytes,
    digest: Digest,
}

impl Input {
    /// Reads the filter's module.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or no proxy would load it.
    pub fn filter(path: &Path) -> Result<Self, Flaw> {
        Self::read(Part::Filter, path, None)
    }

    /// Reads one of the enforcer's files from the directory of a platform.
    ///
    /// # Errors
    /// When it cannot be read, is too large, does not run without libraries, or does not run there.
    pub fn program(part: Part, directory: &Path, platform: &Platform) -> Result<Self, Flaw> {
        Self::read(part, &directory.join(part.file()), Some(platform))
    }

    fn read(part: Part, path: &Path, platform: Option<&Platform>) -> Result<Self, Flaw> {
        let bytes = read(part, path)?;
        let wrong = |reason: String, cure: String| {
            let path = path.to_owned();
            Err(Flaw::Wrong { what: part.what(), path, reason, cure })
        };
        let looked = match (part, platform) {
            (Part::Filter, _) => module::look(&bytes).map(|_| ()),
            (Part::Enforcer | Part::Cni, Some(platform)) => elf::look_program(&bytes, platform),
            (Part::Enforcer | Part::Cni, None) => elf::look_program(&bytes, &Platform::usual()),
            (Part::Programs, _) => elf::look_kernel_programs(&bytes),
        };
        match looked {
            Ok(()) => {
                let digest = Digest::of(&bytes);
                Ok(Self { part, platform: platform.cloned(), bytes: bytes.into(), digest })
            }
            Err(reason) => wrong(reason, part.cure().to_owned()),
        }
    }

    /// What it is.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// The name under which it is built.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.part.file()
    }

    /// Its name, and its platform if it has one: `linux/amd64/bookend-cni`.
    #[must_use]
    pub fn place(&self) -> String {
        let platform = self.platform.as_ref().map(|platform| format!("{platform}/")).unwrap_or_default();
        format!("{platform}{}", self.name())
    }

    /// The content.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The digest of the content.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// What a module of WebAssembly says of itself, if a proxy would load it.
///
/// # Errors
/// With the reason why a proxy would not.
pub fn module_interface(bytes: &[u8]) -> Result<&'static str, String> {
    module::look(bytes)
}

/// Whether a program runs on a platform without any file beside it.
///
/// # Errors
/// With the reason why it does not.
pub fn look_program(bytes: &[u8], platform: &Platform) -> Result<(), String> {
    elf::look_program(bytes, platform)
}

/// Whether an object holds programs that a kernel can load.
///
/// # Errors
/// With the reason why not.
pub fn look_kernel_programs(bytes: &[u8]) -> Result<(), String> {
    elf::look_kernel_programs(bytes)
}

fn read(part: Part, path: &Path) -> Result<Vec<u8>, Flaw> {
    let (what, cure) = (part.what(), part.cure());
    let unreadable = |source| Flaw::Unreadable { what, path: PathBuf::from(path), source, cure };
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let too_large = |size| Flaw::TooLarge { what, path: PathBuf::from(path), size, most: MOST_BYTES };
    if size > MOST_BYTES {
        return Err(too_large(size));
    }
    // Not every file says how long it is, and none may be longer than it said.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}
