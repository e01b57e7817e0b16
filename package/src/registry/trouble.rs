//! Every way in which a registry fails, as a sentence with its cure.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;
use rustls::CertificateError;

use crate::Digest;

/// Why a registry does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers.
    #[error(
        "cannot reach the registry `{registry}`: {reason}; check its name and port, and whether the network lets you there"
    )]
    Unreachable {
        /// The registry.
        registry: String,
        /// What the system says.
        reason: String,
    },
    /// The connection ended in the middle.
    #[error(
        "the connection to the registry `{registry}` broke off: {reason}; try again, what is there already is not sent again"
    )]
    Cut {
        /// The registry.
        registry: String,
        /// What the system says.
        reason: String,
    },
    /// It speaks plain HTTP.
    #[error(
        "the registry `{registry}` does not speak TLS; give it a certificate, or say `--plain-http` if everybody on the way may read and change what is sent"
    )]
    NoTls {
        /// The registry.
        registry: String,
    },
    /// It speaks TLS where plain HTTP was asked for.
    #[error("the registry `{registry}` speaks TLS; leave out `--plain-http`")]
    Tls {
        /// The registry.
        registry: String,
    },
    /// Its certificate is not good.
    #[error("the certificate of the registry `{registry}` is not accepted: {reason}; {cure}")]
    Certificate {
        /// The registry.
        registry: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        cure: &'static str,
    },
    /// The file with certificates is not one.
    #[error("`{}` cannot be taken for the certificates of authorities: {reason}; name a file in PEM by `--ca-file`", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What `docker login` keeps cannot be used.
    #[error("cannot use the credentials for `{registry}` in `{}`: {reason}; log in again with `docker login {registry}`, or give them by `--username` and `--password-stdin`", file.display())]
    Credentials {
        /// The registry.
        registry: String,
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It wants to know who asks.
    #[error("the registry `{registry}` {said}; {cure}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// What it says.
        said: String,
        /// What to do.
        cure: String,
    },
    /// It knows who asks, and says no.
    #[error(
        "the registry `{registry}` does not allow that in `{repository}`: {said}; ask its owner for the right to {right} there, or name another repository"
    )]
    Forbidden {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// `push` or `pull`
        right: &'static str,
        /// What it says.
        said: String,
    },
    /// It takes nothing from anybody.
    #[error(
        "the registry `{registry}` takes nothing: {said}; it is read-only or a mirror, so push to the one behind it"
    )]
    ReadOnly {
        /// The registry.
        registry: String,
        /// What it says.
        said: String,
    },
    /// The repository or the image is not there.
    #[error("the registry `{registry}` has no `{what}`: {said}; {cure}")]
    Unknown {
        /// The registry.
        registry: String,
        /// What it does not have.
        what: String,
        /// What it says.
        said: String,
        /// What to do.
        cure: &'static str,
    },
    /// Something is too large for it.
    #[error(
        "the registry `{registry}` takes no request of {size} bytes: {said}; raise the limit of the proxy in front of it (`client_max_body_size` of nginx), or send less at a time by `--chunk`"
    )]
    TooLarge {
        /// The registry.
        registry: String,
        /// How many bytes were sent at once.
        size: u64,
        /// What it says.
        said: String,
    },
    /// It is busy, and goes on being so.
    #[error("the registry `{registry}` is asked too often: {said}; try again {}", later(*.after))]
    Busy {
        /// The registry.
        registry: String,
        /// What it says.
        said: String,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// It fails itself.
    #[error("the registry `{registry}` failed: {said}; try again, and look into its log if it goes on")]
    Failed {
        /// The registry.
        registry: String,
        /// What it says.
        said: String,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// It refuses what was sent.
    #[error("the registry `{registry}` refused {what}: {said}; {cure}")]
    Refused {
        /// The registry.
        registry: String,
        /// What was sent or asked for.
        what: String,
        /// What it says.
        said: String,
        /// What to do.
        cure: &'static str,
    },
    /// It does not keep to what registries do.
    #[error(
        "the registry `{registry}` answers as no registry does: {reason}; is `{registry}` the registry, and not a page or a proxy in front of it?"
    )]
    Garbage {
        /// The registry.
        registry: String,
        /// What is wrong.
        reason: String,
    },
    /// What it gives is not what was asked for.
    #[error(
        "the registry `{registry}` gives {what} as `{found}`, not `{expected}`; it was changed on the way, so trust nothing of it and push again"
    )]
    OtherDigest {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
}

fn later(after: Option<Duration>) -> String {
    after.map_or_else(|| "later".to_owned(), |after| format!("in {} s", after.as_secs()))
}

impl Trouble {
    /// Whether the same may work a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Cut { .. } | Self::Busy { .. } | Self::Failed { .. })
    }

    /// When the registry wants to be asked again, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } | Self::Failed { after, .. } => *after,
            _ => None,
        }
    }

    /// What the library for HTTP says, in the words of this crate.
    pub(super) fn of_transport(registry: &str, error: &reqwest::Error) -> Self {
        let registry = registry.to_owned();
        if let Some(error) = tls(error) {
            return Self::of_tls(registry, error);
        }
        // The last cause says what happened; those before say what was being done.
        let mut cause: &(dyn Error + 'static) = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let mut reason = cause.to_string();
        if error.is_redirect() {
            return Self::Garbage { registry, reason };
        }
        if error.is_timeout() {
            reason = "it took too long".to_owned();
        }
        if error.is_connect() {
            Self::Unreachable { registry, reason }
        } else {
            Self::Cut { registry, reason }
        }
    }

    fn of_tls(registry: String, error: &rustls::Error) -> Self {
        let certificate = |reason: &str, cure| Self::Certificate {
            registry: registry.clone(),
            reason: reason.to_owned(),
            cure,
        };
        match error {
            rustls::Error::InvalidMessage(_) => Self::NoTls { registry },
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => certificate(
                    "nobody who is trusted here has signed it",
                    "name the certificate of its authority by `--ca-file`",
                ),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    certificate(
                        "it is for another name",
                        "use the name that the certificate is for, or give the registry a certificate for this one",
                    )
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    certificate("its time is over", "renew it, and check this machine's clock")
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    certificate("its time has not begun", "check this machine's clock")
                }
                other => certificate(&other.to_string(), "give the registry a good certificate"),
            },
            other => Self::Cut { registry, reason: other.to_string() },
        }
    }
}

/// The error of TLS behind an error. One of the system's hides what it is made of from `source`.
fn tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = || error.downcast_ref::<std::io::Error>()?.get_ref().and_then(|inner| tls(inner));
    error.downcast_ref().or_else(inner).or_else(|| tls(error.source()?))
}

/// What a registry says of an error: its own words, or else what the status means.
pub(super) fn said(status: StatusCode, body: &[u8]) -> String {
    let errors = serde_json::from_slice::<serde_json::Value>(body).ok();
    let first = errors.as_ref().and_then(|body| body.pointer("/errors/0"));
    let word = |key: &str| first?.get(key)?.as_str().map(str::to_owned);
    let reason = status.canonical_reason().unwrap_or("an answer without a name").to_lowercase();
    let words = match (word("code"), word("message")) {
        (Some(code), Some(message)) if !message.is_empty() => format!("{code}, {message}"),
        (Some(code), _) => code,
        (None, Some(message)) => message,
        (None, None) => reason,
    };
    // Whatever it says goes to a terminal.
    let words: String = words.chars().filter(|character| !character.is_control()).take(300).collect();
    format!("it says \"{words}\" ({})", status.as_u16())
}
