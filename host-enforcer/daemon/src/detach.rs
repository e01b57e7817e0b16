//! Stopping to enforce.

use crate::command::PinOptions;
use crate::failure::Failure;
use crate::kernel::Kernel;
use crate::names::Names;
use crate::requirement;

/// Removes links, tables and names. Done twice, the second time does nothing.
///
/// # Errors
/// If an enforcer is running, or something cannot be removed.
pub fn detach(options: &PinOptions) -> Result<(), Failure> {
    requirement::root()?;
    if options.pin_dir.exists() {
        let _lock = requirement::lock(&options.pin_dir)?;
        Kernel::remove_pins(&options.pin_dir)?;
    }
    // May never have been written.
    let _ = std::fs::remove_file(Names::path(&options.state_dir, &options.pin_dir));
    Ok(())
}
