//! Programs and objects in the format ELF.

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};

use crate::document::Platform;

/// Whether a program runs on a platform with nothing beside it: an image from scratch has no loader and no libraries.
///
/// # Errors
/// With the reason why it does not.
pub(super) fn look_program(bytes: &[u8], platform: &Platform) -> Result<(), String> {
    let header = header(bytes)?;
    let order = header.endian().map_err(said)?;
    let wanted = match platform.architecture.as_str() {
        "arm64" => elf::EM_AARCH64,
        _ => elf::EM_X86_64,
    };
    let machine = header.e_machine(order);
    if machine != wanted {
        return Err(format!("it is a program for {}, not for {platform}", machine_name(machine)));
    }
    if !matches!(header.e_type(order), elf::ET_EXEC | elf::ET_DYN) {
        return Err("it is no program".to_owned());
    }
    let mut loaded = false;
    for segment in header.program_headers(order, bytes).map_err(said)? {
        match segment.p_type(order) {
            elf::PT_LOAD => loaded = true,
            elf::PT_INTERP => {
                let loader = segment.data(order, bytes).unwrap_or_default();
                let loader = String::from_utf8_lossy(loader);
                let loader = loader.trim_end_matches('\0');
                return Err(format!(
                    "it is not static: it needs the loader `{loader}`, which is not in the image"
                ));
            }
            _ => {}
        }
        let needs = segment.dynamic(order, bytes).map_err(said)?.unwrap_or_default();
        if needs.iter().any(|entry| entry.tag(order) == elf::DT_NEEDED) {
            return Err("it is not static: it needs libraries, which are not in the image".to_owned());
        }
    }
    if loaded { Ok(()) } else { Err("nothing in it would be loaded".to_owned()) }
}

/// Whether an object holds programs that a kernel can load, with the types that it checks them by.
///
/// # Errors
/// With the reason why not.
pub(super) fn look_kernel_programs(bytes: &[u8]) -> Result<(), String> {
    let header = header(bytes)?;
    let order = header.endian().map_err(said)?;
    let machine = header.e_machine(order);
    if machine != elf::EM_BPF {
        return Err(format!("it is for {}, not for the kernel's virtual machine", machine_name(machine)));
    }
    if header.e_type(order) != elf::ET_REL || order != Endianness::Little {
        return Err("it is not a relocatable object in little-endian order".to_owned());
    }
    let sections = header.sections(order, bytes).map_err(said)?;
    let (mut programs, mut types) = (false, false);
    for section in sections.iter() {
        let data = section.data(order, bytes).map_err(said)?;
        let flags: u64 = section.sh_flags(order);
        let executable = flags & u64::from(elf::SHF_EXECINSTR) != 0;
        let name = sections.section_name(order, section).map_err(said)?;
        programs |= executable && !data.is_empty() && name != b".text";
        types |= name == b".BTF" && !data.is_empty();
    }
    if !programs {
        return Err("there is no program in it".to_owned());
    }
    if types {
        Ok(())
    } else {
        Err("it has no types (`.BTF`), without which its maps cannot be made".to_owned())
    }
}

fn header(bytes: &[u8]) -> Result<&FileHeader64<Endianness>, String> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err("it does not begin as an ELF file does".to_owned());
    }
    FileHeader64::parse(bytes).map_err(said)
}

fn said(error: object::read::Error) -> String {
    format!("it is broken: {}", error.to_string().to_lowercase())
}

fn machine_name(machine: u16) -> String {
    match machine {
        elf::EM_X86_64 => "amd64".to_owned(),
        elf::EM_AARCH64 => "arm64".to_owned(),
        elf::EM_BPF => "the kernel's virtual machine".to_owned(),
        other => format!("machine {other} of the ELF format"),
    }
}
