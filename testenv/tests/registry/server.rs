//! Debian's registry, on a port of this machine, and the tool that reads it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bookend_testenv::certificate::Authority;

use crate::fake::Scratch;

/// The password `secret` of the user `bookend`, as bcrypt, which is all that the registry reads.
pub(crate) const HTPASSWD: &str = "bookend:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// Asks who one is.
pub(crate) const AUTH: &str = "auth:\n  htpasswd:\n    realm: bookend\n    path: {directory}/htpasswd\n";

/// A registry, which ends with this.
pub(crate) struct Server {
    child: Child,
    port: u16,
    config: PathBuf,
    log: PathBuf,
}

/// A port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Speaks plain HTTP; `more` is added to the configuration.
    pub(crate) fn start(scratch: &Scratch, more: &str) -> Self {
        Self::launch(scratch, more, "")
    }

    /// Speaks TLS, with a certificate of the authority in `ca.pem`.
    pub(crate) fn start_tls(scratch: &Scratch, more: &str, names: &[&str]) -> Self {
        let authority = Authority::new().unwrap();
        let identity = authority.issue_server(names, &[Ipv4Addr::LOCALHOST.into()]).unwrap();
        scratch.write("ca.pem", authority.certificate().as_bytes());
        scratch.write("server.pem", identity.certificate.as_bytes());
        scratch.write("server.key", identity.key.as_bytes());
        Self::launch(
            scratch,
            more,
            "  tls:\n    certificate: {directory}/server.pem\n    key: {directory}/server.key\n",
        )
    }

    fn launch(scratch: &Scratch, more: &str, tls: &str) -> Self {
        scratch.write("htpasswd", HTPASSWD.as_bytes());
        let port = free_port();
        let directory = scratch.path().display().to_string();
        let config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: warn}}\n\
             storage:\n  filesystem: {{rootdirectory: {directory}/storage}}\n{STORAGE}\
             http:\n  addr: 127.0.0.1:{port}\n  secret: a-secret-that-outlives-it\n{tls}{more}",
            STORAGE =
                if more.contains("readonly") { "  maintenance: {readonly: {enabled: true}}\n" } else { "" },
            more = more.replace("readonly", ""),
        );
        let config = scratch.write("config.yml", config.replace("{directory}", &directory).as_bytes());
        let log = scratch.path().join("registry.log");
        let child = spawn(&config, &log);
        let mut server = Self { child, port, config, log };
        server.wait();
        server
    }

    /// `127.0.0.1:PORT/PATH`
    pub(crate) fn name(&self, path: &str) -> String {
        format!("127.0.0.1:{}/{path}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once, as a machine that loses its power does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with what it has stored.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.config, &self.log);
        self.wait();
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = || fs::read_to_string(&self.log).unwrap_or_default();
            assert!(ended.is_none() && begun.elapsed() < Duration::from_secs(30), "no registry:\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(config: &PathBuf, log: &PathBuf) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(config).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let missing =
        "`docker-registry` cannot be run; `scripts/setup` installs Debian's package docker-registry";
    command.spawn().expect(missing)
}

/// Runs skopeo, and returns what it prints.
pub(crate) fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").arg("--insecure-policy").args(arguments).output();
    let output = output.expect("`skopeo` cannot be run; `scripts/setup` installs Debian's package skopeo");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {}: {told}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}
