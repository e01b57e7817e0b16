//! One pod: a namespace, an application, a proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::redirect;
use super::topology::{APP_PORT, Workload};
use crate::envoy::{Access, Envoy, Filter};
use crate::error::{Error, Result};
use crate::journal::Reader;
use crate::namespace::Namespace;
use crate::process::Process;

/// How long a service may take to listen.
const READY: Duration = Duration::from_secs(20);

/// A pod of the world.
#[derive(Debug)]
pub struct Pod {
    workload: &'static Workload,
    service: Option<(Process, Reader)>,
    envoy: Option<Envoy>,
    namespace: Namespace,
}

impl Pod {
    pub(super) fn new(workload: &'static Workload, namespace: Namespace) -> Self {
        Self { workload, service: None, envoy: None, namespace }
    }

    pub(super) fn set_service(&mut self, process: Process, journal: Reader) {
        self.service = Some((process, journal));
    }

    pub(super) fn set_envoy(&mut self, envoy: Envoy) {
        self.envoy = Some(envoy);
    }

    pub(super) fn await_ready(&mut self) -> Result<()> {
        let namespace = &self.namespace;
        if let Some((process, _)) = &mut self.service {
            process.await_ready(READY, || listens(namespace, Ipv4Addr::LOCALHOST, APP_PORT))?;
        }
        self.envoy.as_ref().map_or(Ok(()), |envoy| envoy.await_ready(namespace))
    }

    /// What it is.
    pub fn workload(&self) -> &'static Workload {
        self.workload
    }

    /// Its network namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// What its application received; `None` for pods without one.
    pub fn journal(&self) -> Option<&Reader> {
        self.service.as_ref().map(|(_, journal)| journal)
    }

    /// Gives its Envoy a new filter configuration and waits until it is in force.
    pub(super) fn reconfigure(&self, filter: &Filter) -> Result<()> {
        self.envoy.as_ref().map_or(Ok(()), |envoy| envoy.reconfigure(&self.namespace, filter))
    }

    /// What its Envoy logged of the request with this mark; waits for it, but not longer than `limit`.
    ///
    /// # Errors
    /// If the pod has no Envoy.
    pub fn access(&self, mark: &str, limit: Duration) -> Result<Option<Access>> {
        self.proxy()?.access(mark, limit)
    }

    /// The value of one of its Envoy's counters or gauges; 0 if Envoy does not have it.
    ///
    /// # Errors
    /// If the pod has no Envoy.
    pub fn statistic(&self, name: &str) -> Result<u64> {
        self.proxy()?.statistic(&self.namespace, name)
    }

    /// What its Envoy's administration interface answers to a GET.
    ///
    /// # Errors
    /// If the pod has no Envoy.
    pub fn admin(&self, path: &str) -> Result<String> {
        self.proxy()?.admin(&self.namespace, path)
    }

    /// Takes the redirection rules away, as somebody with root in the pod would.
    pub fn flush_redirection(&self) -> Result<()> {
        redirect::flush(&self.namespace)
    }

    /// Puts them back.
    pub fn restore_redirection(&self) -> Result<()> {
        redirect::flush(&self.namespace)?;
        redirect::install(&self.namespace)
    }

    fn proxy(&self) -> Result<&Envoy> {
        self.envoy.as_ref().ok_or_else(|| Error::new(format!("{} has no Envoy", self.workload.key)))
    }
}

/// Whether somebody accepts connections there.
pub(super) fn listens(namespace: &Namespace, address: impl Into<IpAddr>, port: u16) -> bool {
    let to = SocketAddr::new(address.into(), port);
    let dial = || TcpStream::connect_timeout(&to, Duration::from_secs(1)).is_ok();
    namespace.run(dial).unwrap_or_default()
}
