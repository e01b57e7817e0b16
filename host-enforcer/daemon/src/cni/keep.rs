//! Keeping the plugin where it belongs: others write the network configuration as well.

use super::Door;
use super::install::{Done, Install};
use crate::readiness::readiness;
use crate::say::say;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// How often it is looked at where nobody tells of changes, or something went wrong.
const OFTEN: Duration = Duration::from_secs(2);
/// How often otherwise.
const SELDOM: Duration = Duration::from_secs(60);

/// Puts the plugin on the node, and back whenever somebody has taken it away. What goes wrong is an obstacle, and tried again.
pub(super) async fn keep(install: Install, door: Door) {
    let mut told = None;
    loop {
        // Before looking, so that nothing falls between.
        let watch = watch(&install);
        let done = install.install();
        let now = match &done {
            Ok(Done::Nothing) => None,
            Ok(Done::Written(path)) => Some(format!(
                "pods wait for their policy from now on: the CNI plugin is in `{}`",
                path.display()
            )),
            Ok(Done::NoConfiguration) => Some(format!(
                "there is no network configuration in `{}` yet that the CNI plugin could be added to; waiting for one",
                install.configurations.display()
            )),
            Err(error) => Some(format!("the CNI plugin is not on this node: {error}")),
        };
        if let Some(now) = &now
            && told.as_ref() != Some(now)
        {
            say(now);
        }
        door.obstruct(done.is_err().then(|| now.clone().unwrap_or_default()));
        // That it was put back again and again is worth telling each time.
        told = if matches!(done, Ok(Done::Written(_))) { None } else { now.or(told) };
        match watch {
            // Errors do not go away by a file's changing.
            Some(watch) if done.is_ok() => {
                // Gone or readable: either way it is looked at again.
                let _ = tokio::time::timeout(SELDOM, watch.readable()).await;
            }
            _ => tokio::time::sleep(OFTEN).await,
        }
    }
}

/// Readable once something happened in the directories; `None` if they are not there, or the kernel does not tell.
fn watch(install: &Install) -> Option<AsyncFd<OwnedFd>> {
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
    let flags = WatchFlags::CLOSE_WRITE
        | WatchFlags::MOVED_TO
        | WatchFlags::MOVED_FROM
        | WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF;
    for directory in [&install.configurations, &install.programs] {
        inotify::add_watch(&watch, directory, flags).ok()?;
    }
    readiness(watch, "watch the network configuration").ok()
}
