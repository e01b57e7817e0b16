//! The command line of the controller.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bookend_cluster::{Kind, kinds};
use bookend_objects::install::{Image, Unpinned};

/// How filters get into Istio's proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Istio {
    /// By WasmPlugin where the cluster has it, else by TrafficExtension, else by EnvoyFilter.
    #[default]
    Auto,
    /// By WasmPlugin.
    #[value(name = "wasmplugin")]
    WasmPlugin,
    /// By TrafficExtension, which istiod reads from Istio 1.30 on.
    #[value(name = "trafficextension")]
    TrafficExtension,
    /// By EnvoyFilter alone, for meshes that forbid the others.
    #[value(name = "envoyfilter")]
    EnvoyFilter,
    /// Not at all: there are no filters.
    None,
}

impl Istio {
    /// Whether objects of a kind may be written for this.
    pub(crate) fn may_write(self, kind: &Kind) -> bool {
        match self {
            Self::Auto => true,
            Self::WasmPlugin => *kind != kinds::TRAFFIC_EXTENSION,
            Self::TrafficExtension => *kind != kinds::WASM_PLUGIN,
            Self::EnvoyFilter => *kind == kinds::ENVOY_FILTER,
            Self::None => false,
        }
    }
}

/// Where the controller answers over HTTP.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Listen {
    /// Answer there over HTTP: /healthz, /readyz, /metrics and /status. Whoever reaches it can read which namespaces have policies.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9467")]
    pub listen: SocketAddr,
    /// Answer there what everybody may know: /healthz and /readyz without a reason, and the numbers of /metrics.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub probes: Option<SocketAddr>,
}

/// Options of `controller`.
#[derive(Clone, Debug, clap::Args)]
pub struct ControllerOptions {
    /// The namespace of the installation, in which the Lease lies.
    #[arg(long, value_name = "NAMESPACE", default_value = "bookend-system")]
    pub namespace: String,
    /// The name of the installation, by which it knows its own objects.
    #[arg(long, value_name = "NAME", default_value = "bookend")]
    pub install: String,
    /// Who this is among those that want to lead [default: the host name].
    #[arg(long, value_name = "NAME")]
    pub identity: Option<String>,
    /// The image of the filter, with its digest: `registry/repository@sha256:…`. Without it no filters are written.
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    pub filter_image: Option<Image>,
    /// The Secret with the credentials of the filter's registry; one of this name in each namespace.
    #[arg(long, value_name = "SECRET")]
    pub filter_pull_secret: Option<String>,
    /// By which of Istio's objects proxies get the filter.
    #[arg(long, value_enum, value_name = "MEANS", default_value_t)]
    pub istio: Istio,
    /// The root namespace of the mesh, whose objects are for all of it.
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system")]
    pub root_namespace: String,
    /// Where it answers over HTTP.
    #[command(flatten)]
    pub listen: Listen,
    /// How long a change is waited for others.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = time)]
    pub settle: Duration,
    /// How often the objects of a namespace are written at most.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time)]
    pub at_most_every: Duration,
    /// How long after filters were written nodes rely on them: until then istiod has told the proxies, and these have fetched them, for which
    /// they have a minute.
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = time)]
    pub rely_after: Duration,
    /// How long after nodes were told not to rely on a filter it is deleted.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub drain: Duration,
    /// The kubeconfig, for whoever runs it outside of a cluster.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Reads an image that cannot become another one.
fn image(text: &str) -> Result<Image, &'static str> {
    let text = text.strip_prefix("oci://").unwrap_or(text);
    let pinned = Image::read(text).and_then(|image| match image.digest {
        Some(_) => Ok(image),
        None => Err(Unpinned::NoDigest),
    });
    pinned.map_err(|unpinned| match unpinned {
        Unpinned::NoDigest => {
            "tomorrow it may be another one; add its digest, as `bookend package` prints it: `…@sha256:…`"
        }
        Unpinned::Malformed => "write it as `registry/repository@sha256:` and 64 hexadecimal digits",
    })
}

/// Reads an address and a port. An IPv6 address may stand without brackets, as Kubernetes says a pod's.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let place = || {
        let (address, port) = text.rsplit_once(':')?;
        Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
    };
    text.parse()
        .ok()
        .or_else(place)
        .ok_or("write an address and a port: `192.0.2.1:9468`, `[2001:db8::1]:9468`")
}

/// Reads `500ms` or `2s`.
fn time(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, Duration::from_millis(1)),
        None => (text.strip_suffix('s').unwrap_or(text), Duration::from_secs(1)),
    };
    let number: u32 =
        number.parse().map_err(|_| "write a number of milliseconds or seconds: `500ms`, `2s`")?;
    Ok(unit * number.min(86_400_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_digest() {
        let digest = "ab".repeat(32);
        assert!(image(&format!("oci://registry.example/filter@sha256:{digest}")).is_ok());
        assert!(image(&format!("registry.example/filter:1.0@sha256:{digest}")).is_ok());
        for wrong in ["registry.example/filter:1.0", "registry.example/filter@sha256:12", ""] {
            assert!(image(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_what_kubernetes_makes_of_a_pods() {
        for text in ["[2001:db8::1]:9468", "2001:db8::1:9468"] {
            assert_eq!(address(text), Ok(SocketAddr::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), 9468)));
        }
        assert_eq!(address("192.0.2.1:9468"), Ok(SocketAddr::new([192, 0, 2, 1].into(), 9468)));
        for wrong in ["", ":9468", "192.0.2.1", "localhost:9468"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("2s"), Ok(Duration::from_secs(2)));
        assert!(time("soon").is_err());
    }
}
