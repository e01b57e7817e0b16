//! Asking the kernel to hurry.
//!
//! To attach a program the kernel waits until nobody can be using what was there before (RCU), some hundredths of a second
//! each time. It can be had sooner, for a price that the whole machine pays, so it is asked for only while many interfaces
//! wait to be policed.

use std::path::{Path, PathBuf};

/// The switch (Documentation/admin-guide/kernel-parameters.txt, `rcupdate.rcu_expedited`).
const SWITCH: &str = "/sys/kernel/rcu_expedited";

/// Whether the kernel was asked to hurry by this enforcer.
#[derive(Debug)]
pub(crate) struct Haste {
    /// A file that is there while the kernel was asked, for whoever comes after an enforcer that was killed.
    mark: PathBuf,
    asked: bool,
}

impl Haste {
    /// No haste; that of an enforcer that was killed ends. The mark is kept below `state`, and is that of `pins`.
    pub(crate) fn new(state: &Path, pins: &Path) -> Self {
        let name: String = pins.to_string_lossy().chars().map(|c| if c == '/' { '_' } else { c }).collect();
        let mark = state.join(format!("haste{name}"));
        let mut haste = Self { asked: mark.exists(), mark };
        haste.end();
        haste
    }

    /// Asks the kernel to hurry, unless somebody did. Where it cannot be asked, everything only takes longer.
    pub(crate) fn begin(&mut self) {
        let calm = std::fs::read_to_string(SWITCH).is_ok_and(|value| value.trim() == "0");
        if self.asked || !calm || std::fs::write(&self.mark, "").is_err() {
            return;
        }
        self.asked = true;
        if std::fs::write(SWITCH, "1").is_err() {
            self.end();
        }
    }

    /// Lets the kernel take its time again.
    pub(crate) fn end(&mut self) {
        if self.asked {
            // Where it cannot be written it was not.
            let _ = std::fs::write(SWITCH, "0");
            let _ = std::fs::remove_file(&self.mark);
            self.asked = false;
        }
    }
}

impl Drop for Haste {
    fn drop(&mut self) {
        self.end();
    }
}
