//! Where lines are written: standard output, or a file that is turned over when it is full.

use std::fs::{File, OpenOptions};
use std::io::{Stdout, Write};
use std::path::{Path, PathBuf};

/// What takes whole lines.
pub trait Page: Send {
    /// Writes a line, which ends in a line feed.
    ///
    /// # Errors
    /// If it was not written, or not wholly.
    fn write_line(&mut self, line: &str) -> std::io::Result<()>;

    /// Opens the file of this name again: somebody else has renamed it.
    ///
    /// # Errors
    /// If that fails; the old one is written to then.
    fn reopen(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    /// Whether writing may succeed after it failed.
    fn recovers(&self) -> bool {
        false
    }
}

impl Page for Stdout {
    fn write_line(&mut self, line: &str) -> std::io::Result<()> {
        self.write_all(line.as_bytes()).and_then(|()| self.flush())
    }
}

/// A file of lines. Before it would get too large it becomes `<name>.1`, what was that `<name>.2`, and so on.
pub struct LineFile {
    path: PathBuf,
    file: File,
    /// Bytes in the file; 0 of what is no regular file, for that cannot be turned over.
    size: u64,
    most: u64,
    keep: u32,
    regular: bool,
    /// The last line was not written wholly.
    torn: bool,
}

impl LineFile {
    /// Appends to the file at `path`, of at most `most` bytes (but one line at least), and keeps `keep` older ones.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path, most: u64, keep: u32) -> std::io::Result<Self> {
        let (file, size, regular) = open(path)?;
        Ok(Self { path: path.to_owned(), file, size, most, keep, regular, torn: false })
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Begins a new file.
    fn turn(&mut self) -> std::io::Result<()> {
        if self.keep == 0 {
            self.file.set_len(0)?;
            self.size = 0;
            return Ok(());
        }
        for number in (1..self.keep).rev() {
            rename(&self.older(number), &self.older(number + 1))?;
        }
        rename(&self.path, &self.older(1))?;
        self.reopen()
    }
}

impl Page for LineFile {
    fn write_line(&mut self, line: &str) -> std::io::Result<()> {
        let length = line.len() as u64;
        if self.regular && self.size > 0 && self.size + length > self.most {
            self.turn()?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
            self.size += u64::from(self.regular);
            self.torn = false;
        }
        let written = self.file.write_all(line.as_bytes());
        match &written {
            Ok(()) if self.regular => self.size += length,
            Ok(()) => {}
            Err(_) => {
                self.torn = true;
                self.size = self.file.metadata().map_or(self.size, |file| file.len());
            }
        }
        written
    }

    fn reopen(&mut self) -> std::io::Result<()> {
        (self.file, self.size, self.regular) = open(&self.path)?;
        self.torn = false;
        Ok(())
    }

    fn recovers(&self) -> bool {
        true
    }
}

fn open(path: &Path) -> std::io::Result<(File, u64, bool)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let about = file.metadata()?;
    let regular = about.is_file();
    Ok((file, if regular { about.len() } else { 0 }, regular))
}

/// Renames what is there.
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("bkd-lines-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn text(&self, name: &str) -> Option<String> {
            std::fs::read_to_string(self.0.join(name)).ok()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_full_file_is_turned_over_and_the_oldest_forgotten() {
        let directory = Directory::new("turn");
        let mut file = LineFile::open(&directory.0.join("events"), 8, 2).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n", "a line that is too long\n"] {
            file.write_line(line).unwrap();
        }
        assert_eq!(directory.text("events").unwrap(), "a line that is too long\n");
        assert_eq!(directory.text("events.1").unwrap(), "five\n");
        assert_eq!(directory.text("events.2").unwrap(), "four\n");
        assert_eq!(directory.text("events.3"), None);
        drop(file);
        // What is there counts.
        let mut file = LineFile::open(&directory.0.join("events"), 30, 2).unwrap();
        file.write_line("seven and more\n").unwrap();
        assert_eq!(directory.text("events").unwrap(), "seven and more\n");
    }

    #[test]
    fn a_file_without_elders_begins_anew() {
        let directory = Directory::new("none");
        let mut file = LineFile::open(&directory.0.join("events"), 8, 0).unwrap();
        for line in ["one\n", "two\n", "three\n"] {
            file.write_line(line).unwrap();
        }
        assert_eq!(directory.text("events").unwrap(), "three\n");
        assert_eq!(directory.text("events.1"), None);
    }

    #[test]
    fn a_file_that_somebody_renamed_is_left_to_them() {
        let directory = Directory::new("reopen");
        let path = directory.0.join("events");
        let mut file = LineFile::open(&path, 1 << 20, 2).unwrap();
        file.write_line("before\n").unwrap();
        std::fs::rename(&path, directory.0.join("taken")).unwrap();
        file.write_line("between\n").unwrap();
        file.reopen().unwrap();
        file.write_line("after\n").unwrap();
        assert_eq!(directory.text("taken").unwrap(), "before\nbetween\n");
        assert_eq!(directory.text("events").unwrap(), "after\n");
    }

    #[test]
    fn what_is_no_regular_file_is_never_turned_over() {
        let mut file = LineFile::open(Path::new("/dev/null"), 1, 3).unwrap();
        for _ in 0..3 {
            file.write_line("much\n").unwrap();
        }
        assert!(!Path::new("/dev/null.1").exists());
    }
}
