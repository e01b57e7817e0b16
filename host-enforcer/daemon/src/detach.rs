//! Stopping to enforce.

use crate::command::PinOptions;
use crate::failure::Failure;
use crate::guard::Guard;
use crate::kernel::Kernel;
use crate::names::Names;
use crate::requirement::{self, Capability};

/// Removes the guard of this network namespace, links, tables and names. Done twice, the second time does nothing.
///
/// # Errors
/// If an enforcer is running, or something cannot be removed.
pub fn detach(options: &PinOptions) -> Result<(), Failure> {
    requirement::capabilities(&[Capability::NetAdmin])?;
    if options.pin_dir.exists() {
        let _lock = requirement::lock(&options.pin_dir)?;
        // First: without the programs nothing has the mark that it demands.
        Guard::new(&options.pin_dir).remove().map_err(|error| Failure::new(error.to_string()))?;
        // The kernel would let go of a link a moment after its pin is gone, and whoever asked may go on at once.
        Kernel::end_links(&options.pin_dir)?;
        Kernel::remove_pins(&options.pin_dir)?;
    } else {
        // Left behind if somebody removed the pins by hand. Where the kernel has no nf_tables there was none.
        let _ = Guard::new(&options.pin_dir).remove();
    }
    // May never have been written.
    let _ = std::fs::remove_file(Names::path(&options.state_dir, &options.pin_dir));
    Ok(())
}
