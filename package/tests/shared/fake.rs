//! Files that look as those of a build do, as small as they can be.

use std::fs;
use std::path::{Path, PathBuf};

use bookend_package::document::Platform;

/// A directory of a test's own, which is removed with everything in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bookend-package-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The files of an enforcer for a platform, in a directory of that name.
    pub(crate) fn platform(&self, platform: &Platform) -> PathBuf {
        let machine = if platform.architecture == "arm64" { ARM64 } else { AMD64 };
        let name = &platform.architecture;
        self.write(&format!("{name}/bookend-enforcer"), &program(machine, &[LOAD], b"enforcer"));
        self.write(&format!("{name}/bookend-cni"), &program(machine, &[LOAD], b"cni"));
        self.write(&format!("{name}/bookend_ebpf.o"), &kernel_programs(BPF, &["classifier", ".BTF"]));
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) const AMD64: u16 = 62;
pub(crate) const ARM64: u16 = 183;
pub(crate) const BPF: u16 = 247;
/// A segment that is loaded.
pub(crate) const LOAD: u32 = 1;
/// A segment that names a loader.
pub(crate) const INTERPRETER: u32 = 3;

/// The header of an ELF file of 64 bits in little-endian order.
fn header(kind: u16, machine: u16, segments: u16, sections: (u64, u16, u16)) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend((if segments > 0 { 64_u64 } else { 0 }).to_le_bytes());
    bytes.extend(sections.0.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    for field in [64, 56, segments, 64, sections.1, sections.2] {
        bytes.extend(field.to_le_bytes());
    }
    bytes
}

/// A program with segments of some kinds, each of the same content.
pub(crate) fn program(machine: u16, segments: &[u32], content: &[u8]) -> Vec<u8> {
    let mut bytes = header(2, machine, u16::try_from(segments.len()).unwrap(), (0, 0, 0));
    let at = (64 + 56 * segments.len()) as u64;
    let size = content.len() as u64;
    for kind in segments {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(5_u32.to_le_bytes());
        for field in [at, 0x1000, 0x1000, size, size, 1] {
            bytes.extend(field.to_le_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

/// A relocatable object with sections, of which those can be run whose names have no dot.
pub(crate) fn kernel_programs(machine: u16, sections: &[&str]) -> Vec<u8> {
    let mut names = b"\0".to_vec();
    let mut rows: Vec<[u64; 10]> = vec![[0; 10]];
    let content = 64_u64;
    for name in sections.iter().copied().chain([".shstrtab"]) {
        let (at, size) = if name == ".shstrtab" { (content + 8, 0) } else { (content, 8) };
        let (kind, flags) = match name {
            ".shstrtab" => (3, 0),
            _ if name.starts_with('.') => (1, 0),
            _ => (1, 4),
        };
        rows.push([names.len() as u64, kind, flags, 0, at, size, 0, 0, 1, 0]);
        names.extend(name.as_bytes());
        names.push(0);
    }
    rows.last_mut().unwrap()[5] = names.len() as u64;
    let last = u16::try_from(rows.len() - 1).unwrap();
    let mut bytes = header(1, machine, 0, (content + 8 + names.len() as u64, last + 1, last));
    bytes.extend([0; 8]);
    bytes.extend(names);
    for [name, kind, flags, address, at, size, link, info, align, entry] in rows {
        bytes.extend(u32::try_from(name).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(kind).unwrap().to_le_bytes());
        for field in [flags, address, at, size] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(u32::try_from(link).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(info).unwrap().to_le_bytes());
        bytes.extend(align.to_le_bytes());
        bytes.extend(entry.to_le_bytes());
    }
    bytes
}

/// What a module has to export to be Bookend's filter.
pub(crate) const EXPORTS: [&str; 7] = [
    "proxy_abi_version_0_2_1",
    "malloc",
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_request_headers",
    "proxy_on_new_connection",
    "memory",
];

/// A module that exports a function by each name, and its memory by the name `memory`; with some bytes that do nothing.
pub(crate) fn module(exports: &[&str], padding: &[u8]) -> Vec<u8> {
    let number = |mut value: usize| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        bytes
    };
    let section = |id: u8, content: &[u8]| [&[id][..], &number(content.len()), content].concat();
    let mut list = number(exports.len());
    for name in exports {
        list.extend(number(name.len()));
        list.extend(name.as_bytes());
        list.extend(if *name == "memory" { [2, 0] } else { [0, 0] });
    }
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[1, 0]),
        section(5, &[1, 0, 1]),
        section(7, &list),
        section(10, &[1, 2, 0, 0x0b]),
        section(0, &[&number(7)[..], b"padding", padding].concat()),
    ]
    .concat()
}

/// Bytes that do not compress, always the same.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| next()).collect()
}
