//! What a cluster has to give proxies their filter by.

use bookend_cluster::{Cluster, Kind, Trouble, kinds};
use bookend_objects::mesh::Means;

use crate::Istio;

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ways {
    /// How requests get their filter, if there is a way.
    pub(crate) means: Option<Means>,
    /// Whether there are EnvoyFilters.
    pub(crate) envoy_filters: bool,
}

impl Ways {
    /// Asks the cluster.
    ///
    /// A WasmPlugin comes before a TrafficExtension although Istio has the latter in its place from 1.30 on: that the cluster knows the kind
    /// does not tell that the istiod that runs reads it, and every istiod reads WasmPlugins.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub(crate) async fn of(cluster: &Cluster, istio: Istio) -> Result<Self, Trouble> {
        let (plugin, extension, filter) =
            (&kinds::WASM_PLUGIN, &kinds::TRAFFIC_EXTENSION, &kinds::ENVOY_FILTER);
        let wanted: &[(&Kind, Means)] = match istio {
            Istio::Auto => &[
                (plugin, Means::WasmPlugin),
                (extension, Means::TrafficExtension),
                (filter, Means::EnvoyFilter),
            ],
            Istio::WasmPlugin => &[(plugin, Means::WasmPlugin)],
            Istio::TrafficExtension => &[(extension, Means::TrafficExtension)],
            Istio::EnvoyFilter => &[(filter, Means::EnvoyFilter)],
            Istio::None => return Ok(Self { means: None, envoy_filters: false }),
        };
        let mut means = None;
        for (kind, by) in wanted {
            if cluster.serves(kind).await? {
                means = Some(*by);
                break;
            }
        }
        Ok(Self { means, envoy_filters: cluster.serves(filter).await? })
    }

    /// Whether something is missing that others have.
    pub(crate) fn have_less_than(self, known: Self) -> bool {
        (known.envoy_filters && !self.envoy_filters) || (known.means.is_some() && known.means != self.means)
    }

    /// What is missing, and what follows from it.
    pub(crate) fn lacks(&self, istio: Istio) -> Option<String> {
        let missing = match (istio, self.means) {
            (Istio::None, _) => return None,
            (_, Some(_)) if self.envoy_filters => return None,
            (_, Some(_)) => {
                return Some(
                    "the cluster serves no EnvoyFilter, so proxies tell the filter only the first name of a peer's certificate and not its address (labels \
                     are in doubt more often), and streams are judged by the nodes alone; install the definitions of Istio's networking.istio.io"
                        .to_owned(),
                );
            }
            (Istio::Auto, None) => "none of WasmPlugin, TrafficExtension and EnvoyFilter",
            (Istio::WasmPlugin, None) => "no WasmPlugin",
            (Istio::TrafficExtension, None) => "no TrafficExtension (Istio has it from 1.30 on)",
            (Istio::EnvoyFilter, None) => "no EnvoyFilter",
        };
        Some(format!(
            "the cluster serves {missing}, so proxies get no filter, and nothing enforces what policies say of requests; install Istio, or run the \
             controller with `--istio none` where there is no mesh. Nodes enforce what they see of connections all the same"
        ))
    }
}
