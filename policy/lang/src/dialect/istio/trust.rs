//! Trust domains, and what principals of one mean in a mesh that is known by several names.

use bookend_engine::PrincipalPattern;

use super::peer;

/// What a policy writes for the trust domain of its mesh, whatever that is.
const POINTER: &str = "cluster.local";

/// The trust domain of a mesh, first, and its other names (`pilot/pkg/security/trustdomain/bundle.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustDomains(pub(crate) Vec<String>);

impl TrustDomains {
    /// The ids that principals mean: of every name of the mesh, where they name it.
    pub(super) fn principals(&self, values: &[String]) -> Vec<PrincipalPattern> {
        let all = values.iter().flat_map(|value| self.principal(value));
        unique(all.filter_map(|value| peer::pattern(&value)))
    }

    fn principal(&self, value: &str) -> Vec<String> {
        let Some((domain, path)) = value.split_once('/').filter(|(_, path)| path.split('/').count() == 4)
        else {
            return vec![value.to_owned()];
        };
        let own = domain == POINTER || self.0.iter().any(|known| meets(domain, known));
        // With `*` alone it is of any trust domain.
        if domain == "*" || !own {
            return vec![value.to_owned()];
        }
        let mut found: Vec<String> = Vec::new();
        for known in &self.0 {
            let principal = match ends(known, domain) {
                true => value.to_owned(),
                false => format!("{known}/{path}"),
            };
            if !found.contains(&principal) {
                found.push(principal);
            }
        }
        found
    }

    /// The ids of trust domains: of every name of the mesh, where one of them is named.
    pub(super) fn domains(&self, values: &[String]) -> Vec<PrincipalPattern> {
        let of = |value: &String| match self.0.contains(value) {
            true => self.0.clone(),
            false => vec![value.clone()],
        };
        unique(values.iter().flat_map(of).filter_map(|value| peer::of_trust_domain(&value)))
    }
}

/// Whether two names are one, or one has a star that stands for the other.
fn meets(a: &str, b: &str) -> bool {
    let starts = |a: &str, pattern: &str| pattern.strip_suffix('*').is_some_and(|start| a.starts_with(start));
    a == b || starts(a, b) || starts(b, a) || ends(a, b) || ends(b, a)
}

/// Whether a name ends as the pattern does, which starts with a star.
fn ends(name: &str, pattern: &str) -> bool {
    pattern.strip_prefix('*').is_some_and(|end| name.ends_with(end))
}

fn unique(all: impl Iterator<Item = PrincipalPattern>) -> Vec<PrincipalPattern> {
    let mut found: Vec<PrincipalPattern> = Vec::new();
    for pattern in all {
        if !found.contains(&pattern) {
            found.push(pattern);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    // The cases of pilot/pkg/security/trustdomain/bundle_test.go (Copyright Istio Authors, Apache-2.0), as ids.
    #[test]
    fn principals_of_the_mesh_are_of_every_name_that_it_has() {
        for (domain, aliases, principals, expected) in [
            (
                "cluster.local",
                &[][..],
                &["cluster.local/ns/foo/sa/bar", "some-td/ns/foo/sa/bar"][..],
                &["spiffe://cluster.local/ns/foo/sa/bar", "spiffe://some-td/ns/foo/sa/bar"][..],
            ),
            ("td2", &[], &["td1/ns/foo/sa/bar"], &["spiffe://td1/ns/foo/sa/bar"]),
            (
                "td2",
                &[],
                &["td1/ns/foo/sa/bar", "cluster.local/ns/foo/sa/bar"],
                &["spiffe://td1/ns/foo/sa/bar", "spiffe://td2/ns/foo/sa/bar"],
            ),
            ("cluster.local", &[], &["*/ns/foo/sa/bar", "*"], &["*/ns/foo/sa/bar", "spiffe://*"]),
            (
                "td1",
                &["cluster.local"],
                &["cluster.local/ns/foo/sa/bar"],
                &["spiffe://td1/ns/foo/sa/bar", "spiffe://cluster.local/ns/foo/sa/bar"],
            ),
            ("td1", &["cluster.local"], &["some-td/ns/foo/sa/bar"], &["spiffe://some-td/ns/foo/sa/bar"]),
            (
                "td1",
                &["cluster.local", "td2"],
                &["td2/ns/foo/sa/bar"],
                &[
                    "spiffe://td1/ns/foo/sa/bar",
                    "spiffe://cluster.local/ns/foo/sa/bar",
                    "spiffe://td2/ns/foo/sa/bar",
                ],
            ),
            (
                "new-td",
                &["old-td", "td1"],
                &["*-td/ns/foo/sa/bar", "td1/ns/foo/sa/bar"],
                &[
                    "*-td/ns/foo/sa/bar",
                    "spiffe://td1/ns/foo/sa/bar",
                    "spiffe://new-td/ns/foo/sa/bar",
                    "spiffe://old-td/ns/foo/sa/bar",
                ],
            ),
            (
                "td1",
                &["td2"],
                &["cluster.local/ns/foo/sa/bar", "sa/bar"],
                &["spiffe://td1/ns/foo/sa/bar", "spiffe://td2/ns/foo/sa/bar", "spiffe://sa/bar"],
            ),
        ] {
            let domains = [domain].iter().chain(aliases).map(|name| (*name).to_owned()).collect();
            let principals: Vec<String> = principals.iter().map(|text| (*text).to_owned()).collect();
            let found = TrustDomains(domains).principals(&principals);
            let found: Vec<&str> = found.iter().map(PrincipalPattern::as_str).collect();
            assert_eq!(found, expected, "{principals:?} in {domain}");
        }
    }
}
