//! What a mesh never decides about (S83).
//!
//! Istio leaves the ports of its own agent out of what it leads through its proxies, so none of its policies holds there. That is lowered
//! to one rule, so that nobody has to know of it: it allows, in a tier of the plane `mesh` before all that documents can name.

/// The id of that rule.
pub const MESH_AGENT: &str = "mesh-agent";

/// Its tier: before the first that a document can name, which is 1.
pub const MESH_AGENT_TIER: u32 = 0;

/// The TCP ports (`istio-iptables`, excluded inbound ports): of the agent, which kubelet's rewritten probes go to, of its readiness, and of
/// Envoy's own metrics.
pub const MESH_AGENT_PORTS: [u16; 3] = [15_020, 15_021, 15_090];
