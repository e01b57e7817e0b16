//! Which cluster, and as whom.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};

use crate::Trouble;

/// How long a connection may take until another one is tried.
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster, and as whom: what a command line can say of it.
///
/// Without anything it is as for `kubectl`: the files in `KUBECONFIG`, or else `~/.kube/config`, or else what a pod is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// This kubeconfig, instead of what the environment names.
    pub kubeconfig: Option<PathBuf>,
    /// This context of the kubeconfig, instead of its current one.
    pub context: Option<String>,
}

impl Access {
    /// What a kubeconfig or a pod's environment says.
    pub(crate) async fn config(&self) -> Result<Config, Trouble> {
        let mut config = match self.kubeconfig()? {
            Some(file) => {
                let options =
                    KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(file, &options).await.map_err(|error| unusable(&error))?
            }
            None => self.in_cluster()?,
        };
        config.connect_timeout = Some(CONNECT);
        Ok(config)
    }

    fn kubeconfig(&self) -> Result<Option<Kubeconfig>, Trouble> {
        if let Some(path) = &self.kubeconfig {
            return read(path).map(Some);
        }
        let listed = std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty());
        if let Some(list) = listed {
            return merged(&list).map(Some);
        }
        let usual = std::env::home_dir().map(|home| home.join(".kube/config"));
        usual.filter(|path| path.exists()).map(|path| read(&path)).transpose()
    }

    fn in_cluster(&self) -> Result<Config, Trouble> {
        let nowhere = "there is no kubeconfig, and this is no pod of a cluster";
        if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
            let cure = "name one with `--kubeconfig` or KUBECONFIG".to_owned();
            return Err(Trouble::Access { reason: nowhere.to_owned(), cure });
        }
        if let Some(context) = &self.context {
            return Err(Trouble::Access {
                reason: format!("there is no kubeconfig that could have a context `{context}`"),
                cure:
                    "leave `--context` out to use what this pod is given, or name a file with `--kubeconfig`"
                        .to_owned(),
            });
        }
        Config::incluster().map_err(|error| Trouble::Access {
            reason: format!("this pod has no credentials for its cluster: {error}"),
            cure: "give it a service account and let its token be mounted (`automountServiceAccountToken`)"
                .to_owned(),
        })
    }
}

/// The files of a list like KUBECONFIG's, merged. Of several, those that do not exist are left out, as `kubectl` does.
fn merged(list: &OsStr) -> Result<Kubeconfig, Trouble> {
    let paths: Vec<_> = std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
    let mut whole: Option<Kubeconfig> = None;
    for path in paths.iter().filter(|path| paths.len() == 1 || path.exists()) {
        let next = read(path)?;
        whole = Some(match whole {
            Some(before) => before.merge(next).map_err(|error| unusable(&error))?,
            None => next,
        });
    }
    whole.ok_or_else(|| Trouble::Access {
        reason: format!("none of the files in KUBECONFIG exists (`{}`)", list.to_string_lossy()),
        cure: "correct it, or unset it to use `~/.kube/config`".to_owned(),
    })
}

fn read(path: &Path) -> Result<Kubeconfig, Trouble> {
    Kubeconfig::read_from(path).map_err(|error| match &error {
        KubeconfigError::ReadConfig(reason, _) => Trouble::Access {
            reason: format!("cannot read the kubeconfig `{}`: {reason}", path.display()),
            cure: "check the path, or name another file with `--kubeconfig`".to_owned(),
        },
        KubeconfigError::Parse(reason) => Trouble::Access {
            reason: format!("the kubeconfig `{}` makes no sense: {reason}", path.display()),
            cure: "correct it, or name another file with `--kubeconfig`".to_owned(),
        },
        other => unusable(other),
    })
}

fn unusable(error: &KubeconfigError) -> Trouble {
    let contexts = "see which there are with `kubectl config get-contexts`";
    let (reason, cure) = match error {
        KubeconfigError::CurrentContextNotSet => (
            "the kubeconfig has no current context".to_owned(),
            "choose one with `--context`, or `kubectl config use-context`",
        ),
        KubeconfigError::LoadContext(name) => (format!("the kubeconfig has no context `{name}`"), contexts),
        KubeconfigError::LoadClusterOfContext(name) => {
            (format!("the kubeconfig has no cluster `{name}`, which its context names"), contexts)
        }
        KubeconfigError::MissingClusterUrl => {
            ("the cluster in the kubeconfig has no `server`".to_owned(), "write its address there")
        }
        KubeconfigError::LoadCertificateAuthority(error) => (data("certificate authority", error), REPAIR),
        KubeconfigError::LoadClientCertificate(error) => (data("client certificate", error), REPAIR),
        KubeconfigError::LoadClientKey(error) => (data("client key", error), REPAIR),
        other => (format!("the kubeconfig cannot be used: {other}"), REPAIR),
    };
    Trouble::Access { reason, cure: cure.to_owned() }
}

const REPAIR: &str = "correct the kubeconfig, or get it again from whoever runs the cluster";

fn data(what: &str, error: &LoadDataError) -> String {
    match error {
        LoadDataError::ReadFile(error, path) => {
            format!("cannot read the {what} `{}` that the kubeconfig names: {error}", path.display())
        }
        other => format!("the {what} in the kubeconfig cannot be read: {other}"),
    }
}

#[cfg(test)]
mod tests;
