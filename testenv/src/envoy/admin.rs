//! Envoy's administration interface, from inside its namespace.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::http::{self, Request};
use crate::namespace::Namespace;
use crate::world::redirect::ADMIN_PORT;

const LIMIT: Duration = Duration::from_secs(3);

/// How often Envoy accepted each filter's configuration, and how often it refused one.
#[derive(Debug, Clone)]
pub(super) struct Reloads {
    accepted: BTreeMap<String, u64>,
    pub(super) refused: u64,
}

impl Reloads {
    /// Whether every filter was accepted again.
    pub(super) fn all_accepted_since(&self, before: &Self) -> bool {
        self.accepted.iter().all(|(name, count)| before.accepted.get(name).is_none_or(|old| count > old))
    }
}

pub(super) fn get(namespace: &Namespace, path: &str) -> Result<String> {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT));
    let request = Request::get("envoy-admin", path);
    let response = namespace.run(|| http::exchange(to, &request, LIMIT))??;
    Ok(String::from_utf8_lossy(&response.body).into_owned())
}

pub(super) fn statistic(namespace: &Namespace, name: &str) -> Result<u64> {
    let text = get(namespace, &format!("/stats?filter=^{}$", name.replace('|', "%7C")))?;
    Ok(numbers(&text).find(|(found, _)| *found == name).map_or(0, |(_, value)| value))
}

pub(super) fn reloads(namespace: &Namespace) -> Result<Reloads> {
    let text = get(namespace, "/stats?filter=extension_config_discovery")?;
    let ending = |end| numbers(&text).filter(move |(name, _): &(&str, u64)| name.ends_with(end));
    if text.is_empty() {
        return Err(Error::new("this Envoy runs without the filter").cure("build the world with it"));
    }
    Ok(Reloads {
        // Also one that changed nothing.
        accepted: ending(".update_success").map(|(name, count)| (name.to_owned(), count)).collect(),
        refused: ending(".config_fail").chain(ending(".update_rejected")).map(|(_, count)| count).sum(),
    })
}

fn numbers(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name, value.trim().parse().ok()?))
    })
}
