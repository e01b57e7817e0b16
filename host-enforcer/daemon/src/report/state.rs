//! The status, from what is known.

use bookend_api::{Condition, EnforcerStatus, ProxyShare, RefusedObject, Truth};
use bookend_text::cut;

use super::Known;
use super::survey::Survey;
use crate::clock::Clock;
use crate::health::State;

/// What has to be remembered from one status to the next.
#[derive(Default)]
pub(super) struct Draft {
    clock: Clock,
    since: Option<(String, String)>,
    ready: Option<(bool, String)>,
}

impl Draft {
    /// The status of now.
    pub(super) fn status(&mut self, known: &Known, state: &State, survey: &Survey) -> EnforcerStatus {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let since = known.policies.as_ref().map(|policies| self.since(policies));
        let stuck = state.alive().err().map(|since| {
            format!(
                "the enforcer has not turned for {} s; its pod is restarted if that lasts",
                since.as_secs()
            )
        });
        let obstacles: Vec<String> =
            stuck.iter().chain(&state.obstacles).take(EnforcerStatus::MOST).map(fit).collect();
        let ready = state.ready && stuck.is_none();
        let mut proxies: Vec<ProxyShare> = survey
            .revisions
            .iter()
            .map(|(revision, count)| ProxyShare { revision: revision.clone(), count: *count })
            .collect();
        // The most common are told where there are too many.
        proxies.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.revision.cmp(&b.revision)));
        proxies.truncate(EnforcerStatus::MOST);
        let refused = known.refused.iter().take(EnforcerStatus::MOST);
        let refused = refused.map(|object| RefusedObject { message: fit(&object.message), ..object.clone() });
        EnforcerStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            policies: known.policies.clone(),
            since,
            ready,
            interfaces: count(state.policed),
            unpoliced: count(state.unpoliced),
            pods: count(known.pods),
            proxies,
            unreadable_proxies: survey.unreadable,
            refused: refused.collect(),
            conditions: vec![self.condition(ready, obstacles.first())],
            obstacles,
        }
    }

    /// Since when the node has this revision.
    fn since(&mut self, policies: &str) -> String {
        match &self.since {
            Some((before, since)) if before == policies => since.clone(),
            _ => {
                let now = self.clock.now();
                self.since = Some((policies.to_owned(), now.clone()));
                now
            }
        }
    }

    fn condition(&mut self, ready: bool, obstacle: Option<&String>) -> Condition {
        let since = match &self.ready {
            Some((before, since)) if *before == ready => since.clone(),
            _ => {
                let now = self.clock.now();
                self.ready = Some((ready, now.clone()));
                now
            }
        };
        let (status, reason) = if ready { (Truth::True, "Enforced") } else { (Truth::False, "Obstacles") };
        Condition {
            r#type: "Ready".to_owned(),
            status,
            observed_generation: None,
            last_transition_time: since,
            reason: reason.to_owned(),
            message: obstacle.cloned().unwrap_or_default(),
        }
    }
}

/// As much of a text as an API server takes.
fn fit(text: impl AsRef<str>) -> String {
    cut(text.as_ref(), EnforcerStatus::LONGEST).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;

    fn known(policies: &str) -> Known {
        Known { policies: Some(policies.to_owned()), pods: 3, ..Known::default() }
    }

    #[test]
    fn times_change_only_with_what_they_are_about() {
        let (mut draft, health, survey) = (Draft::default(), Health::default(), Survey::default());
        let first = draft.status(&known("a"), &health.read(), &survey);
        assert!(!first.ready && first.conditions[0].status == Truth::False && !first.obstacles.is_empty());
        assert_eq!(draft.status(&known("a"), &health.read(), &survey), first);
        health.judged(Vec::new(), 3, 0);
        let ready = draft.status(&known("a"), &health.read(), &survey);
        assert_eq!((ready.since.clone(), ready.ready), (first.since, true));
        assert_eq!((ready.interfaces, ready.pods), (3, 3));
        assert_eq!(ready.conditions[0].status, Truth::True);
        let other = draft.status(&known("b"), &health.read(), &survey);
        assert_ne!(other.since, ready.since);
    }

    #[test]
    fn what_is_long_is_cut_so_that_the_rest_is_told() {
        let (mut draft, health) = (Draft::default(), Health::default());
        health.judged(vec!["ü".repeat(5000); 100], 0, 9);
        let refused = vec![RefusedObject { message: "x".repeat(9000), ..RefusedObject::default() }; 99];
        let survey =
            Survey { revisions: (0..99).map(|n| (format!("{n:02}"), n)).collect(), ..Survey::default() };
        let status = draft.status(&Known { refused, ..Known::default() }, &health.read(), &survey);
        assert_eq!([status.obstacles.len(), status.refused.len(), status.proxies.len()], [64; 3]);
        assert_eq!(status.proxies[0], ProxyShare { revision: "98".to_owned(), count: 98 });
        let longest = status.obstacles[0].chars().count().max(status.refused[0].message.chars().count());
        assert_eq!(longest, EnforcerStatus::LONGEST);
        assert!(status.obstacles[0].ends_with('…'));
    }
}
