//! What is shown of each table: the same for people and for programs.

use serde::Serialize;
use std::net::IpAddr;

/// One row.
pub(super) trait Row: Serialize {
    /// The table's name.
    const TABLE: &'static str;
    /// Titles, and widths that most entries fit: rows are printed before the next is read.
    const COLUMNS: &'static [(&'static str, usize)];

    /// As many as columns.
    fn cells(&self) -> Vec<String>;
}

/// A row with the name of its table.
#[derive(Serialize)]
pub(super) struct Tagged<R> {
    pub(super) table: &'static str,
    #[serde(flatten)]
    pub(super) row: R,
}

/// What stands where nothing is.
fn or_dash<T: ToString>(cell: Option<&T>) -> String {
    cell.map_or_else(|| "-".to_owned(), T::to_string)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InterfaceRow {
    pub(super) interface: String,
    pub(super) ifindex: u32,
    pub(super) slot: u32,
    pub(super) workload: Option<String>,
    /// `workload`, `host`, or `router`: a host that forwards.
    pub(super) role: &'static str,
    pub(super) observed: bool,
    pub(super) egress: Option<String>,
    pub(super) ingress: Option<String>,
    pub(super) epoch: u32,
    pub(super) quota: u32,
    pub(super) opened: u32,
    pub(super) addresses: Vec<IpAddr>,
}

impl Row for InterfaceRow {
    const TABLE: &'static str = "interfaces";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("INTERFACE", 15),
        ("WORKLOAD", 24),
        ("ROLE", 8),
        ("EGRESS", 16),
        ("INGRESS", 16),
        ("QUOTA", 6),
        ("OPENED", 8),
        ("DRY RUN", 7),
        ("ADDRESSES", 0),
    ];

    fn cells(&self) -> Vec<String> {
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        vec![
            self.interface.clone(),
            or_dash(self.workload.as_ref()),
            self.role.to_owned(),
            self.egress.clone().unwrap_or_else(|| "deny everything".to_owned()),
            self.ingress.clone().unwrap_or_else(|| "deny everything".to_owned()),
            self.quota.to_string(),
            self.opened.to_string(),
            if self.observed { "yes" } else { "no" }.to_owned(),
            addresses.join(" "),
        ]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyRow {
    pub(super) policy: String,
    pub(super) otherwise: &'static str,
    pub(super) rule: String,
    pub(super) audit: Option<String>,
    /// `egress of h-web`
    pub(super) used_for: Vec<String>,
}

impl Row for PolicyRow {
    const TABLE: &'static str = "policies";
    const COLUMNS: &'static [(&'static str, usize)] =
        &[("POLICY", 16), ("OTHERWISE", 9), ("BY", 32), ("AUDIT", 32), ("USED FOR", 0)];

    fn cells(&self) -> Vec<String> {
        vec![
            self.policy.clone(),
            self.otherwise.to_owned(),
            self.rule.clone(),
            or_dash(self.audit.as_ref()),
            self.used_for.join(", "),
        ]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerdictRow {
    pub(super) policy: String,
    /// A workload, `outside`, or several by a block.
    pub(super) peer: String,
    pub(super) block: Option<u32>,
    pub(super) protocol: String,
    pub(super) ports: Option<Ports>,
    pub(super) verdict: &'static str,
    pub(super) rule: String,
    pub(super) audit: Option<Audit>,
    pub(super) limit: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Ports {
    pub(super) first: u16,
    pub(super) last: u16,
}

#[derive(Serialize)]
pub(super) struct Audit {
    pub(super) verdict: &'static str,
    pub(super) rule: String,
}

impl Row for VerdictRow {
    const TABLE: &'static str = "verdicts";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("POLICY", 16),
        ("PEER", 24),
        ("BLOCK", 6),
        ("PROTOCOL", 8),
        ("PORTS", 11),
        ("VERDICT", 7),
        ("BY", 32),
        ("LIMIT", 8),
        ("AUDIT", 0),
    ];

    fn cells(&self) -> Vec<String> {
        let ports = match &self.ports {
            None => "-".to_owned(),
            Some(Ports { first: 0, last: u16::MAX }) => "all".to_owned(),
            Some(Ports { first, last }) if first == last => first.to_string(),
            Some(Ports { first, last }) => format!("{first}-{last}"),
        };
        let audit = self.audit.as_ref().map(|audit| format!("{} {}", audit.verdict, audit.rule));
        vec![
            self.policy.clone(),
            self.peer.clone(),
            or_dash(self.block.as_ref()),
            self.protocol.clone(),
            ports,
            self.verdict.to_owned(),
            self.rule.clone(),
            or_dash(self.limit.as_ref()),
            or_dash(audit.as_ref()),
        ]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockRow {
    pub(super) policy: String,
    pub(super) block: u32,
    pub(super) cidr: String,
}

impl Row for BlockRow {
    const TABLE: &'static str = "blocks";
    const COLUMNS: &'static [(&'static str, usize)] = &[("POLICY", 16), ("BLOCK", 6), ("CIDR", 0)];

    fn cells(&self) -> Vec<String> {
        vec![self.policy.clone(), self.block.to_string(), self.cidr.clone()]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityRow {
    pub(super) address: IpAddr,
    pub(super) identity: String,
    pub(super) name: String,
}

impl Row for IdentityRow {
    const TABLE: &'static str = "identities";
    const COLUMNS: &'static [(&'static str, usize)] = &[("ADDRESS", 24), ("IDENTITY", 16), ("NAME", 0)];

    fn cells(&self) -> Vec<String> {
        vec![self.address.to_string(), self.identity.clone(), self.name.clone()]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LimitRow {
    pub(super) limit: String,
    pub(super) rule: Option<String>,
    pub(super) connections: Option<RateCell>,
    pub(super) connections_per_source: Option<RateCell>,
    pub(super) packets: Option<RateCell>,
    pub(super) packets_per_source: Option<RateCell>,
}

/// A rate as people say it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RateCell {
    pub(super) per_second: f64,
    pub(super) burst: u64,
}

impl Row for LimitRow {
    const TABLE: &'static str = "limits";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("LIMIT", 8),
        ("RULE", 32),
        ("CONNECTIONS", 18),
        ("PER SOURCE", 18),
        ("PACKETS", 18),
        ("PER SOURCE", 0),
    ];

    fn cells(&self) -> Vec<String> {
        let rate = |rate: &Option<RateCell>| {
            rate.as_ref()
                .map_or_else(|| "-".to_owned(), |rate| format!("{}/s burst {}", rate.per_second, rate.burst))
        };
        vec![
            self.limit.clone(),
            or_dash(self.rule.as_ref()),
            rate(&self.connections),
            rate(&self.connections_per_source),
            rate(&self.packets),
            rate(&self.packets_per_source),
        ]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlowRow {
    pub(super) interface: String,
    pub(super) workload: Option<String>,
    pub(super) protocol: String,
    pub(super) local: IpAddr,
    pub(super) local_port: u16,
    /// Who opened it: `workload` or `peer`.
    pub(super) opened_by: &'static str,
    pub(super) remote: IpAddr,
    pub(super) remote_port: u16,
    pub(super) peer: Option<String>,
    pub(super) state: &'static str,
    /// Seconds since it was opened, since a packet passed, and until it expires.
    pub(super) age: f64,
    pub(super) silent: f64,
    pub(super) expires: f64,
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) rule: String,
    pub(super) policy: String,
    pub(super) limit: Option<String>,
    /// It is judged again at its next packet.
    pub(super) stale: bool,
}

impl Row for FlowRow {
    const TABLE: &'static str = "flows";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("INTERFACE", 15),
        ("PROTOCOL", 8),
        ("LOCAL", 21),
        ("", 2),
        ("REMOTE", 21),
        ("PEER", 20),
        ("STATE", 11),
        ("AGE", 7),
        ("SILENT", 6),
        ("BYTES", 10),
        ("PACKETS", 8),
        ("RULE", 0),
    ];

    fn cells(&self) -> Vec<String> {
        let end = |address: IpAddr, port: u16| match address {
            _ if self.state == "neighbor" => address.to_string(),
            IpAddr::V4(address) => format!("{address}:{port}"),
            IpAddr::V6(address) => format!("[{address}]:{port}"),
        };
        let stale = if self.stale { " (judged again at its next packet)" } else { "" };
        vec![
            self.interface.clone(),
            self.protocol.clone(),
            end(self.local, self.local_port),
            if self.opened_by == "workload" { "→" } else { "←" }.to_owned(),
            end(self.remote, self.remote_port),
            or_dash(self.peer.as_ref()),
            self.state.to_owned(),
            format!("{:.1}s", self.age),
            format!("{:.0}s", self.silent),
            self.bytes.to_string(),
            self.packets.to_string(),
            format!("{}{stale}", self.rule),
        ]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BucketRow {
    pub(super) interface: String,
    pub(super) limit: String,
    pub(super) kind: &'static str,
    pub(super) source: Option<IpAddr>,
    /// Seconds until it is full again.
    pub(super) full_in: f64,
}

impl Row for BucketRow {
    const TABLE: &'static str = "buckets";
    const COLUMNS: &'static [(&'static str, usize)] =
        &[("INTERFACE", 15), ("LIMIT", 8), ("KIND", 11), ("SOURCE", 24), ("FULL IN", 0)];

    fn cells(&self) -> Vec<String> {
        vec![
            self.interface.clone(),
            self.limit.clone(),
            self.kind.to_owned(),
            self.source.map_or_else(|| "all together".to_owned(), |source| source.to_string()),
            format!("{:.3}s", self.full_in),
        ]
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FragmentRow {
    pub(super) interface: String,
    pub(super) direction: &'static str,
    pub(super) protocol: String,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) id: u32,
    /// Seconds since the first came.
    pub(super) age: f64,
    pub(super) rule: String,
}

impl Row for FragmentRow {
    const TABLE: &'static str = "fragments";
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("INTERFACE", 15),
        ("DIRECTION", 13),
        ("PROTOCOL", 8),
        ("SOURCE", 24),
        ("DESTINATION", 24),
        ("ID", 10),
        ("AGE", 7),
        ("RULE", 0),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.interface.clone(),
            self.direction.to_owned(),
            self.protocol.clone(),
            self.source.to_string(),
            self.destination.to_string(),
            self.id.to_string(),
            format!("{:.1}s", self.age),
            self.rule.clone(),
        ]
    }
}
