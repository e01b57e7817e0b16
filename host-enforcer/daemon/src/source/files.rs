//! Files as a source.

use super::{Health, Reading, Source};
use crate::input::Input;
use crate::watch::{Change, Watch};
use bookend_lang::Source as Text;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// How long files that were written in place must be left alone before they are read: an edit may write several, and
/// in several goes. One that was renamed into its place is complete.
const SETTLE: Duration = Duration::from_millis(20);
/// How often files are looked at that lie where nobody tells of changes, on another machine for example.
const LOOK: Duration = Duration::from_secs(2);

/// Policy and inventory files.
pub struct Files {
    input: Input,
    watch: AsyncFd<Watch>,
    /// When the files are to be read.
    due: Option<Instant>,
    look: Interval,
    last: Option<Vec<Text>>,
    health: Health,
}

impl Files {
    /// Watches the files of `input`; whatever happens to them from now on is noticed.
    ///
    /// # Errors
    /// If the kernel cannot watch anything.
    pub fn new(input: Input) -> std::io::Result<Self> {
        let watch = Watch::new(input.files())?;
        // SAFETY: a watch owns the one descriptor it returns and keeps it open for as long as it lives.
        let watch = unsafe { AsyncFd::register(watch) }?;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { input, watch, due: None, look, last: None, health: Health::default() })
    }
}

impl Source for Files {
    async fn next(&mut self) -> std::io::Result<Reading> {
        loop {
            let due = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                guard = self.watch.readable_mut() => {
                    let mut guard = guard?;
                    match guard.get_inner_mut().changed() {
                        Some(Change::Whole) => self.due = Some(Instant::now()),
                        Some(Change::Part) => self.due = Some(Instant::now() + SETTLE),
                        None => {}
                    }
                    guard.clear_ready();
                }
                () = tokio::time::sleep_until(due), if self.due.is_some() => {
                    self.due = None;
                    return Ok(self.read());
                }
                _ = self.look.tick() => {
                    if self.watch.get_mut().differs() {
                        self.due = Some(Instant::now());
                    }
                }
            }
        }
    }

    fn read(&mut self) -> Reading {
        // Before reading, so that what changes meanwhile is read again.
        self.watch.get_mut().reading();
        let texts = self.input.read();
        let differs = match &texts {
            Ok(texts) => self.last.as_ref() != Some(texts),
            Err(_) => false,
        };
        self.health.note(&texts, differs);
        if let Ok(texts) = &texts {
            self.last = Some(texts.clone());
        }
        Reading { revision: self.health.revision, texts }
    }

    fn health(&self) -> &Health {
        &self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bkd-source-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn within<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await.unwrap() })
    }

    #[test]
    fn a_file_that_is_replaced_by_another_is_read_at_once_and_the_revision_counts_what_differs() {
        let base = directory("rename");
        let file = base.join("policy.yaml");
        std::fs::write(&file, "one").unwrap();
        within(async {
            let mut files = Files::new(Input { policy: vec![file.clone()], inventory: Vec::new() }).unwrap();
            assert_eq!(files.read().revision, 1);
            assert_eq!(files.read().revision, 1);
            let draft = base.join("draft");
            std::fs::write(&draft, "two").unwrap();
            std::fs::rename(&draft, &file).unwrap();
            let reading = files.next().await.unwrap();
            assert_eq!(reading.revision, 2);
            assert_eq!(reading.texts.unwrap().len(), 1);
            assert!(files.health().last_read.is_some() && files.health().error.is_none());
            std::fs::remove_file(&file).unwrap();
            assert!(files.next().await.unwrap().texts.is_err());
            assert!(files.health().error.as_ref().unwrap().contains("cannot be read"));
        });
        std::fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn a_directory_that_comes_later_and_a_link_that_is_exchanged_are_noticed() {
        let base = directory("later");
        let file = base.join("there").join("policy.yaml");
        within(async {
            let mut files = Files::new(Input { policy: vec![file.clone()], inventory: Vec::new() }).unwrap();
            assert!(files.read().texts.is_err());
            for version in ["one", "two"] {
                std::fs::create_dir_all(base.join(version)).unwrap();
                std::fs::write(base.join(version).join("policy.yaml"), version).unwrap();
                let link = base.join("link");
                std::os::unix::fs::symlink(version, &link).unwrap();
                std::fs::rename(&link, base.join("there")).unwrap();
                assert_eq!(files.next().await.unwrap().texts.unwrap().len(), 1);
            }
            assert_eq!(files.health().revision, 2);
        });
        std::fs::remove_dir_all(&base).unwrap();
    }
}
