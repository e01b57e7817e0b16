//! Labels that are asked for, in one written form.

use std::collections::BTreeSet;

use bookend_engine::{Affix, Clause, HOST_LABEL, LabelExpression, LabelMatch, Labels, Selector};
use serde_json::{Map, Value, json};

/// A condition on a set of labels. Two that are equal mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pods {
    pub(super) labels: Labels,
    pub(super) requirements: BTreeSet<Requirement>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Requirement {
    pub(super) key: String,
    /// As Kubernetes writes it, or one of those that only others know.
    pub(super) operator: String,
    /// Sorted.
    pub(super) values: Vec<String>,
}

impl Requirement {
    pub(super) fn new(key: &str, operator: &str, values: &[String]) -> Self {
        let mut values = values.to_vec();
        values.sort_unstable();
        values.dedup();
        Self { key: key.to_owned(), operator: operator.to_owned(), values }
    }

    /// The opposite.
    fn negated(&self) -> Self {
        let operator = match self.operator.as_str() {
            "Exists" => "DoesNotExist".to_owned(),
            "DoesNotExist" => "Exists".to_owned(),
            other => match other.strip_prefix("Not") {
                Some(positive) => positive.to_owned(),
                None => format!("Not{other}"),
            },
        };
        Self { operator, ..self.clone() }
    }

    /// Whether Kubernetes knows the operator.
    fn is_kubernetes(&self) -> bool {
        matches!(self.operator.as_str(), "In" | "NotIn" | "Exists" | "DoesNotExist")
    }

    /// Whether labels satisfy it that have `value` under its key.
    fn holds(&self, value: Option<&str>) -> Option<bool> {
        let among = |value: &str| self.values.iter().any(|known| known == value);
        match self.operator.as_str() {
            "In" => Some(value.is_some_and(among)),
            "NotIn" => Some(!value.is_some_and(among)),
            "Exists" => Some(value.is_some()),
            "DoesNotExist" => Some(value.is_none()),
            other => {
                let (negated, positive) = match other.strip_prefix("Not") {
                    Some(positive) => (true, positive),
                    None => (false, other),
                };
                let part: fn(&str, &str) -> bool = match positive {
                    "StartsWith" => |value, text| value.starts_with(text),
                    "EndsWith" => |value, text| value.ends_with(text),
                    "Contains" => |value, text| value.contains(text),
                    _ => return None,
                };
                Some(value.is_some_and(|value| self.values.iter().any(|text| part(value, text))) != negated)
            }
        }
    }
}

impl From<&LabelExpression> for Requirement {
    fn from(expression: &LabelExpression) -> Self {
        let texts = |list: Option<&[String]>| list.unwrap_or_default().to_vec();
        let (key, operator, values) = written(expression);
        Self::new(key, operator, &texts(values.alternatives()))
    }
}

/// Key, operator and values of an expression.
fn written(expression: &LabelExpression) -> (&str, &'static str, &Clause<String>) {
    use LabelExpression as L;
    match expression {
        L::In { key, values } => (key, "In", values),
        L::NotIn { key, values } => (key, "NotIn", values),
        L::Exists { key } => (key, "Exists", &Clause::Any),
        L::DoesNotExist { key } => (key, "DoesNotExist", &Clause::Any),
        L::Affix { key, affix, values, negated } => {
            let operator = match (affix, negated) {
                (Affix::Start, false) => "StartsWith",
                (Affix::Start, true) => "NotStartsWith",
                (Affix::End, false) => "EndsWith",
                (Affix::End, true) => "NotEndsWith",
                (Affix::Inside, false) => "Contains",
                (Affix::Inside, true) => "NotContains",
            };
            (key, operator, values)
        }
    }
}

impl Pods {
    /// Whether nothing is asked.
    pub(super) fn is_any(&self) -> bool {
        self.labels.is_empty() && self.requirements.is_empty()
    }

    /// These labels.
    fn of(labels: &Labels, expressions: &[LabelExpression]) -> Self {
        let mut pods = Self { labels: labels.clone(), requirements: BTreeSet::new() };
        let requirements = expressions.iter().map(Requirement::from);
        // Elsewhere labels are asked of pods only, and none of them is a host.
        let no_host = |one: &Requirement| one.key == HOST_LABEL && one.operator == "DoesNotExist";
        requirements.filter(|one| !no_host(one)).for_each(|one| pods.require(one));
        // What contradicts itself stays as it is.
        pods.clone().tidied().unwrap_or(pods)
    }

    /// What a selector asks of labels.
    pub(super) fn selected(selector: &Selector) -> Self {
        Self::of(&selector.labels, &selector.expressions)
    }

    /// What is asked of the labels of namespaces.
    pub(super) fn labelled(labels: &LabelMatch) -> Self {
        Self::of(&labels.labels, &labels.expressions)
    }

    /// One requirement.
    pub(super) fn required(requirement: Requirement) -> Self {
        let mut pods = Self::default();
        pods.require(requirement);
        pods
    }

    /// One label.
    pub(super) fn label(key: &str, value: &str) -> Self {
        Self { labels: Labels::from([(key.to_owned(), value.to_owned())]), requirements: BTreeSet::new() }
    }

    fn require(&mut self, requirement: Requirement) {
        match (requirement.operator.as_str(), requirement.values.as_slice()) {
            ("In", [only]) if self.labels.get(&requirement.key).is_none_or(|value| value == only) => {
                self.labels.insert(requirement.key, only.clone());
            }
            _ => {
                self.requirements.insert(requirement);
            }
        }
    }

    /// Whether `labels` satisfy it, if that can be told.
    pub(super) fn holds(&self, labels: &Labels) -> Option<bool> {
        let own = self.labels.iter().all(|(key, value)| labels.get(key) == Some(value));
        let mut all = Some(own);
        for requirement in &self.requirements {
            let value = labels.get(&requirement.key).map(String::as_str);
            all = all.zip(requirement.holds(value)).map(|(all, this)| all && this);
        }
        all
    }

    /// What satisfies both; nothing where that is plainly nobody.
    pub(super) fn both(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        for (key, value) in &other.labels {
            match both.labels.get(key) {
                Some(known) if known != value => return None,
                _ => both.labels.insert(key.clone(), value.clone()),
            };
        }
        other.requirements.iter().for_each(|requirement| both.require(requirement.clone()));
        both.tidied()
    }

    /// Without what its labels say already; nothing if they say the opposite.
    fn tidied(mut self) -> Option<Self> {
        let mut kept = BTreeSet::new();
        for requirement in core::mem::take(&mut self.requirements) {
            let known = self.labels.get(&requirement.key).and_then(|value| requirement.holds(Some(value)));
            match known {
                Some(true) => {}
                Some(false) => return None,
                None => {
                    kept.insert(requirement);
                }
            }
        }
        self.requirements = kept;
        Some(self)
    }

    /// Whether what satisfies this satisfies `other` as well, as far as can be seen without thinking.
    pub(super) fn within(&self, other: &Self) -> bool {
        let labels = other.labels.iter().all(|(key, value)| self.labels.get(key) == Some(value));
        labels
            && other.requirements.iter().all(|wanted| {
                self.requirements.contains(wanted)
                    || self.labels.get(&wanted.key).and_then(|value| wanted.holds(Some(value))) == Some(true)
            })
    }

    /// Those of which one must hold where this does not.
    pub(super) fn negations(&self) -> Vec<Self> {
        let labels = self
            .labels
            .iter()
            .map(|(key, value)| Requirement::new(key, "NotIn", core::slice::from_ref(value)));
        let requirements = self.requirements.iter().map(Requirement::negated);
        labels.chain(requirements).map(Self::required).collect()
    }

    /// As labels alone: one list of labels for each value that is asked for; nothing where labels alone cannot say it.
    pub(super) fn without_expressions(&self) -> Option<Vec<Self>> {
        let mut list = vec![Self { labels: self.labels.clone(), ..Self::default() }];
        for requirement in &self.requirements {
            if requirement.operator != "In" {
                return None;
            }
            let each = |pods: &Self, value: &String| pods.both(&Self::label(&requirement.key, value));
            list = list
                .iter()
                .flat_map(|pods| requirement.values.iter().filter_map(|value| each(pods, value)))
                .collect();
        }
        Some(list)
    }

    /// As Kubernetes writes it; nothing where it asks what Kubernetes cannot.
    pub(super) fn label_selector(&self) -> Option<Value> {
        if !self.requirements.iter().all(Requirement::is_kubernetes) {
            return None;
        }
        let mut selector = Map::new();
        if !self.labels.is_empty() {
            selector.insert("matchLabels".to_owned(), json!(self.labels));
        }
        if !self.requirements.is_empty() {
            let expressions = self.requirements.iter().map(|requirement| {
                let Requirement { key, operator, values } = requirement;
                match values.is_empty() {
                    true => json!({ "key": key, "operator": operator }),
                    false => json!({ "key": key, "operator": operator, "values": values }),
                }
            });
            selector.insert("matchExpressions".to_owned(), expressions.collect());
        }
        Some(Value::Object(selector))
    }
}
