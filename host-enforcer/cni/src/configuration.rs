//! What a runtime says on standard input: the plugin's part of the network configuration, and what was done before it.

use crate::failure::{Code, Failure};
use crate::{USUAL, VERSIONS};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// Where the enforcer listens.
const SOCKET: &str = "/run/bookend/cni.sock";
/// How long a pod waits for its policy.
const PATIENCE: u64 = 10;
/// The longest that it may: kubelet gives up after four minutes.
const MOST: u64 = 180;
/// Keys of every plugin's configuration (CNI specification, section 1), and what runtimes put in.
const COMMON: [&str; 11] = [
    "cniVersion",
    "cniVersions",
    "name",
    "type",
    "args",
    "ipMasq",
    "ipam",
    "dns",
    "capabilities",
    "runtimeConfig",
    "prevResult",
];
/// Keys of runtimes.
const RUNTIMES: &str = "cni.dev/";
/// Its own.
const OWN: [&str; 2] = ["socket", "timeoutSeconds"];

/// A configuration that was read.
#[derive(Debug)]
pub(crate) struct Configuration {
    given: Given,
    keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Given {
    #[serde(rename = "cniVersion")]
    version: Option<String>,
    socket: Option<String>,
    #[serde(rename = "timeoutSeconds")]
    timeout: Option<u64>,
    #[serde(rename = "prevResult")]
    result: Option<Box<RawValue>>,
}

/// What is read of the result of those before.
#[derive(Debug, Deserialize)]
struct Before {
    #[serde(default)]
    interfaces: Vec<Interface>,
    #[serde(default)]
    ips: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Interface {
    name: String,
    #[serde(default)]
    sandbox: String,
}

#[derive(Debug, Deserialize)]
struct Address {
    address: String,
    interface: Option<usize>,
}

impl Configuration {
    pub(crate) fn read(input: &[u8]) -> Result<Self, Failure> {
        let undecodable = |error: serde_json::Error| {
            Failure::new(
                Code::Undecodable,
                format!("the network configuration cannot be read: {error}"),
                "correct the part of `bookend-cni` in the directory of CNI configurations (/etc/cni/net.d), or remove it, \
                 and the enforcer of this node writes it again",
            )
        };
        let keys: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(input).map_err(undecodable)?;
        let given = serde_json::from_slice(input).map_err(undecodable)?;
        Ok(Self { given, keys: keys.into_iter().map(|(key, _)| key).collect() })
    }

    /// The version of the specification that it is written in.
    pub(crate) fn version(&self) -> &str {
        self.given.version.as_deref().unwrap_or(USUAL)
    }

    /// Where the enforcer listens.
    pub(crate) fn socket(&self) -> &Path {
        Path::new(self.given.socket.as_deref().unwrap_or(SOCKET))
    }

    /// How long to wait.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.given.timeout.unwrap_or(PATIENCE))
    }

    /// The same, if all that it says is understood.
    pub(crate) fn checked(self) -> Result<Self, Failure> {
        if !VERSIONS.contains(&self.version()) {
            return Err(Failure::new(
                Code::Version,
                format!("the network configuration is of version `{}`", self.version()),
                format!("bookend-cni speaks {}; write one of them as `cniVersion`", VERSIONS.join(", ")),
            ));
        }
        let known = |key: &String| {
            COMMON.contains(&key.as_str()) || OWN.contains(&key.as_str()) || key.starts_with(RUNTIMES)
        };
        if let Some(unknown) = self.keys.iter().find(|key| !known(key)) {
            return Err(Failure::new(
                Code::Configuration,
                format!(
                    "the part of `bookend-cni` in the network configuration says `{unknown}`, which means nothing"
                ),
                format!(
                    "remove it; what it may say besides is {}",
                    OWN.map(|key| format!("`{key}`")).join(" and ")
                ),
            ));
        }
        if let Some(seconds) = self.given.timeout.filter(|seconds| !(1..=MOST).contains(seconds)) {
            return Err(Failure::new(
                Code::Configuration,
                format!("`timeoutSeconds` of `bookend-cni` is {seconds}"),
                format!("write how many seconds a pod may wait for its policy: 1 to {MOST}"),
            ));
        }
        if !self.socket().is_absolute() {
            return Err(Failure::new(
                Code::Configuration,
                format!("`socket` of `bookend-cni` is `{}`", self.socket().display()),
                format!("write the path from the root, or nothing for `{SOCKET}`"),
            ));
        }
        Ok(self)
    }

    /// What the plugins before it did, as they wrote it.
    pub(crate) fn result(&self) -> Result<&str, Failure> {
        let result = self.given.result.as_deref().map(RawValue::get).filter(|result| *result != "null");
        result.ok_or_else(|| {
            Failure::new(
                Code::Configuration,
                "no plugin did anything before `bookend-cni`, so there is no interface to be policed",
                "put it at the end of a list of plugins (`plugins` of a .conflist), after the one that makes the interface",
            )
        })
    }

    /// The addresses that they gave to the container's `interface`, ascending.
    pub(crate) fn addresses(&self, interface: &str) -> Result<Vec<IpAddr>, Failure> {
        let wrong = |told: String| {
            Failure::new(
                Code::Configuration,
                told,
                "this is the plugin's to repair that comes before `bookend-cni` in the network configuration",
            )
        };
        let before: Before = serde_json::from_str(self.result()?).map_err(|error| {
            wrong(format!("the result of the plugins before `bookend-cni` cannot be read: {error}"))
        })?;
        let mut all = Vec::new();
        for given in &before.ips {
            let of = given.interface.and_then(|index| before.interfaces.get(index));
            // Of another interface of the container. Some plugins name the host's side instead, and mean the container's.
            if of.is_some_and(|of| !of.sandbox.is_empty() && of.name != interface) {
                continue;
            }
            let address =
                given.address.split_once('/').map_or(given.address.as_str(), |(address, _)| address);
            let address = address.parse().map_err(|_| {
                wrong(format!("the plugins before `bookend-cni` gave the address `{}`", given.address))
            })?;
            all.push(address);
        }
        if all.is_empty() {
            return Err(wrong(format!(
                "the plugins before `bookend-cni` gave the interface `{interface}` no address"
            )));
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}
