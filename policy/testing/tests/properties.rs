//! Laws that hold for every policy.

use std::sync::Arc;

use bookend_engine::{
    Action, Cause, Configuration, Connection, Decision, End, Endpoint, Exchange, Explanation, Head, Identity,
    Location, NoTrace, Outcome, Plane, Principal, Request, Step, Verdict, decide,
};
use bookend_lang::{Source, format};
use bookend_testing::generate::{
    Pair, Scenario, Sight, at_the_proxy, audited_policy, pair, paths, request, rich_scenario, scenario,
    sight, single_rule,
};
use bookend_testing::vehicle::{self, Vehicle};
use bookend_testing::{Judged, Question, Reference, Tokens, World};
use proptest::collection::vec;
use proptest::prelude::*;

/// How much is known of a source.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// Everything, by its address.
    Address,
    /// Its account.
    Account,
    /// Nothing.
    Nothing,
}

fn known() -> impl Strategy<Value = Known> {
    prop_oneof![3 => Just(Known::Address), 2 => Just(Known::Account), 1 => Just(Known::Nothing)]
}

/// The connection a question is about.
fn connection<'w>(world: &'w World, question: &Question, known: Known) -> Connection<'w> {
    let inventory = &world.inventory;
    let mut source = inventory.endpoint(question.source.address);
    match (known, inventory.at(question.source.address)) {
        (Known::Address, _) | (Known::Account, None) => {}
        (Known::Account, Some(workload)) => {
            source.identity = inventory.behind_spiffe(&world.spiffe_id(workload), None);
            source.location = Location::Unknown;
        }
        (Known::Nothing, _) => {
            let (location, principal) = (Location::Unknown, Principal::Unknown);
            source = Endpoint { identity: Identity::Anonymous, location, principal };
        }
    }
    let destination = inventory.endpoint(question.destination.address);
    Connection { source, destination, protocol: question.protocol, port: question.port }
}

fn requests(paths: &[String]) -> Vec<Request<'_>> {
    paths.iter().map(|path| get(Some(path))).collect()
}

fn get(path: Option<&String>) -> Request<'_> {
    let path = path.map(|path| path.as_bytes());
    Request::new(Head { method: Some(b"GET"), path, headers: Some(&[]), ..Head::default() })
}

/// Whether a connection is allowed at `end`, or, without one, at both.
fn allowed(world: &World, connection: &Connection<'_>, exchange: Exchange<'_>, end: Option<End>) -> bool {
    let judgement = decide(&world.program, connection, exchange, &mut NoTrace);
    let verdict = match end {
        None => judgement.verdict(),
        Some(End::Source) => judgement.source.verdict,
        Some(End::Destination) => judgement.destination.verdict,
    };
    verdict == Verdict::Allow
}

/// The packet of a connection, and requests and a stream on it.
fn questions(
    pair: &Pair,
    requests: &[(Sight, (bookend_testing::Head, Tokens))],
    world: &World,
) -> Vec<Question> {
    let packet = pair.question(world);
    let mut questions = vec![packet.clone()];
    for (sight, request) in requests {
        let seen = sight.of(&packet, world);
        questions.push(at_the_proxy(&packet, seen.clone(), Some(request.clone())));
        questions.push(at_the_proxy(&packet, seen, None));
    }
    let sent: Vec<Question> =
        questions.iter().filter(|question| question.seen().is_some()).cloned().collect();
    questions.extend(sent.into_iter().map(|question| Question { end: End::Source, ..question }));
    questions
}

fn or_fail<T>(result: anyhow::Result<T>) -> Result<T, TestCaseError> {
    result.map_err(|error| TestCaseError::fail(format!("{error:#}")))
}

/// Whether both vehicles give the same answer wherever both have one.
fn agree(
    one: &mut impl Vehicle,
    other: &mut impl Vehicle,
    scenario: &Scenario,
    asked: &[Asked],
) -> Result<(), TestCaseError> {
    let world = Arc::new(or_fail(scenario.world())?);
    or_fail(one.enter(&world))?;
    or_fail(other.enter(&world))?;
    for (pair, requests) in asked {
        for question in questions(pair, requests, &world) {
            if one.name() == vehicle::Proxy::default().name() && !unmistakable(&world, &question) {
                continue;
            }
            let (left, right) = (or_fail(one.judge(&question))?, or_fail(other.judge(&question))?);
            if let (Judged::Answer(left), Judged::Answer(right)) = (left, right) {
                let texts = scenario.texts(0).join("\n");
                prop_assert_eq!(left, right, "{:?}\n{}\n{}", question.seen(), question, texts);
            }
        }
    }
    Ok(())
}

/// Whether the workload whose proxy is asked is the only one under its account, or all have the same ports and the same proxy.
/// What a proxy knows of itself does not tell them apart.
fn unmistakable(world: &World, question: &Question) -> bool {
    let party = match question.end {
        End::Source => &question.source,
        End::Destination => &question.destination,
    };
    let Some(own) = world.inventory.at(party.address) else { return true };
    let mut others = world.inventory.under(&own.identity.namespace, &own.identity.service_account);
    others.all(|other| other.identity.ports == own.identity.ports && other.identity.jwt == own.identity.jwt)
}

/// A connection, and requests on it.
type Asked = (Pair, Vec<(Sight, (bookend_testing::Head, Tokens))>);

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    vec((pair(), vec((sight(), request()), 4)), 6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_decides_as_the_reference(scenario in rich_scenario(), asked in asked()) {
        agree(&mut vehicle::Decision::default(), &mut Reference::default(), &scenario, &asked)?;
    }

    #[test]
    fn the_engine_decides_as_the_reference_on_independent_conditions(scenario in scenario(), asked in asked()) {
        agree(&mut vehicle::Decision::default(), &mut Reference::default(), &scenario, &asked)?;
    }

    #[test]
    fn the_engine_in_a_proxy_decides_as_the_reference(scenario in rich_scenario(), asked in asked()) {
        agree(&mut vehicle::Proxy::default(), &mut Reference::default(), &scenario, &asked)?;
    }

    #[test]
    fn the_plan_and_the_kernels_function_decide_as_the_reference(scenario in rich_scenario(), asked in asked()) {
        agree(&mut vehicle::Tables::default(), &mut Reference::default(), &scenario, &asked)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_packet_passes_exactly_if_some_request_on_it_could(
        scenario in scenario(),
        pairs in vec((pair(), known()), 6),
    ) {
        let world = scenario.world().unwrap();
        let paths = paths();
        let requests = requests(&paths);
        for (pair, known) in pairs {
            let question = pair.question(&world);
            let connection = connection(&world, &question, known);
            for end in [None, Some(End::Source), Some(End::Destination)] {
                let packet = allowed(&world, &connection, Exchange::Packet, end);
                let some = requests.iter().any(|r| allowed(&world, &connection, Exchange::Http(r), end));
                prop_assert_eq!(packet, some, "{} at {:?}", question, end);
                let stream = allowed(&world, &connection, Exchange::Stream, end);
                prop_assert!(packet || !stream, "{} at {:?}, as a stream", question, end);
            }
        }
    }

    #[test]
    fn the_plan_and_the_kernels_function_decide_as_the_engine(
        scenario in scenario(),
        pairs in vec(pair(), 12),
    ) {
        let world = Arc::new(scenario.world().unwrap());
        let (mut engine, mut tables) = (vehicle::Decision::default(), vehicle::Tables::default());
        engine.enter(&world).unwrap();
        tables.enter(&world).unwrap();
        for pair in pairs {
            let question = pair.question(&world);
            prop_assert_eq!(tables.judge(&question).unwrap(), engine.judge(&question).unwrap(), "{}", question);
        }
    }

    #[test]
    fn an_explanation_ends_in_what_was_decided(
        scenario in scenario(),
        pairs in vec((pair(), known()), 6),
        choice in 0..64_usize,
    ) {
        let world = scenario.world().unwrap();
        let paths = paths();
        let request = get(paths.get(choice));
        for (pair, known) in pairs {
            let question = pair.question(&world);
            let connection = connection(&world, &question, known);
            for exchange in [Exchange::Packet, Exchange::Stream, Exchange::Http(&request)] {
                let plain = decide(&world.program, &connection, exchange, &mut NoTrace);
                let mut explanation = Explanation::default();
                let explained = decide(&world.program, &connection, exchange, &mut explanation);
                prop_assert_eq!(plain, explained);
                for (end, decision) in [(End::Source, plain.source), (End::Destination, plain.destination)] {
                    let planes = || explanation.planes.iter().filter(|plane| plane.end == end);
                    let denied = planes().find(|plane| plane.verdict == Verdict::Deny);
                    let last = denied.or_else(|| planes().rfind(|plane| plane.id.is_some()));
                    let told = last.map(|plane| (plane.verdict, plane.id.clone()));
                    let told = told.unwrap_or((Verdict::Allow, None));
                    prop_assert_eq!(told, (decision.verdict, cause(&decision)), "{}", question);
                    for told in planes() {
                        let (decided, both_ways) = concluded(&world, &explanation, end, told.plane);
                        match &told.id {
                            Some(id) if both_ways => prop_assert!(decided.contains(id), "{}", question),
                            None if both_ways => {}
                            id => prop_assert_eq!(&decided, &Vec::from_iter(id.clone()), "{}", question),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_deny_rule_more_never_allows_more(
        scenario in scenario(),
        more in single_rule("deny"),
        pairs in vec((pair(), known()), 6),
    ) {
        let (before, after) = (scenario.world().unwrap(), scenario.with(more).world().unwrap());
        compare(&after, &before, pairs)?;
    }

    #[test]
    fn an_allow_rule_more_never_denies_more(
        scenario in scenario(),
        more in single_rule("allow"),
        pairs in vec((pair(), known()), 6),
    ) {
        let (before, after) = (scenario.world().unwrap(), scenario.with(more).world().unwrap());
        compare(&before, &after, pairs)?;
    }

    #[test]
    fn a_policy_that_is_audited_only_changes_no_verdict(
        scenario in scenario(),
        more in audited_policy(),
        pairs in vec(pair(), 6),
        requests in vec((sight(), request()), 3),
    ) {
        let (before, after) = (Arc::new(scenario.world().unwrap()), Arc::new(scenario.with(more).world().unwrap()));
        let (mut without, mut with) = (vehicle::Decision::default(), vehicle::Decision::default());
        without.enter(&before).unwrap();
        with.enter(&after).unwrap();
        for pair in pairs {
            for question in questions(&pair, &requests, &before) {
                let enforced = |judged| match judged {
                    Judged::Answer(answer) => (answer.verdict, answer.id),
                    other => panic!("{other:?}"),
                };
                let (one, other) = (without.judge(&question).unwrap(), with.judge(&question).unwrap());
                prop_assert_eq!(enforced(one), enforced(other), "{}", question);
            }
        }
    }

    #[test]
    fn the_order_of_documents_and_of_rules_means_nothing(scenario in scenario(), turn in 1..24_usize) {
        let (one, other) = (scenario.world().unwrap(), scenario.world_in_order(turn).unwrap());
        prop_assert_eq!(&one.program, &other.program);
        prop_assert_eq!(one.configuration.revision, other.configuration.revision);
    }

    #[test]
    fn documents_that_are_laid_out_anew_say_the_same(scenario in rich_scenario()) {
        let laid_out = |text: &String| format(&Source::new("case", text.as_bytes())).unwrap();
        let once: Vec<String> = scenario.texts(0).iter().map(laid_out).collect();
        let twice: Vec<String> = once.iter().map(laid_out).collect();
        prop_assert_eq!(&once, &twice);
        let (before, after) = (scenario.world().unwrap(), compiled(&once).unwrap());
        prop_assert_eq!(before.configuration, after.configuration);
    }

    #[test]
    fn a_configuration_survives_the_way_to_the_proxy(scenario in scenario()) {
        let configuration = scenario.world().unwrap().configuration;
        let json = configuration.to_json().unwrap();
        prop_assert_eq!(Configuration::from_json(&json).unwrap(), configuration);
    }
}

fn compiled(texts: &[String]) -> anyhow::Result<World> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    World::compile(&texts)
}

/// Everything that `stricter` allows is allowed by `laxer`.
fn compare(stricter: &World, laxer: &World, pairs: Vec<(Pair, Known)>) -> Result<(), TestCaseError> {
    let paths = paths();
    let requests = requests(&paths);
    let exchanges: Vec<Exchange<'_>> =
        requests.iter().map(Exchange::Http).chain([Exchange::Packet, Exchange::Stream]).collect();
    for (pair, known) in pairs {
        let question = pair.question(stricter);
        for exchange in &exchanges {
            for end in [None, Some(End::Source), Some(End::Destination)] {
                let strict = allowed(stricter, &connection(stricter, &question, known), *exchange, end);
                let lax = allowed(laxer, &connection(laxer, &question, known), *exchange, end);
                prop_assert!(lax || !strict, "{} at {:?}: {:?}", question, end, exchange);
            }
        }
    }
    Ok(())
}

/// What an explanation says decided in a plane at an end; several, or none of them, only where a pass rule went both ways.
fn concluded(world: &World, explanation: &Explanation, end: End, plane: Plane) -> (Vec<String>, bool) {
    let own = |id: &str| {
        let mut rules = world.program.rules().iter();
        let mut isolations = world.program.isolations().iter();
        rules.any(|rule| rule.id == id && rule.plane == plane)
            || isolations.any(|isolation| isolation.id == id && isolation.plane == plane)
    };
    let passes = |id: &String| {
        let mut rules = world.program.rules().iter();
        rules.any(|rule| rule.id == *id && rule.action == Action::Pass)
    };
    let mut both_ways = false;
    let mut decided = Vec::new();
    for step in &explanation.steps {
        match step {
            Step::Rule { id, .. } | Step::Isolation { id, .. } if !own(id) => {}
            Step::Rule { end: at, id, outcome } if *at == end && passes(id) => {
                both_ways |= matches!(outcome, Outcome::DecidedInDoubt(_) | Outcome::LeftToTheRequest);
            }
            Step::Rule { end: at, id, outcome: Outcome::Decided | Outcome::DecidedInDoubt(_) }
                if *at == end =>
            {
                decided.push(id.clone());
            }
            Step::Isolation { end: at, id } if *at == end => decided.push(id.clone()),
            _ => {}
        }
    }
    (decided, both_ways)
}

fn cause(decision: &Decision<'_>) -> Option<String> {
    match decision.cause {
        Cause::Default => None,
        other => Some(other.id().to_owned()),
    }
}
