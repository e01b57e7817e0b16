//! How a registry is reached.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use bookend_package::registry::{Access, Credentials, Registry};
use bookend_package::{Progress, Reference};

use crate::exit::Stopped;

/// Passwords are short; whatever is longer was piped in by mistake.
const MOST_PASSWORD: u64 = 64 << 10;

/// How a registry is reached.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct Reach {
    /// Speak plain HTTP, which everybody on the way can read and change. A registry on this machine that speaks no TLS is asked so without it
    #[arg(long)]
    plain_http: bool,

    /// Trust the certificates in this file (PEM) besides the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Who one is to the registry, instead of what `docker login` or `podman login` keeps
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,

    /// Read the password of `--username` from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

impl Reach {
    /// Who asks, and how.
    ///
    /// # Errors
    /// When the password cannot be read, or what is kept cannot be used.
    pub(super) fn access(&self, reference: &Reference) -> anyhow::Result<Access> {
        let credentials = match &self.username {
            Some(username) => Credentials::Basic { username: username.clone(), password: password()? },
            None => Credentials::find(reference)?,
        };
        let (plain_http, ca_file) = (self.plain_http, self.ca_file.clone());
        Ok(Access { plain_http, ca_file, credentials, ..Access::default() })
    }
}

/// Connects to a registry.
///
/// # Errors
/// When there is none.
pub(super) async fn connect(
    reference: &Reference,
    access: &Access,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<Registry> {
    Ok(Registry::connect(reference, access.clone(), progress).await?)
}

fn password() -> anyhow::Result<String> {
    let mut text = String::new();
    let input = std::io::stdin().lock().take(MOST_PASSWORD).read_to_string(&mut text);
    input.context("cannot read the password from standard input")?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.contains('\n') {
        return Err(Stopped::usage(
            "standard input must be one line, the password; `--password-stdin < FILE`",
        ));
    }
    Ok(password.to_owned())
}
