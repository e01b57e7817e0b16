//! What a runtime says in variables.

use crate::failure::{Code, Failure};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Hold a container until it is policed.
    Add,
    /// Find out whether it is.
    Check,
    /// Forget it.
    Delete,
    /// Say which versions are spoken.
    Version,
    /// Say whether containers can be added (1.1.0).
    Status,
    /// Forget all but some (1.1.0).
    Collect,
}

impl Verb {
    /// The verb in `CNI_COMMAND`.
    pub(crate) fn of(command: Option<&str>) -> Result<Self, Failure> {
        match command {
            Some("ADD") => Ok(Self::Add),
            Some("CHECK") => Ok(Self::Check),
            Some("DEL") => Ok(Self::Delete),
            Some("VERSION") => Ok(Self::Version),
            Some("STATUS") => Ok(Self::Status),
            Some("GC") => Ok(Self::Collect),
            Some(other) => Err(Failure::new(
                Code::Environment,
                format!("`CNI_COMMAND` is `{other}`"),
                "it must be ADD, CHECK, DEL, STATUS, GC or VERSION; this program is called by container runtimes, not by hand",
            )),
            None => Err(missing("CNI_COMMAND")),
        }
    }
}

/// Whom a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The runtime's name of the sandbox.
    pub(crate) container: String,
    /// Where its network namespace lies; empty if it is gone.
    pub(crate) netns: String,
    /// What its interface is called there.
    pub(crate) interface: String,
    /// The pod's namespace.
    pub(crate) namespace: String,
    /// The pod's name.
    pub(crate) pod: String,
    /// The pod's UID.
    pub(crate) uid: String,
}

impl Call {
    /// Whom the variables name; for [`Verb::Delete`] as far as they do.
    pub(crate) fn read(variable: &impl Fn(&str) -> Option<String>, verb: Verb) -> Result<Self, Failure> {
        let lenient = verb == Verb::Delete;
        let needed = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.or_else(|| lenient.then(String::new)).ok_or_else(|| missing(name))
        };
        let arguments = variable("CNI_ARGS").unwrap_or_default();
        let argument = |name: &str| {
            let mut pairs = arguments.split(';').filter_map(|pair| pair.split_once('='));
            let value = pairs.find(|(key, value)| *key == name && !value.is_empty());
            let value = value.map(|(_, value)| value.to_owned());
            value.or_else(|| lenient.then(String::new)).ok_or_else(|| {
                Failure::new(
                    Code::Environment,
                    format!("`CNI_ARGS` lacks {name}, so it is not known which pod is to be policed"),
                    "use a runtime that says it: containerd 1.6 or newer, CRI-O 1.22 or newer; containers that are no pods \
                     need a network configuration without bookend-cni",
                )
            })
        };
        Ok(Self {
            container: needed("CNI_CONTAINERID")?,
            netns: needed("CNI_NETNS")?,
            interface: needed("CNI_IFNAME")?,
            namespace: argument("K8S_POD_NAMESPACE")?,
            pod: argument("K8S_POD_NAME")?,
            uid: argument("K8S_POD_UID")?,
        })
    }
}

fn missing(name: &str) -> Failure {
    Failure::new(
        Code::Environment,
        format!("the variable `{name}` is missing"),
        "this program is called by container runtimes with the variables of the CNI specification, not by hand",
    )
}
