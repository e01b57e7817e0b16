//! While an edit is rolled out, kernels and filters may enforce the one policy or the other, in any mixture (S115).
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::sync::Arc;

use bookend_engine::{Connection, Exchange, NoTrace, Protocol, Verdict, decide};
use bookend_testing::generate::{Scenario, Sight, at_the_proxy, pair, request, rich_scenario};
use bookend_testing::vehicle::{self, Vehicle};
use bookend_testing::{Judged, Question, World};
use proptest::collection::vec;
use proptest::prelude::*;

/// Which of the policies a version has.
type Chosen = Vec<(bool, bool)>;

/// The two versions of a scenario.
fn versions(scenario: &Scenario, chosen: &Chosen) -> (Arc<World>, Arc<World>) {
    let version = |second: bool| {
        let mut version = scenario.clone();
        let mut kept = chosen.iter().map(|(first, other)| if second { *other } else { *first });
        version.policies.retain(|_| kept.next().unwrap_or(true));
        Arc::new(version.world().unwrap())
    };
    (version(false), version(true))
}

/// Who lets a request pass: the kernel at the source, the kernel at the destination, and the filter there.
fn points(world: &Arc<World>, question: &Question) -> Option<[bool; 3]> {
    let inventory = &world.inventory;
    let connection = Connection {
        source: inventory.endpoint(question.source.address),
        destination: inventory.endpoint(question.destination.address),
        protocol: question.protocol,
        port: question.port,
    };
    let kernels = decide(&world.program, &connection, Exchange::Packet, &mut NoTrace);
    let allows = |verdict| verdict == Verdict::Allow;
    let mut filter = vehicle::Proxy::default();
    filter.enter(world).unwrap();
    let Judged::Answer(filter) = filter.judge(question).unwrap() else { return None };
    Some([allows(kernels.source.verdict), allows(kernels.destination.verdict), allows(filter.verdict)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_mixture_of_two_policies_admits_what_both_forbid_or_blocks_what_both_allow(
        scenario in rich_scenario(),
        chosen in vec(any::<(bool, bool)>(), 16),
        asked in vec((pair(), request(), any::<(bool, bool)>()), 8),
    ) {
        let (old, new) = versions(&scenario, &chosen);
        for (pair, request, (plain, stream)) in asked {
            let packet = pair.question(&old);
            let proxied = old.inventory.at(packet.destination.address).is_some_and(|w| w.identity.proxied);
            // Who proves to be somebody else than its address says is judged by kernels as the one and by the filter as the other.
            if !proxied || packet.source.address == packet.destination.address {
                continue;
            }
            let sight = if plain { Sight::Plain } else { Sight::Itself };
            let seen = sight.of(&packet, &old);
            let question = at_the_proxy(&packet, seen, (!stream).then_some(request));
            prop_assert_eq!(question.protocol, Protocol::Tcp);
            let (Some(before), Some(after)) = (points(&old, &question), points(&new, &question)) else { continue };
            // What the filter admits no kernel blocks, so its verdict is that of its whole version.
            for [source, destination, filter] in [before, after] {
                prop_assert!(!filter || (source && destination), "{}", question);
            }
            for mixture in 0..8 {
                let point = |at: usize| if mixture & (1 << at) == 0 { before[at] } else { after[at] };
                let passes = point(0) && point(1) && point(2);
                if before[2] && after[2] {
                    prop_assert!(passes, "{} is blocked in mixture {}", question, mixture);
                }
                if !before[2] && !after[2] {
                    prop_assert!(!passes, "{} is admitted in mixture {}", question, mixture);
                }
            }
        }
    }
}
