//! A scripted Kubernetes API server: the real wire protocol over HTTP and HTTPS, with objects, faults and nodes that a test decides about.
//!
//! ```no_run
//! # fn main() -> bookend_testenv::Result<()> {
//! use bookend_testenv::apiserver::{ApiServer, Fault, When};
//! use serde_json::json;
//!
//! let server = ApiServer::start()?;
//! server.put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } }))?;
//! server.fault(When::always().verb("watch").resource("pods"), Fault::Expired, Some(1));
//! std::fs::write("kubeconfig", server.kubeconfig()).unwrap();
//! # Ok(()) }
//! ```
//!
//! What it does as a real one: discovery in both forms; get, list by pages, watch with bookmarks, selectors, `sendInitialEvents` and
//! 410; create, update, merge patch and server-side apply with field ownership, conflicts, `force` and `dryRun`; strict field
//! validation; structural schemas of CRDs applied to it (defaults, pruning, everything but CEL and `format`); the status
//! subresource, generations, uids, optimistic concurrency, finalizers, owner references, deletion of namespaces; Leases; RBAC
//! by the roles applied to it; ValidatingAdmissionPolicies with the expressions that Bookend renders; `pods/portforward`, `pods/log`;
//! and rollouts on declared nodes.
//!
//! What it does not: CEL (`x-kubernetes-validations`, other expressions of admission policies), admission webhooks, defaults of Kubernetes' own kinds (what is not written stays
//! absent), most validation of their values beyond types and names, conversion between versions of a CRD (they differ in name only),
//! JSON patches and strategic merge patches (415), protobuf, tables, snapshots under `continue` (later pages
//! are as of now, under the first page's revision, so that a watch from there tells the difference).
//!
//! Everything that follows from a request is done before its answer, unless a script says otherwise.

mod access;
mod admission;
mod body;
mod clock;
mod crowd;
mod discovery;
mod fault;
mod fields;
mod forward;
mod kind;
mod listen;
mod log;
mod ownership;
mod read;
mod refusal;
mod respond;
mod rollout;
mod route;
mod script;
mod selector;
mod shared;
mod store;
mod structural;
mod tally;
mod typed;
mod watch;
mod write;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::certificate::Authority;
use crate::error::{Doing, Result};
use crate::namespace::Namespace;

pub use access::{Deed, User};
pub use crowd::{Crowd, Member};
pub use fault::{Fault, When};
pub use refusal::Refusal;
pub use rollout::{Fate, Pods};
pub use store::Maker;
pub use tally::{Asked, Load};

use shared::{Settings, Shared, locked};

/// A running API server. Dropping it ends it.
#[derive(Debug)]
pub struct ApiServer {
    shared: Arc<Shared>,
    http: SocketAddr,
    https: SocketAddr,
    authority: String,
    token: String,
    thread: Option<JoinHandle<()>>,
    /// Where kubeconfigs were written, to be taken away.
    written: std::sync::Mutex<Vec<PathBuf>>,
}

/// How a server is to be; see [`ApiServer::builder`].
#[derive(Debug)]
pub struct Builder<'a> {
    settings: Settings,
    address: IpAddr,
    port: u16,
    namespace: Option<&'a Namespace>,
}

impl<'a> Builder<'a> {
    /// Lets open watches be told their revision this often; once a minute if it is not said.
    #[must_use]
    pub fn bookmark_every(mut self, every: Duration) -> Self {
        self.settings.bookmark_every = every;
        self
    }

    /// Refuses whoever brings no token, by plain HTTP as well; otherwise they may do everything.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.settings.closed = true;
        self
    }

    /// Listens at this address instead of 127.0.0.1.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Listens at this port by HTTPS, instead of at any.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Listens in this network namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: &'a Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// If an address cannot be listened at, or no certificate be made.
    pub fn start(self) -> Result<ApiServer> {
        let (address, port) = (self.address, self.port);
        let bind = || -> Result<(TcpListener, TcpListener)> {
            let http = TcpListener::bind((address, 0)).doing(format!("listen at {address}"))?;
            let https = TcpListener::bind((address, port)).doing(format!("listen at {address}:{port}"))?;
            Ok((http, https))
        };
        let (http, https) = match self.namespace {
            Some(namespace) => namespace.run(bind)??,
            None => bind()?,
        };
        let authority = Authority::new()?;
        let identity = authority.issue_server(&["localhost", "kubernetes.default.svc"], &[address])?;
        let shared = Arc::new(Shared::new(self.settings, random()));
        let token = format!("admin-{:016x}", random());
        locked(&shared.access).tokens.insert(token.clone(), User::admin());
        let (http_address, https_address) = (
            http.local_addr().doing("learn the address of the API server")?,
            https.local_addr().doing("learn the address of the API server")?,
        );
        script::begin(&shared);
        let home = self.namespace.map(|namespace| namespace.handle().try_clone_to_owned()).transpose();
        let home = home.doing("duplicate a namespace handle")?;
        let thread = listen::start(&shared, http, https, &identity, home)?;
        Ok(ApiServer {
            shared,
            http: http_address,
            https: https_address,
            authority: authority.certificate().to_owned(),
            token,
            thread: Some(thread),
            written: std::sync::Mutex::default(),
        })
    }
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl ApiServer {
    /// Starts a server on loopback, at any ports, with the namespaces every cluster has.
    ///
    /// # Errors
    /// See [`Builder::start`].
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// A server that is to be otherwise than usual.
    pub fn builder<'a>() -> Builder<'a> {
        let settings = Settings { bookmark_every: Duration::from_secs(60), closed: false };
        Builder { settings, address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 0, namespace: None }
    }

    /// Where it answers by plain HTTP: `http://127.0.0.1:…`.
    pub fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where it answers by HTTPS, with a certificate of its own authority.
    pub fn https(&self) -> String {
        format!("https://{}", self.https)
    }

    /// The certificate of the authority, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The token of somebody who may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A new token for somebody: what they may do is said by the roles in the cluster.
    pub fn token_for(&self, user: &User) -> String {
        let token = format!("token-{:016x}", random());
        locked(&self.shared.access).tokens.insert(token.clone(), user.clone());
        token
    }

    /// Lets a token be worth nothing any more.
    pub fn revoke(&self, token: &str) {
        locked(&self.shared.access).tokens.remove(token);
    }

    /// A kubeconfig for somebody who may do everything, over HTTPS; its context is called `bookend`.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_with(&self.token)
    }

    /// A kubeconfig for whoever has this token.
    pub fn kubeconfig_with(&self, token: &str) -> String {
        use base64::Engine;
        let authority = base64::engine::general_purpose::STANDARD.encode(&self.authority);
        let server = self.https();
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: bookend\n\
             clusters:\n- name: bookend\n  cluster:\n    server: {server}\n    certificate-authority-data: {authority}\n\
             users:\n- name: bookend\n  user:\n    token: {token}\n\
             contexts:\n- name: bookend\n  context:\n    cluster: bookend\n    user: bookend\n"
        )
    }

    /// Writes the kubeconfig to a file of its own, which goes with the server, and returns where.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn kubeconfig_path(&self) -> Result<PathBuf> {
        let path = std::env::temp_dir().join(format!("bookend-kubeconfig-{:016x}", random()));
        self.write_kubeconfig(&path)?;
        locked(&self.written).push(path.clone());
        Ok(path)
    }

    /// Writes the kubeconfig to `path`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.kubeconfig()).doing(format!("write `{}`", path.display()))
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.shared.tell(|signal| signal.over = true);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed already.
            let _ = thread.join();
        }
        for path in locked(&self.written).iter() {
            // What is gone already needs nothing more.
            let _ = std::fs::remove_file(path);
        }
    }
}
