//! The plugin on a node: its program in the directory of plugins, and its place in the network configuration.

use super::conflist::{self, PLUGIN};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What runtimes take for a network configuration (containernetworking/cni, libcni), the list last.
const PLAIN: [&str; 2] = ["conf", "json"];
const LIST: &str = "conflist";
/// A plain configuration that was made a list of waits under this name for the plugin to go.
const SAVED: &str = "before-bookend";

/// Where the plugin is to be, and what is written of it.
#[derive(Clone, Debug)]
pub(crate) struct Install {
    /// The program to copy.
    pub(crate) program: PathBuf,
    /// The directory of plugins.
    pub(crate) programs: PathBuf,
    /// The directory of network configurations.
    pub(crate) configurations: PathBuf,
    /// Where the enforcer listens.
    pub(crate) socket: PathBuf,
    /// How long a pod may wait, in seconds.
    pub(crate) timeout: u64,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Nothing: it is as it should be.
    Nothing,
    /// The plugin is in this configuration now.
    Written(PathBuf),
    /// There is no configuration yet that it could be in.
    NoConfiguration,
}

/// Why the plugin is not where it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// A file cannot be read or written.
    #[error("cannot {what} `{}`: {error}; {cure}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
        /// What to do.
        cure: &'static str,
    },
}

/// What to do where a file cannot be written.
const MOUNT: &str =
    "mount the node's directory there, writable, or name another with --cni-bin-dir or --cni-conf-dir";

fn failed<'p>(what: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> InstallError + use<'p> {
    move |error| InstallError::File { what, path: path.to_owned(), error, cure: MOUNT }
}

impl Install {
    /// Puts the program in its place, and then itself at the end of the configuration that runtimes take: the first by name.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(crate) fn install(&self) -> Result<Done, InstallError> {
        self.place_program()?;
        let entry = self.entry();
        for path in configurations(&self.configurations)? {
            let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
            let is_list = path.extension().is_some_and(|extension| extension == LIST);
            // What runtimes do not take, they pass over as well.
            let written = if is_list {
                let Ok(written) = conflist::with(&text, &entry) else { continue };
                let Some(written) = written else { return Ok(Done::Nothing) };
                replace(&path, written.as_bytes(), mode(&path))?;
                path
            } else {
                let Ok(written) = conflist::converted(&text, &entry) else { continue };
                let list = path.with_extension(LIST);
                replace(&list, written.as_bytes(), mode(&path))?;
                // As long as both are there, runtimes take the other.
                fs::rename(&path, saved(&path)).map_err(failed("rename", &path))?;
                list
            };
            return Ok(Done::Written(written));
        }
        Ok(Done::NoConfiguration)
    }

    /// Takes the plugin out of every configuration, and then its program away. Done twice, the second time does nothing.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(crate) fn remove(&self) -> Result<(), InstallError> {
        for path in configurations(&self.configurations)? {
            let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
            let plain = PLAIN
                .iter()
                .map(|extension| saved(&path.with_extension(extension)))
                .find(|path| path.exists());
            match (conflist::without(&text), plain) {
                // The one that it was made of.
                (Ok(Some(_)), Some(plain)) => {
                    fs::rename(&plain, plain.with_extension("")).map_err(failed("rename", &plain))?;
                    fs::remove_file(&path).map_err(failed("remove", &path))?;
                }
                (Ok(Some(text)), None) => replace(&path, text.as_bytes(), mode(&path))?,
                (Ok(None) | Err(_), _) => {}
            }
        }
        for path in listed(&self.configurations)? {
            // Somebody else has made a list of it since.
            if path.extension().is_some_and(|extension| extension == SAVED) {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        remove(&self.programs.join(PLUGIN))?;
        remove(&self.socket)?;
        // Others may have something there.
        if let Some(directory) = self.socket.parent() {
            let _ = fs::remove_dir(directory);
        }
        Ok(())
    }

    fn place_program(&self) -> Result<(), InstallError> {
        let bytes = fs::read(&self.program).map_err(|error| InstallError::File {
            what: "read",
            path: self.program.clone(),
            error,
            cure: "it belongs beside bookend-enforcer, or in $BOOKEND_DIST; without the plugin use --no-cni",
        })?;
        let place = self.programs.join(PLUGIN);
        let same = fs::read(&place).is_ok_and(|there| there == bytes) && mode(&place) & 0o111 == 0o111;
        if same { Ok(()) } else { replace(&place, &bytes, 0o755) }
    }

    /// What is written of the plugin in a configuration.
    fn entry(&self) -> Value {
        json!({ "type": PLUGIN, "socket": self.socket, "timeoutSeconds": self.timeout })
    }
}

/// The network configurations of a node, in the order in which runtimes take them. A directory that is not there has none.
fn configurations(directory: &Path) -> Result<Vec<PathBuf>, InstallError> {
    let mut all = listed(directory)?;
    let is_one = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        extension == LIST || PLAIN.contains(&extension)
    };
    all.retain(is_one);
    all.sort();
    Ok(all)
}

fn listed(directory: &Path) -> Result<Vec<PathBuf>, InstallError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", directory)(error)),
    };
    let entries: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let files = entries.map_err(failed("list", directory))?.into_iter();
    Ok(files.filter(|path| path.is_file()).collect())
}

/// The name under which a plain configuration waits.
fn saved(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(SAVED);
    PathBuf::from(name)
}

/// The permissions of a file; usual ones if there is none.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0o644, |file| file.mode() & 0o777)
}

/// Writes a file whole or not at all: nobody sees half of one. The draft has a name that no runtime takes for a configuration.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), InstallError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.bookend-draft"));
    let write = || {
        fs::write(&draft, bytes)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(mode))?;
        fs::File::open(&draft)?.sync_all()?;
        fs::rename(&draft, path)
    };
    let written = write();
    if written.is_err() {
        // May never have been made.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(failed("write", path))
}

fn remove(path: &Path) -> Result<(), InstallError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ground {
        base: PathBuf,
        install: Install,
    }

    impl Ground {
        fn new(name: &str) -> Self {
            let base = std::env::temp_dir().join(format!("bkd-install-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&base);
            for directory in ["bin", "conf", "run"] {
                fs::create_dir_all(base.join(directory)).unwrap();
            }
            fs::write(base.join("program"), "program").unwrap();
            let install = Install {
                program: base.join("program"),
                programs: base.join("bin"),
                configurations: base.join("conf"),
                socket: base.join("run/cni.sock"),
                timeout: 10,
            };
            Self { base, install }
        }

        fn conf(&self, name: &str) -> PathBuf {
            self.install.configurations.join(name)
        }

        fn names(&self) -> Vec<String> {
            let files = listed(&self.install.configurations).unwrap().into_iter();
            let mut names: Vec<_> =
                files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Ground {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.base);
        }
    }

    const LISTED: &str = "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"ptp\"}]}\n";

    #[test]
    fn it_waits_for_a_configuration_then_takes_the_first_and_puts_itself_back() {
        let ground = Ground::new("back");
        assert_eq!(ground.install.install().unwrap(), Done::NoConfiguration);
        assert_eq!(mode(&ground.install.programs.join(PLUGIN)), 0o755);
        fs::write(ground.conf("20-other.conflist"), LISTED).unwrap();
        let first = ground.conf("10-net.conflist");
        fs::write(&first, LISTED).unwrap();
        fs::set_permissions(&first, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(ground.install.install().unwrap(), Done::Written(first.clone()));
        assert_eq!(ground.install.install().unwrap(), Done::Nothing);
        assert_eq!(mode(&first), 0o600);
        assert_eq!(fs::read_to_string(ground.conf("20-other.conflist")).unwrap(), LISTED);
        fs::write(&first, LISTED).unwrap();
        assert_eq!(ground.install.install().unwrap(), Done::Written(first.clone()));
        ground.install.remove().unwrap();
        ground.install.remove().unwrap();
        assert_eq!(fs::read_to_string(&first).unwrap(), LISTED);
        assert_eq!(ground.names(), ["10-net.conflist", "20-other.conflist"]);
        assert!(!ground.install.programs.join(PLUGIN).exists() && !ground.base.join("run").exists());
    }

    #[test]
    fn a_plain_configuration_is_made_a_list_and_comes_back() {
        let ground = Ground::new("plain");
        let plain = "{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"type\":\"bridge\"}";
        fs::write(ground.conf("10-net.conf"), plain).unwrap();
        fs::write(ground.conf("05-junk.conf"), "junk").unwrap();
        let list = ground.conf("10-net.conflist");
        assert_eq!(ground.install.install().unwrap(), Done::Written(list.clone()));
        assert_eq!(ground.names(), ["05-junk.conf", "10-net.conf.before-bookend", "10-net.conflist"]);
        assert_eq!(ground.install.install().unwrap(), Done::Nothing);
        // The other plugin writes its own again.
        fs::write(ground.conf("10-net.conf"), plain).unwrap();
        assert_eq!(ground.install.install().unwrap(), Done::Written(list));
        ground.install.remove().unwrap();
        assert_eq!(ground.names(), ["05-junk.conf", "10-net.conf"]);
        assert_eq!(fs::read_to_string(ground.conf("10-net.conf")).unwrap(), plain);
    }

    #[test]
    fn what_cannot_be_written_is_told_with_a_cure() {
        let mut ground = Ground::new("told");
        ground.install.programs = ground.base.join("nowhere");
        let told = ground.install.install().unwrap_err().to_string();
        assert!(told.contains("cannot write") && told.contains("--cni-bin-dir"), "{told}");
        ground.install.program = ground.base.join("nothing");
        let told = ground.install.install().unwrap_err().to_string();
        assert!(told.contains("beside bookend-enforcer"), "{told}");
    }
}
