//! What two recordings of one exchange differ in.

use crate::recorder::{Record, readable};

/// What is different each time: only whether it can be read is compared.
const VOLATILE: [&str; 9] = [
    "connection/id",
    "connection_id",
    "request/time",
    "response/headers_bytes",
    "response/total_size",
    "source/address",
    "source/port",
    "request/duration",
    "response/backend_latency",
];

/// What Envoy knows of its own work, and the harness only if it is told: how long things took, which endpoint was
/// chosen, why there is no response.
const OF_THE_PROXY: [&str; 11] = [
    "cluster_name",
    "request/duration",
    "response/backend_latency",
    "upstream/address",
    "upstream/local_address",
    "upstream/num_endpoints",
    "upstream/port",
    "upstream/request_attempt_count",
    "upstream/transport_failure_reason",
    "xds/cluster_name",
    "xds/upstream_host_metadata",
];

/// Details of responses that no plugin gave.
const DETAILS: &str = "response/code_details";

/// Headers that the connection manager and the router add or take away around the filters.
const OF_THE_MANAGER: [&[u8]; 5] =
    [b"connection", b"date", b"server", b"transfer-encoding", b"x-envoy-upstream-service-time"];

/// The differences, in words.
pub(crate) fn differences(what: &str, envoy: &[Record], harness: &[Record]) -> Vec<String> {
    let names = |records: &[Record]| -> Vec<String> {
        records.iter().map(|record| record.callback.trim_start_matches("proxy_on_").to_owned()).collect()
    };
    let (theirs, ours) = (names(envoy), names(harness));
    if theirs != ours {
        return vec![format!("{what}: Envoy calls {theirs:?}, the harness {ours:?}")];
    }
    let mut differences = Vec::new();
    for (theirs, ours) in envoy.iter().zip(harness) {
        let callback = &theirs.callback;
        for (name, envoy) in &theirs.seen {
            let harness = ours.seen.get(name).map_or("nothing", String::as_str);
            if !alike(name, envoy, harness) {
                differences.push(format!(
                    "{what}, {callback}, {name}: Envoy {}, the harness {}",
                    readable(envoy),
                    readable(harness)
                ));
            }
        }
    }
    differences
}

fn alike(name: &str, envoy: &str, harness: &str) -> bool {
    let status = |seen: &str| seen.get(..2).map(str::to_owned);
    // The size of a set of headers depends on those that come and go.
    let counts_headers = name == "argument1" || name.ends_with("header_map_size");
    if OF_THE_PROXY.contains(&name) || envoy == harness {
        return true;
    }
    if VOLATILE.contains(&name) || counts_headers {
        return status(envoy) == status(harness);
    }
    if name == DETAILS && status(harness).as_deref() == Some("01") {
        return true;
    }
    match (pairs(envoy), pairs(harness)) {
        (Some(envoy), Some(harness)) if name.contains("headers") || name.contains("map_pairs") => {
            envoy == harness
        }
        _ => false,
    }
}

/// Header pairs, without those that depend on the connection manager. Of responses the order is kept, too.
fn pairs(seen: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let bytes: Vec<u8> = seen
        .strip_prefix("00:")?
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let count = number(0)?;
    let mut at = 4 + count * 8;
    let mut pairs = Vec::new();
    for pair in 0..count {
        let (name, value) = (number(4 + pair * 8)?, number(8 + pair * 8)?);
        let text = |from: usize, length: usize| Some(bytes.get(from..from + length)?.to_vec());
        pairs.push((text(at, name)?, text(at + name + 1, value)?));
        at += name + value + 2;
    }
    pairs.retain(|(name, _)| !OF_THE_MANAGER.contains(&name.as_slice()));
    Some(pairs)
}
