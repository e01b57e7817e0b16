//! What is said of the CNI plugin on the command line.

use super::Door;
use super::install::Install;
use crate::attachment::Attachments;
use crate::failure::{Failure, cannot};
use clap::Args;
use std::path::{Path, PathBuf};

/// Where the plugin reaches the enforcer.
const SOCKET: &str = "/run/bookend/cni.sock";
/// Where runtimes look for plugins and for network configurations.
const PROGRAMS: &str = "/opt/cni/bin";
const CONFIGURATIONS: &str = "/etc/cni/net.d";

/// Options about the CNI plugin.
#[derive(Clone, Debug, Args)]
pub struct CniOptions {
    /// Let the CNI plugin ask there whether a pod is policed [on a cluster: /run/bookend/cni.sock].
    #[arg(long, value_name = "PATH")]
    pub cni_socket: Option<PathBuf>,
    /// Put the CNI plugin into this directory of the node [on a cluster: /opt/cni/bin].
    #[arg(long, value_name = "DIR", requires = "cni_conf_dir")]
    pub cni_bin_dir: Option<PathBuf>,
    /// Put the CNI plugin at the end of the first network configuration in this directory [on a cluster: /etc/cni/net.d].
    #[arg(long, value_name = "DIR", requires = "cni_bin_dir")]
    pub cni_conf_dir: Option<PathBuf>,
    /// How many seconds a pod may wait for its policy before its start fails and is tried again.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=180))]
    pub cni_timeout: u64,
    /// Leave the node's CNI configuration alone: pods start before they are policed, and are policed once they are seen.
    #[arg(long, conflicts_with_all = ["cni_socket", "cni_bin_dir", "cni_conf_dir"])]
    pub no_cni: bool,
}

impl CniOptions {
    /// Begins to look at this node's pods and to do what is said here, where it is a cluster's node or anything is said; what it
    /// learns of pods.
    ///
    /// # Errors
    /// If the kernel or this program's place is not known.
    pub(crate) fn begin(
        &self,
        cluster: bool,
        state: &Path,
        door: &Door,
    ) -> Result<Option<Attachments>, Failure> {
        let socket = self.socket(cluster);
        if !cluster && socket.is_none() {
            return Ok(None);
        }
        let attachments = super::start(socket, self.install(cluster)?, state, door.clone());
        attachments.map(Some).map_err(|error| cannot("follow this node's pods", &error))
    }

    /// Where to listen, if anywhere.
    pub(crate) fn socket(&self, cluster: bool) -> Option<PathBuf> {
        let usual = (cluster && !self.no_cni).then(|| PathBuf::from(SOCKET));
        // Who installs it wants it heard.
        let wanted = self.cni_bin_dir.as_ref().map(|_| PathBuf::from(SOCKET));
        self.cni_socket.clone().or(usual).or(wanted)
    }

    /// What to install, if anything.
    ///
    /// # Errors
    /// If this program does not know where it lies.
    pub(crate) fn install(&self, cluster: bool) -> Result<Option<Install>, Failure> {
        let given = self.cni_bin_dir.clone().zip(self.cni_conf_dir.clone());
        let usual =
            (cluster && !self.no_cni).then(|| (PathBuf::from(PROGRAMS), PathBuf::from(CONFIGURATIONS)));
        let Some(((programs, configurations), socket)) = given.or(usual).zip(self.socket(cluster)) else {
            return Ok(None);
        };
        let beside = std::env::var_os("BOOKEND_DIST").map_or_else(
            || std::env::current_exe().map(|path| path.with_file_name("")),
            |directory| Ok(PathBuf::from(directory)),
        );
        let program = beside.map_err(|error| cannot("find the CNI plugin", &error))?.join("bookend-cni");
        Ok(Some(Install { program, programs, configurations, socket, timeout: self.cni_timeout }))
    }
}
