//! What goes wrong on demand.

use std::time::Duration;

use super::access::Deed;

/// Which requests something happens to; what is left out matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    verb: Option<String>,
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

impl When {
    /// All requests.
    pub fn always() -> Self {
        Self::default()
    }

    /// Requests of this verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`; `discover` for what the server says
    /// about itself.
    #[must_use]
    pub fn verb(mut self, verb: &str) -> Self {
        self.verb = Some(verb.to_owned());
        self
    }

    /// Requests about this plural, with `/` and the subresource if it is about one: `pods`, `policies/status`.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// Requests in this namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Requests about an object of this name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    fn matches(&self, deed: &Deed) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.verb, &deed.verb)
            && is(&self.resource, &deed.resource)
            && is(&self.namespace, &deed.namespace)
            && is(&self.name, &deed.name)
    }
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is answered later, and as it would be without.
    Delay(Duration),
    /// It is refused with this HTTP status, reason of Kubernetes and message.
    Refuse(u16, String, String),
    /// 429, with `Retry-After` in seconds.
    TooMany(u32),
    /// 200 and something that is no JSON.
    Garbage,
    /// 200 and JSON that is none of what was asked for.
    Nonsense,
    /// A load balancer's page instead of an answer of the API: this status and HTML.
    Page(u16),
    /// The connection ends after so many bytes of the answer's body.
    Cut(usize),
    /// No answer, ever.
    Hang,
    /// A watch begins and says at once that its revision is too old; anything else is refused with 410.
    Expired,
}

#[derive(Debug)]
struct Scripted {
    when: When,
    fault: Fault,
    /// How many requests it still happens to; `None` for all.
    left: Option<u32>,
}

/// Everything that is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    scripted: Vec<Scripted>,
}

impl Faults {
    pub(crate) fn add(&mut self, when: When, fault: Fault, times: Option<u32>) {
        self.scripted.push(Scripted { when, fault, left: times });
    }

    pub(crate) fn clear(&mut self) {
        self.scripted.clear();
    }

    /// What happens to this request: for how long it waits, and what then goes wrong.
    pub(crate) fn take(&mut self, deed: &Deed) -> (Duration, Option<Fault>) {
        let mut wait = Duration::ZERO;
        let mut fault = None;
        for scripted in &mut self.scripted {
            if scripted.left == Some(0) || !scripted.when.matches(deed) {
                continue;
            }
            match &scripted.fault {
                Fault::Delay(time) => wait += *time,
                other if fault.is_none() => fault = Some(other.clone()),
                _ => continue,
            }
            scripted.left = scripted.left.map(|left| left - 1);
        }
        self.scripted.retain(|scripted| scripted.left != Some(0));
        (wait, fault)
    }
}
