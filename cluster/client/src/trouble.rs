//! Why an API server does not do what it is asked.

mod status;
mod told;
mod transport;

use std::time::Duration;

use crate::Kind;

/// Why an API server does not do what it is asked. Each is told as one sentence, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The kubeconfig, or what the pod was given, does not say which server, or as whom.
    #[error("{reason}; {cure}")]
    Access {
        /// What is wrong with it.
        reason: String,
        /// What to do.
        cure: String,
    },
    /// The program that gets credentials failed.
    #[error(
        "cannot get credentials for the cluster: {reason}; run `kubectl get --raw /version`, which runs the same program"
    )]
    Credentials {
        /// What it said.
        reason: String,
    },
    /// Nobody answers.
    #[error(
        "cannot reach the API server at {server}: {reason}; check the network, and `--context` or KUBECONFIG"
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// What the network says.
        reason: String,
    },
    /// Whoever answers cannot prove to be the server, or does not take the client's certificate.
    #[error(
        "cannot trust the API server at {server}: {reason}; check `certificate-authority` and `client-certificate` in the kubeconfig"
    )]
    Tls {
        /// Its address.
        server: String,
        /// What is wrong with its certificate or with ours.
        reason: String,
    },
    /// It did not answer in time.
    #[error(
        "the API server did not {what} within {} s; try again, and if it stays so look at the server's health: `kubectl get --raw /readyz`",
        .after.as_secs()
    )]
    Timeout {
        /// What was asked, as in `did not …`.
        what: String,
        /// How long was waited.
        after: Duration,
    },
    /// It does not know who asks.
    #[error(
        "the API server at {server} does not accept the credentials; log in again, or choose another `--context`"
    )]
    Unauthorized {
        /// Its address.
        server: String,
    },
    /// Whoever asks may not.
    #[error("{}", told::forbidden(.user, .verb, .resource, .namespace.as_deref(), .name))]
    Forbidden {
        /// Who asked, as the server calls them; may be empty.
        user: String,
        /// What they may not do, such as `patch`; may be empty.
        verb: String,
        /// What they may not do it with, such as `daemonsets.apps`.
        resource: String,
        /// Where; nothing for what lies in no namespace, and for all namespaces.
        namespace: Option<String>,
        /// Which object; may be empty.
        name: String,
    },
    /// Whoever asks may not grant what they do not have.
    #[error(
        "`{object}` grants permissions that you do not have yourself, which Kubernetes allows nobody; run this as a cluster administrator, \
         or with the verbs `bind` and `escalate` on roles and cluster roles"
    )]
    Escalation {
        /// The role or the binding.
        object: String,
    },
    /// An admission controller or a webhook of the cluster refuses it.
    #[error(
        "the cluster refuses `{object}`: {reason}; ask who runs that check, or make an exception for it there"
    )]
    Refused {
        /// What was refused.
        object: String,
        /// What the controller said.
        reason: String,
    },
    /// Its namespace is being deleted.
    #[error(
        "the namespace `{namespace}` is being deleted; wait until it is gone: `kubectl wait --for=delete namespace/{namespace}`"
    )]
    Terminating {
        /// The namespace.
        namespace: String,
    },
    /// The server does not serve this kind.
    #[error("{}", told::no_such_kind(.kind))]
    NoSuchKind {
        /// The kind.
        kind: Box<Kind>,
    },
    /// There is no such object.
    #[error("{}", told::not_found(.resource, .namespace.as_deref(), .name))]
    NotFound {
        /// The resource, such as `daemonsets.apps`.
        resource: String,
        /// Its namespace, if it has one.
        namespace: Option<String>,
        /// Its name; may be empty.
        name: String,
    },
    /// Others manage what was to be applied.
    #[error("{}", told::conflict(.object, .clashes))]
    Conflict {
        /// What was to be applied.
        object: String,
        /// Who manages which fields.
        clashes: Vec<Clash>,
    },
    /// It changed since it was read.
    #[error("`{object}` was changed by somebody else at the same time; read it again, and try again")]
    Changed {
        /// What was to be replaced or deleted.
        object: String,
    },
    /// There is one already.
    #[error("there is a `{object}` already; change that, or delete it first")]
    Exists {
        /// What was to be created.
        object: String,
    },
    /// The server does not accept it as it is.
    #[error("{}", told::invalid(.object, .causes))]
    Invalid {
        /// What was refused.
        object: String,
        /// What is wrong with it; at least one.
        causes: Vec<Cause>,
    },
    /// It is too large for the server.
    #[error(
        "`{object}` is too large for the API server ({reason}); make less of one object, for example by splitting a policy"
    )]
    TooLarge {
        /// What was refused.
        object: String,
        /// What the server said.
        reason: String,
    },
    /// What was asked about is so old that the server has forgotten it: list again.
    #[error("the API server has forgotten what happened since; everything has to be listed again")]
    Expired,
    /// It has too much to do.
    #[error("the API server has too much to do; try again {}", told::later(.after.as_ref()))]
    Overloaded {
        /// How long it wants to be left alone.
        after: Option<Duration>,
    },
    /// Something in it, or between, is broken.
    #[error("the API server fails with {code}: {reason}; try again, and if it stays so look at its log")]
    Failing {
        /// The HTTP status.
        code: u16,
        /// What it said.
        reason: String,
    },
    /// It is older than what is asked of it.
    #[error("the cluster is Kubernetes {version}, and {what} needs {needed} or newer; upgrade the cluster")]
    TooOld {
        /// Its version.
        version: String,
        /// What needs a newer one.
        what: String,
        /// Which.
        needed: String,
    },
    /// It tells more at once than anybody could mean.
    #[error(
        "the API server tells more than {} MiB about one of `{what}`; find the object that is so large, and make it smaller or delete it",
        .most >> 20
    )]
    Flood {
        /// What it was asked about.
        what: String,
        /// How many bytes are read at most.
        most: usize,
    },
    /// What it answers makes no sense.
    #[error(
        "the API server's answer about {what} makes no sense: {reason}; is something else answering at its address?"
    )]
    Garbage {
        /// What it was asked about.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is not known how to write this object.
    #[error("cannot apply {what}: {reason}")]
    Unusable {
        /// Which object.
        what: String,
        /// What it lacks, and what to do.
        reason: String,
    },
}

/// A field that somebody else manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The other field manager.
    pub manager: String,
    /// The field, such as `.spec.replicas`.
    pub field: String,
}

/// Something that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The field, such as `spec.allow[0].ports`; may be empty.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Trouble {
    /// Whether the same may work some time later, without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Overloaded { .. }
                | Self::Failing { .. }
                | Self::Expired
                | Self::Changed { .. }
                | Self::Garbage { .. }
        )
    }

    /// Whether there is no such object, or no such kind of objects.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::NoSuchKind { .. })
    }
}

/// What a server was asked, for the sentence about what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The server's address.
    pub(crate) server: &'a str,
    /// What was to be done, by RBAC's word for it.
    pub(crate) verb: &'a str,
    /// With what.
    pub(crate) kind: &'a Kind,
    /// Where.
    pub(crate) namespace: Option<&'a str>,
    /// With which one; empty for all.
    pub(crate) name: &'a str,
}

impl Asked<'_> {
    /// What `error` is about what was asked.
    pub(crate) fn failed(&self, error: kube::Error) -> Trouble {
        match error {
            kube::Error::Api(status) => self::status::read(&status, self),
            other => transport::read(&other, self),
        }
    }

    /// What it means that nothing came for so long.
    pub(crate) fn timed_out(&self, after: Duration) -> Trouble {
        Trouble::Timeout { what: format!("{} {}", self.verb, self.object()), after }
    }

    /// `daemonsets.apps bookend-system/bookend-enforcer`.
    pub(crate) fn object(&self) -> String {
        let resource = self.kind.resource();
        match (self.namespace.filter(|_| self.kind.namespaced), self.name) {
            (_, "") => resource,
            (Some(namespace), name) => format!("{resource} {namespace}/{name}"),
            (None, name) => format!("{resource} {name}"),
        }
    }
}
