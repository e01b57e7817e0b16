//! `bookend-enforcer dump`: what the tables hold, in names and rules, row by row.
//!
//! Works with or without a running enforcer, and holds no table in memory, however large.

mod row;
mod scene;

use crate::command::{DumpOptions, DumpTable, Format};
use crate::failure::Failure;
use crate::kernel::{KernelError, Pinned};
use crate::names::Names;
use crate::requirement::{self, Capability};
use row::{Row, Tagged};
use scene::Scene;
use std::io::{BufWriter, Write};

/// Prints tables.
///
/// # Errors
/// If nothing is pinned, a table cannot be read, or there is no such interface.
pub fn dump(options: &DumpOptions) -> Result<(), Failure> {
    requirement::capabilities(&[Capability::Bpf])?;
    let pins = &options.pins.pin_dir;
    let Some(pinned) = Pinned::open(pins)? else {
        return Err(Failure::new(format!(
            "nothing is pinned in `{}`, so there is nothing to show; start the enforcer, or name its directory with \
             --pin-dir",
            pins.display()
        )));
    };
    let names = Names::load(&Names::path(&options.pins.state_dir, pins));
    let scene = Scene::new(&pinned, &names, options.interface.as_deref())?;
    let tables = if options.table.is_empty() { &DumpTable::USUAL[..] } else { &options.table };
    let mut out =
        Printer { out: BufWriter::new(std::io::stdout().lock()), format: options.output, first: true };
    for table in tables {
        match print(*table, &scene, &mut out) {
            Err(Stop::Unread(error)) => return Err(error.into()),
            // Nobody reads any more.
            Err(Stop::Unwritten) => return Ok(()),
            Ok(()) => {}
        }
    }
    // Nobody may be reading.
    let _ = out.out.flush();
    Ok(())
}

/// Why there are no further rows.
enum Stop {
    Unread(KernelError),
    Unwritten,
}

impl From<KernelError> for Stop {
    fn from(error: KernelError) -> Self {
        Self::Unread(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Unwritten
    }
}

fn print(table: DumpTable, scene: &Scene<'_>, out: &mut Printer<impl Write>) -> Result<(), Stop> {
    let pinned = scene.pinned;
    match table {
        DumpTable::Interfaces => out.all(scene.interfaces()?.into_iter().map(Ok)),
        DumpTable::Policies => {
            out.all(pinned.policies()?.iter().filter_map(|row| scene.policy(row).transpose()))
        }
        DumpTable::Verdicts => {
            out.all(pinned.verdicts()?.iter().filter_map(|row| scene.verdict(row).transpose()))
        }
        DumpTable::Blocks => out.all(pinned.blocks()?.iter().filter_map(|row| scene.block(row).transpose())),
        DumpTable::Identities => out.all(pinned.identities()?.iter().map(|row| scene.identity(row))),
        DumpTable::Limits => {
            let rules = scene.limited()?;
            out.all(pinned.limits()?.iter().filter_map(|row| scene.limit(row, &rules).transpose()))
        }
        DumpTable::Flows => {
            let (flows, identities) = (pinned.flows()?, pinned.identities()?);
            out.all(flows.iter().filter_map(|row| scene.flow(row, &identities).transpose()))
        }
        DumpTable::Buckets => {
            out.all(pinned.buckets()?.iter().filter_map(|row| scene.bucket(row).transpose()))
        }
        DumpTable::Fragments => {
            out.all(pinned.fragments()?.iter().filter_map(|row| scene.fragment(row).transpose()))
        }
    }
}

struct Printer<W> {
    out: W,
    format: Format,
    first: bool,
}

impl<W: Write> Printer<W> {
    fn all<R: Row>(&mut self, rows: impl Iterator<Item = Result<R, KernelError>>) -> Result<(), Stop> {
        if self.format == Format::Json {
            for row in rows {
                // Only a map with keys that are no strings could fail.
                let line = serde_json::to_string(&Tagged { table: R::TABLE, row: row? }).unwrap_or_default();
                writeln!(self.out, "{line}")?;
            }
            return Ok(());
        }
        if !std::mem::take(&mut self.first) {
            writeln!(self.out)?;
        }
        writeln!(self.out, "{}", R::TABLE.to_uppercase())?;
        self.line(R::COLUMNS.iter().map(|(title, width)| ((*title).to_owned(), *width)))?;
        for row in rows {
            let widths = R::COLUMNS.iter().map(|(_, width)| *width);
            self.line(row?.cells().into_iter().zip(widths))?;
        }
        Ok(())
    }

    fn line(&mut self, cells: impl Iterator<Item = (String, usize)>) -> std::io::Result<()> {
        let mut line = String::from(" ");
        for (cell, width) in cells {
            line.push_str(&format!(" {cell:width$} "));
        }
        writeln!(self.out, "{}", line.trim_end())
    }
}
