//! The demo's attempts, as data. What should become of each is the policy's affair.

use std::net::{IpAddr, SocketAddr};

use crate::attempt::{Act, Attempt};
use crate::packet::{Forgery, Payload};
use crate::world::topology::{APP_PORT, external, workload};

/// Requests between the services.
pub fn requests() -> Vec<Attempt> {
    let mut attempts = vec![
        Attempt::http("reviews-v2", "GET", "ratings", "/ratings/1"),
        Attempt::http("reviews-v3", "GET", "ratings", "/ratings/1"),
        // The same service account; only the labels differ.
        Attempt::http("reviews-v1", "GET", "ratings", "/ratings/1"),
        Attempt::http("details", "GET", "ratings", "/ratings/1"),
        Attempt::http("productpage", "GET", "details", "/details/0"),
        Attempt::http("productpage", "GET", "reviews", "/reviews/0"),
    ];
    attempts.push(rate("reviews-v2"));
    for method in ["PUT", "DELETE"] {
        attempts.push(Attempt::http("reviews-v2", method, "ratings", "/ratings/1"));
    }
    for method in ["POST", "PUT", "DELETE"] {
        attempts.push(Attempt::http("productpage", method, "details", "/details/0"));
    }
    // Paths that two servers would read differently, and paths nobody was given.
    for path in ["/ratings/1/secret", "/ratings/%2e%2e%2fsecret", "/ratings/1;a=b", "//ratings/1"] {
        attempts.push(Attempt::http("reviews-v2", "GET", "ratings", path));
    }
    attempts
}

/// A new rating, as `from` sends it.
pub fn rate(from: &'static str) -> Attempt {
    let mut attempt = Attempt::http(from, "POST", "ratings", "/ratings/1");
    if let Act::Http { request, .. } = &mut attempt.act {
        request.body = br#"{"Reviewer1":1,"Reviewer2":5}"#.to_vec();
    }
    attempt
}

/// Connections to the world outside the mesh, through the sidecars.
pub fn egress() -> Vec<Attempt> {
    let to = |from, key, port| Attempt::by(from, Act::Connect { to: outside(key, port) });
    vec![
        to("ratings", "database", 3306),
        to("ratings", "database", 22),
        to("reviews-v2", "database", 3306),
        to("productpage", "database", 3306),
        to("details", "books-api", 443),
        to("productpage", "books-api", 443),
        to("details", "internet", 443),
        to("ratings", "internet", 80),
        to("ratings", "metadata", 80),
    ]
}

/// What somebody does who has root in the productpage pod, and what a pod does that was never in the mesh.
pub fn takeover() -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for family in [usize::MIN, 1] {
        let (Some(ratings), Some(disguise)) = (address("ratings", family), address("reviews-v2", family))
        else {
            continue;
        };
        let service = SocketAddr::new(ratings, APP_PORT);
        let own = address("productpage", family).unwrap_or(disguise);
        let forged = |source, payload| {
            let forgery = Forgery { source, source_port: 40_404, to: service, payload };
            Attempt::by("productpage", Act::Forge(forgery))
        };
        attempts.extend([
            Attempt::around_the_proxy("productpage", Act::Connect { to: service }),
            Attempt { from: "productpage", uid: 0, act: Act::Connect { to: service } },
            forged(own, Payload::Syn),
            forged(disguise, Payload::Syn),
            forged(disguise, Payload::Datagram),
            Attempt::by("productpage", Act::Datagram { to: SocketAddr::new(ratings, 53) }),
            Attempt::by("productpage", Act::Echo { to: ratings }),
            Attempt::by("productpage", Act::Scan { to: ratings, ports: 1..=1024 }),
            Attempt::by("intruder", Act::Connect { to: service }),
            Attempt::by("intruder", Act::Echo { to: ratings }),
        ]);
    }
    attempts.extend([
        Attempt::by("productpage", Act::Datagram { to: outside("internet", 53) }),
        Attempt::around_the_proxy("productpage", Act::Connect { to: outside("internet", 443) }),
        Attempt::by("intruder", Act::Connect { to: outside("database", 3306) }),
    ]);
    attempts
}

/// The essence of [`takeover`]: around the proxy, under a false name, and everywhere at once.
pub fn freedom() -> Vec<Attempt> {
    let essence = |attempt: &Attempt| match &attempt.act {
        Act::Connect { to } => attempt.from == "intruder" && to.port() == APP_PORT,
        Act::Forge(forgery) => forgery.payload == Payload::Datagram,
        Act::Scan { .. } => true,
        _ => false,
    };
    takeover().into_iter().filter(essence).collect()
}

fn address(key: &str, family: usize) -> Option<IpAddr> {
    workload(key)?.addresses().get(family).copied()
}

/// The IPv4 address of an outside host; one that reaches nobody if there is none of that name.
pub(super) fn outside(key: &str, port: u16) -> SocketAddr {
    external(key).map_or((IpAddr::from([0, 0, 0, 0]), port), |it| (it.ipv4.into(), port)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::documents::Documents;
    use crate::demo::expectation::Expectation;
    use std::path::Path;

    fn lines(attempts: &[Attempt]) -> String {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let compiled = Documents::bookinfo(checkout).compiled().unwrap();
        let line = |attempt: &Attempt| {
            let Expectation { reaches, layer, end, rule } =
                Expectation::of(attempt, &compiled, true).unwrap();
            format!("{} {attempt} \u{2192} {layer}, {end} \u{2192} {rule}\n", if reaches { "+" } else { "-" })
        };
        attempts.iter().map(line).collect()
    }

    #[test]
    fn the_policy_says_what_the_story_tells() {
        let told = [requests(), egress(), takeover()].map(|attempts| lines(&attempts)).join("\n");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/story.txt");
        if std::env::var_os("BOOKEND_BLESS").is_some() {
            std::fs::write(&golden, &told).unwrap();
        }
        assert_eq!(told, std::fs::read_to_string(&golden).unwrap());
    }
}
