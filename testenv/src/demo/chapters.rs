//! The chapters, in the order in which they are told.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::enforcer::Enforcer;
use super::expectation::Expectation;
use super::stage::Stage;
use super::{story, traffic};
use crate::attempt::{Act, Attempt, Held, Target};
use crate::error::{Error, Result};
use crate::http::Request;
use crate::journal::Record;
use crate::world::topology::{GATEWAY_PORT, PROXY_UID, workload};

/// Without the host enforcer, what goes around the proxies gets through: the control, without which the rest would
/// prove nothing.
pub(super) fn control<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.chapter("Control: filters only, no host enforcer. Whoever goes around the proxies gets through")?;
    take_over(stage)
}

/// The host enforcer takes its place.
pub(super) fn attach<W: Write>(stage: &mut Stage<W>, program: PathBuf, object: PathBuf) -> Result<()> {
    stage.chapter("The host enforcer attaches to the host side of every pod's interface")?;
    let mut enforcer = Enforcer::new(&stage.world, program, object, stage.documents.clone());
    enforcer.start(&stage.world)?;
    stage.enforcer = Some(enforcer);
    stage.claim("bookend-enforcer: start", "in force", "in force", true)
}

/// The application works.
pub(super) fn page<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage
        .chapter("The page renders: gateway, productpage, details, reviews, ratings; every hop over mTLS")?;
    for _ in 0..3 {
        let before = stage.world.now()?;
        let observation = stage.world.attempt(&visit("/productpage")?)?;
        let records = stage.world.received_since(&before)?;
        let hops: Vec<String> = records.iter().filter_map(hop).collect();
        let plain = records.len() - hops.len();
        let ok = observation.status() == Some(200) && plain == 0 && hops.len() >= 3;
        let observed = format!("{}; {}", observation.answer, hops.join(", "));
        stage.claim(
            "internet: GET /productpage at the gateway",
            "HTTP 200, mTLS at every hop",
            &observed,
            ok,
        )?;
    }
    let login = stage.world.attempt(&visit("/login")?)?;
    let body = match &login.answer {
        crate::attempt::Answer::Http(response) => {
            format!("HTTP {} {}", response.status, response.text().trim())
        }
        other => other.to_string(),
    };
    stage.claim(
        "internet: GET /login at the gateway",
        "HTTP 403 from the filter of productpage",
        &body,
        login.status() == Some(403) && login.received.is_empty(),
    )
}

/// The page is asked for, where it is not known what the policies say of the services behind it.
pub(super) fn their_page<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.chapter("Somebody outside asks for the page")?;
    for path in ["/productpage", "/login"] {
        let onwards = Attempt::http("gateway", "GET", "productpage", path);
        let expected = Expectation::of(&onwards, &stage.compiled, stage.enforcer.is_some())?.reaches;
        let observation = stage.world.attempt(&visit(path)?)?;
        let attempt = format!("internet: GET {path} at the gateway");
        let ok = (observation.status() == Some(200)) == expected;
        let expected = if expected { "HTTP 200" } else { "no page" };
        stage.claim(&attempt, expected, &observation.answer.to_string(), ok)?;
    }
    Ok(())
}

/// Requests between services.
pub(super) fn requests<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.chapter("Requests are judged by who asks, what, and how")?;
    stage.play(&story::requests())
}

/// Connections to the outside.
pub(super) fn egress<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.chapter("Nobody leaves the mesh, except as the policy says")?;
    stage.play(&story::egress())
}

/// The attacker.
pub(super) fn takeover<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.chapter("productpage is taken over: the same attempts, now with the host enforcer")?;
    take_over(stage)
}

fn take_over<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.world.pod("productpage")?.flush_redirection()?;
    stage.claim("productpage: flush the redirection to its sidecar", "done", "done", true)?;
    stage.play(&story::takeover())?;
    stage.world.pod("productpage")?.restore_redirection()
}

/// The enforcer's process dies; what it enforces does not.
pub(super) fn crash<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    if !stage.tells_gaps()? {
        return stage.chapter("These policies do not let productpage read details and deny it ratings: nothing would show a gap");
    }
    stage.chapter("The host enforcer is killed and comes back; traffic runs all the time")?;
    let mut enforcer =
        stage.enforcer.take().ok_or_else(|| Error::new("the host enforcer is not in force"))?;
    let (_, tally) = traffic::during(&stage.world, || {
        enforcer.kill()?;
        std::thread::sleep(std::time::Duration::from_secs(1));
        Ok(())
    })?;
    let without_gap = "all allowed served, nothing denied arrives";
    stage.claim("SIGKILL to bookend-enforcer", without_gap, &tally.to_string(), tally.is_seamless(true))?;
    let (_, tally) = traffic::during(&stage.world, || enforcer.start(&stage.world))?;
    stage.claim("bookend-enforcer: start again", without_gap, &tally.to_string(), tally.is_seamless(true))?;
    stage.enforcer = Some(enforcer);
    stage.play(&[
        Attempt::http("reviews-v2", "GET", "ratings", "/ratings/1"),
        Attempt::http("details", "GET", "ratings", "/ratings/1"),
    ])
}

/// What the edits replace, and by what.
const EDIT: [[&str; 2]; 2] = [
    [
        "methods: [GET]\n      paths: [\"/ratings/{id}\"]",
        "methods: [GET, POST]\n      paths: [\"/ratings/{id}\"]",
    ],
    ["ports: [3306]", "ports: [3306, 22]"],
];
const MISTAKE: [&str; 2] = ["ports: [3306, 22]", "ports: [3306, 70000]"];
const CORRECTION: [&str; 2] = ["ports: [3306, 70000]", "ports: [3306]"];

/// The policy changes under load; then somebody makes a mistake.
pub(super) fn edit<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.chapter(
        "The policy is edited while traffic runs: both layers follow, and a mistake changes nothing",
    )?;
    let kernel = stage.enforcer.is_some();
    let mut attempts = vec![story::rate("reviews-v2")];
    if kernel {
        attempts.push(Attempt::by("ratings", Act::Connect { to: story::outside("database", 22) }));
    }
    stage.play(&attempts)?;

    let edited = stage.edit(&EDIT)?;
    let mut ok = edited.tally.is_seamless(kernel) && edited.filters.is_ok();
    let mut observed = match &edited.filters {
        Ok(()) => "filters: applied".to_owned(),
        Err(error) => format!("filters: {error}"),
    };
    if let Some(change) = &edited.kernel {
        ok &= change.outcome == "applied";
        observed.push_str(&format!("; kernel: {}", change.outcome));
    }
    observed.push_str(&format!("; {}", edited.tally));
    let attempt = "edit: reviews may POST ratings, ratings may reach port 22 of the database";
    stage.claim(attempt, "applied, without a gap", &observed, ok)?;
    stage.play(&attempts)?;

    let edited = stage.edit(&[MISTAKE])?;
    let mut ok = edited.tally.is_seamless(kernel);
    let said = edited.filters.err().map(|error| error.to_string()).unwrap_or_default();
    ok &= said.contains("policy.yaml:") && said.contains("70000");
    let mut observed = said;
    if let Some(change) = &edited.kernel {
        let place = change.complaints.iter().find_map(|complaint| complaint.line.zip(complaint.column));
        ok &= change.outcome == "refused" && place.is_some();
        let (line, column) = place.unwrap_or_default();
        observed.push_str(&format!("; kernel: {} for line {line}, column {column}", change.outcome));
    }
    observed.push_str(&format!("; {}", edited.tally));
    stage.claim("edit: port 70000", "refused with line and column, without a gap", &observed, ok)?;
    stage.play(&attempts)?;
    if kernel { revoke(stage) } else { Ok(()) }
}

/// What an edit takes away ends at once, on connections that are open as well.
fn revoke<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    let to = story::outside("database", 22);
    let mut held = Held::open(&stage.world, "ratings", PROXY_UID, to)?;
    let before = held.is_heard(&stage.world)?;
    let edited = stage.edit(&[CORRECTION])?;
    let applied = edited.filters.is_ok() && edited.kernel.is_some_and(|change| change.outcome == "applied");
    let after = held.is_heard(&stage.world)?;
    let told = |heard| if heard { "heard" } else { "silent" };
    let observed = format!("{} before the edit, {} after it; {}", told(before), told(after), edited.tally);
    let ok = applied && before && !after && edited.tally.is_seamless(true);
    let attempt = "edit: port 22 is taken back, while ratings has a connection open to it";
    stage.claim(attempt, "heard before the edit, silent after it", &observed, ok)
}

/// The host enforcer is taken away on purpose: what it stopped gets through again, so it was the enforcer that stopped it.
pub(super) fn detach<W: Write>(stage: &mut Stage<W>) -> Result<()> {
    stage.chapter("Control: the host enforcer is detached, and the attacker is free again")?;
    if let Some(mut enforcer) = stage.enforcer.take() {
        enforcer.detach(&stage.world)?;
    }
    stage.play(&story::freedom())
}

fn visit(path: &str) -> Result<Attempt> {
    let gateway = workload("gateway").ok_or_else(|| Error::new("the world has no gateway"))?;
    let to = Target::Address(SocketAddr::from((gateway.ipv4(), GATEWAY_PORT)));
    Ok(Attempt::by("internet", Act::Http { to, request: Request::get("bookinfo.example", path) }))
}

/// Who asked whom, if the sidecar vouches for who asked.
fn hop(record: &Record) -> Option<String> {
    let certificate = record.header("x-forwarded-client-cert")?;
    let caller = certificate.rsplit("URI=").next()?.rsplit("/sa/").next()?;
    Some(format!("{caller} \u{2192} {}", record.service()))
}
