//! How the controller does, for whoever asks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How long it may be busy with one thing until it is taken for stuck.
const STUCK: Duration = Duration::from_secs(300);

/// How the controller does; shared with what answers about it.
#[derive(Clone, Debug)]
pub(crate) struct State(Arc<Mutex<(Told, Instant)>>);

/// What is told.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// Whether the cluster was listed as a whole.
    pub(crate) complete: bool,
    /// Whether this one leads.
    pub(crate) leads: bool,
    /// Who leads, as far as is known.
    pub(crate) leader: Option<String>,
    /// The revision of the policies in force.
    pub(crate) policies: String,
    /// Why the policies could not be taken up.
    pub(crate) refusal: Option<String>,
    /// Why the cluster cannot be followed, or nothing can be written.
    pub(crate) trouble: Option<String>,
    /// What each namespace should have.
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    /// How many namespaces wait to be written.
    pub(crate) waiting: usize,
    /// Objects that are known.
    pub(crate) objects: usize,
    /// Objects that are not accepted.
    pub(crate) refused: usize,
    /// Proxies that have what they should, that have something else, and that do not say.
    pub(crate) proxies: [u32; 3],
    /// What was counted.
    pub(crate) counts: Counts,
}

/// What a namespace should have.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Namespace {
    /// The revision that its proxies tell when they have it.
    pub(crate) revision: String,
    /// What is wrong.
    pub(crate) trouble: Option<String>,
}

/// What was counted since the controller began.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) compiled: u64,
    pub(crate) applied: u64,
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
    pub(crate) statuses: u64,
    /// How long the last compilation took, in milliseconds.
    pub(crate) milliseconds: u64,
}

impl State {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new((Told::default(), Instant::now()))))
    }

    /// Tells how it does, and that it does.
    pub(crate) fn tell(&self, told: Told) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (told, Instant::now());
    }

    fn read(&self) -> (Told, Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is answered at a path: the status, the type and the text.
    pub(crate) fn answer(&self, path: &str) -> (u16, &'static str, String) {
        const TEXT: &str = "text/plain; charset=utf-8";
        let (told, when) = self.read();
        match path {
            "/healthz" if when.elapsed() < STUCK => (200, TEXT, "ok\n".to_owned()),
            "/healthz" => (503, TEXT, format!("busy with one thing for {} s\n", when.elapsed().as_secs())),
            "/readyz" if told.complete => (200, TEXT, "ok\n".to_owned()),
            "/readyz" => {
                let why = told.trouble.as_deref().unwrap_or("the cluster is being listed");
                (503, TEXT, format!("{why}\n"))
            }
            "/metrics" => (200, "text/plain; version=0.0.4; charset=utf-8", metrics(&told)),
            "/status" => match serde_json::to_string_pretty(&told) {
                Ok(json) => (200, "application/json", format!("{json}\n")),
                Err(error) => (500, TEXT, format!("{error}\n")),
            },
            _ => (404, TEXT, "there are /healthz, /readyz, /metrics and /status\n".to_owned()),
        }
    }
}

/// In Prometheus' text format.
fn metrics(told: &Told) -> String {
    let Told { counts, proxies: [current, stale, silent], .. } = told;
    let troubled = told.namespaces.values().filter(|namespace| namespace.trouble.is_some()).count();
    let gauge = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let rows: [(&str, &str, &str, u64); 17] = [
        ("leads", "gauge", "Whether this controller leads.", u64::from(told.leads)),
        ("complete", "gauge", "Whether the cluster was listed as a whole.", u64::from(told.complete)),
        (
            "policies_refused",
            "gauge",
            "Whether the policies as a whole could not be taken up.",
            u64::from(told.refusal.is_some()),
        ),
        (
            "trouble",
            "gauge",
            "Whether the cluster cannot be followed or written.",
            u64::from(told.trouble.is_some()),
        ),
        ("objects", "gauge", "Objects that are known.", gauge(told.objects)),
        ("objects_refused", "gauge", "Objects that are not accepted.", gauge(told.refused)),
        ("namespaces", "gauge", "Namespaces whose proxies get a filter.", gauge(told.namespaces.len())),
        ("namespaces_troubled", "gauge", "Those of them that do not have what they should.", gauge(troubled)),
        ("namespaces_waiting", "gauge", "Namespaces that wait to be written.", gauge(told.waiting)),
        ("proxies_current", "gauge", "Proxies that have what they should.", (*current).into()),
        ("proxies_stale", "gauge", "Proxies that have something else.", (*stale).into()),
        ("proxies_silent", "gauge", "Proxies that do not say what they have.", (*silent).into()),
        ("compilations_total", "counter", "How often policies were compiled.", counts.compiled),
        ("objects_applied_total", "counter", "Objects written.", counts.applied),
        ("objects_deleted_total", "counter", "Objects deleted.", counts.deleted),
        ("writes_failed_total", "counter", "Namespaces that could not be written.", counts.failed),
        ("statuses_written_total", "counter", "Statuses written.", counts.statuses),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in rows {
        // A text takes whatever is written.
        let _ = write!(
            text,
            "# HELP bookend_controller_{name} {help}\n# TYPE bookend_controller_{name} {kind}\nbookend_controller_{name} {value}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_once_the_cluster_is_known() {
        let state = State::new();
        assert_eq!((state.answer("/healthz").0, state.answer("/readyz").0), (200, 503));
        state.tell(Told { complete: true, ..Told::default() });
        assert_eq!(state.answer("/readyz").0, 200);
        assert!(state.answer("/metrics").2.contains("\nbookend_controller_complete 1\n"));
        assert!(state.answer("/status").2.contains("\"complete\": true"));
        assert_eq!(state.answer("/").0, 404);
    }
}
