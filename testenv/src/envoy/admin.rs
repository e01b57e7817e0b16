//! Envoy's administration interface, from inside its namespace.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::http::{self, Request};
use crate::namespace::Namespace;
use crate::world::redirect::ADMIN_PORT;

const LIMIT: Duration = Duration::from_secs(3);

/// How often Envoy accepted and refused a filter configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reloads {
    pub(super) accepted: u64,
    pub(super) refused: u64,
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
    let sum = |end: &str| {
        numbers(&text).filter(|(name, _)| name.ends_with(end)).map(|(_, value)| value).sum::<u64>()
    };
    if text.is_empty() {
        return Err(Error::new("this Envoy runs without the filter").cure("build the world with it"));
    }
    Ok(Reloads { accepted: sum(".config_reload"), refused: sum(".config_fail") + sum(".update_rejected") })
}

fn numbers(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name, value.trim().parse().ok()?))
    })
}
