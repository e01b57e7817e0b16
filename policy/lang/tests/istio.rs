//! Istio's policies: what is read, and that whatever is not is refused with its place, cause and cure.
#![expect(clippy::panic, reason = "functions shared by tests fail as tests do")]

use bookend_lang::{Code, Compiled, Compiler, Options, Source, compile, compile_with};

fn of_kind(kind: &str, spec: &str) -> String {
    format!("{{apiVersion: security.istio.io/v1, kind: {kind}, metadata: {{name: p}}, spec: {{{spec}}}}}")
}

fn authorization(spec: &str) -> String {
    of_kind("AuthorizationPolicy", spec)
}

/// The codes of all diagnostics, and all that they say.
fn diagnostics(documents: &str) -> (Vec<Code>, String) {
    let sources = [Source::new("x", documents)];
    let found = match compile(&sources) {
        Ok(compiled) => compiled.warnings,
        Err(refused) => refused.diagnostics,
    };
    let lines: Vec<String> = found.iter().map(|d| d.line(&sources).to_string()).collect();
    (found.iter().map(|d| d.code).collect(), lines.join("\n"))
}

#[track_caller]
fn read(documents: &str) -> Compiled {
    compile(&[Source::new("x", documents)]).unwrap_or_else(|refused| panic!("{:#?}", refused.diagnostics))
}

/// With everything that cannot be said left out or widened.
#[track_caller]
fn narrowed(spec: &str) -> Compiled {
    let options = Options { best_effort: true };
    compile_with(&[Source::new("x", authorization(spec))], options)
        .unwrap_or_else(|refused| panic!("{:#?}", refused.diagnostics))
}

fn ids(compiled: &Compiled) -> Vec<&str> {
    let rules = compiled.program.rules().iter().map(|rule| rule.id.as_str());
    rules.chain(compiled.program.isolations().iter().map(|isolation| isolation.id.as_str())).collect()
}

#[test]
fn every_field_is_read_by_its_type_or_refused() {
    use Code::*;
    let mut wrong = Vec::new();
    for (spec, code) in [
        ("action: PERMIT", UnknownWord),
        ("action: allow", UnknownWord),
        ("acton: ALLOW", UnknownField),
        ("provider: {name: x}", BadIstioValue),
        ("action: CUSTOM, rules: [{}]", BadIstioValue),
        ("action: CUSTOM, provider: {name: x}, rules: [{}]", InexactIstio),
        ("selector: {labels: {a: b}}", UnknownField),
        ("selector: {matchLabels: {a: 1}}", WrongType),
        ("selector: {matchLabels: {a: 'b*'}}", BadLabel),
        ("selector: {}, targetRefs: [{kind: Gateway, name: a}]", Conflict),
        ("targetRef: {group: gateway.networking.k8s.io, kind: Gateway}", MissingField),
        (
            "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: a, namespace: b}",
            BadIstioValue,
        ),
        ("targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: a, port: 1}", UnknownField),
        ("targetRefs: [{group: apps, kind: Deployment, name: a}]", BadIstioValue),
        ("targetRefs: [{kind: Service, name: a}]", InexactIstio),
        ("targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: a}]", InexactIstio),
        ("targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: a}]", InexactIstio),
        ("targetRefs: []", EmptyList),
        ("rules: {}", WrongType),
        ("rules: [null]", WrongType),
        ("rules: [{form: []}]", UnknownField),
        ("rules: [{from: []}]", EmptyList),
        ("rules: [{from: [{}]}]", MissingField),
        ("rules: [{from: [{source: {}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {principals: []}}]}]", BadIstioValue),
        ("rules: [{from: [{sources: {principals: [a]}}]}]", UnknownField),
        ("rules: [{from: [{source: {principal: [a]}}]}]", UnknownField),
        ("rules: [{from: [{source: {principals: a}}]}]", WrongType),
        ("rules: [{from: [{source: {principals: ['']}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {namespaces: [A]}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {namespaces: ['a*b']}}]}]", InexactIstio),
        ("rules: [{from: [{source: {serviceAccounts: ['*']}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {serviceAccounts: [a/b/c]}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {serviceAccounts: [a], namespaces: [b]}}]}]", Conflict),
        ("rules: [{from: [{source: {notServiceAccounts: [a], principals: [b/c]}}]}]", Conflict),
        ("rules: [{from: [{source: {ipBlocks: [10.0.0.0/33]}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {ipBlocks: [10.0.0]}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {notIpBlocks: [10.0.0.0/08]}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {remoteIpBlocks: [a]}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {ipBlocks: ['::ffff:10.0.0.1']}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {trustDomains: [a/b]}}]}]", BadIstioValue),
        ("rules: [{from: [{source: {trustDomains: ['*.local']}}]}]", InexactIstio),
        ("rules: [{from: [{source: {notTrustDomains: ['cluster*']}}]}]", InexactIstio),
        ("rules: [{from: [{source: {principals: ['cluster.local*']}}]}]", InexactIstio),
        ("rules: [{to: []}]", EmptyList),
        ("rules: [{to: [{}]}]", MissingField),
        ("rules: [{to: [{operation: {}}]}]", BadIstioValue),
        ("rules: [{to: [{operation: {port: ['1']}}]}]", UnknownField),
        ("rules: [{to: [{operation: {ports: [80]}}]}]", WrongType),
        ("rules: [{to: [{operation: {ports: [http]}}]}]", BadIstioValue),
        ("rules: [{to: [{operation: {ports: ['0']}}]}]", BadIstioValue),
        ("rules: [{to: [{operation: {notPorts: ['65536']}}]}]", BadIstioValue),
        ("rules: [{to: [{operation: {paths: ['/{*}.txt']}}]}]", BadIstioValue),
        ("rules: [{to: [{operation: {paths: ['/{**}/{*}']}}]}]", BadIstioValue),
        ("rules: [{to: [{operation: {hosts: ['exämple.com']}}]}]", InexactIstio),
        ("rules: [{when: []}]", EmptyList),
        ("rules: [{when: [{values: [a]}]}]", MissingField),
        ("rules: [{when: [{key: source.ip}]}]", BadIstioValue),
        ("rules: [{when: [{key: source.ip, values: []}]}]", BadIstioValue),
        ("rules: [{when: [{key: source.ip, value: [a]}]}]", UnknownField),
        ("rules: [{when: [{key: source.ip, values: [a]}]}]", BadIstioValue),
        ("rules: [{when: [{key: source.user, values: [a]}]}]", UnknownAttribute),
        ("rules: [{when: [{key: destination.namespace, values: [a]}]}]", UnknownAttribute),
        ("rules: [{when: [{key: 'destination.labels[app]', values: [a]}]}]", UnknownAttribute),
        ("rules: [{when: [{key: 'request.headers[]', values: [a]}]}]", UnknownAttribute),
        ("rules: [{when: [{key: request.headers, values: [a]}]}]", UnknownAttribute),
        ("rules: [{when: [{key: 'request.headers[:path]', values: [a]}]}]", InexactIstio),
        ("rules: [{when: [{key: 'request.headers[te]', values: [a]}]}]", InexactIstio),
        ("rules: [{when: [{key: 'request.auth.claims[a][]', values: [a]}]}]", BadIstioValue),
        ("rules: [{when: [{key: 'experimental.envoy.filters.a[b]', values: [a]}]}]", InexactIstio),
        ("rules: [{when: [{key: connection.sni, values: [A.example]}]}]", BadIstioValue),
        ("rules: [{when: [{key: destination.port, values: [http]}]}]", BadIstioValue),
    ] {
        let (codes, lines) = diagnostics(&authorization(spec));
        if codes != [code] {
            wrong.push(format!("{spec}: {code}, not\n{lines}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let spec =
        "action: CUSTOM, provider: {name: x, url: y}, rules: [{from: [{source: {ipBlocks: [a]}}], to: [{}]}]";
    let (codes, lines) = diagnostics(&authorization(spec));
    let expected = [Code::InexactIstio, Code::UnknownField, Code::BadIstioValue, Code::MissingField];
    assert_eq!(codes, expected, "{lines}");
}

#[test]
fn a_host_that_a_port_gets_around_is_warned_of() {
    for (spec, warned) in [
        ("action: DENY, rules: [{to: [{operation: {hosts: [a.example]}}]}]", true),
        ("action: DENY, rules: [{to: [{operation: {hosts: [a.example, 'A.example:*']}}]}]", false),
        ("action: DENY, rules: [{to: [{operation: {hosts: ['*.example']}}]}]", true),
        ("action: DENY, rules: [{to: [{operation: {hosts: ['a.example*']}}]}]", false),
        ("action: DENY, rules: [{to: [{operation: {hosts: ['a.example:80']}}]}]", false),
        ("action: DENY, rules: [{to: [{operation: {notHosts: [a.example]}}]}]", false),
        ("rules: [{to: [{operation: {hosts: [a.example]}}]}]", false),
        ("rules: [{to: [{operation: {notHosts: [a.example]}}]}]", true),
    ] {
        let (codes, lines) = diagnostics(&authorization(spec));
        assert_eq!(codes.contains(&Code::HostWithoutPort), warned, "{spec}\n{lines}");
    }
}

#[test]
fn versions_and_annotations_that_nobody_knows_are_refused() {
    let document = |version: &str, annotations: &str| {
        format!(
            "{{apiVersion: {version}, kind: AuthorizationPolicy, metadata: {{name: p, annotations: {{{annotations}}}}}}}"
        )
    };
    let version = "security.istio.io/v1";
    for (document, code) in [
        (document("security.istio.io/v1alpha1", ""), Code::WrongApiVersion),
        (document("security.istio.io/v2", ""), Code::WrongApiVersion),
        (document(version, "istio.io/dry-run: 'yes'"), Code::BadIstioValue),
        (document(version, "istio.io/dry-run: true"), Code::WrongType),
    ] {
        let (codes, lines) = diagnostics(&document);
        assert!(codes.contains(&code), "{document}\n{lines}");
    }
    assert_eq!(
        ids(&read(&document(version, ""))),
        ["mesh-agent", "default/authorizationpolicy.p/isolate[0]"]
    );
}

#[test]
fn what_never_matches_is_warned_of_and_read_as_it_is() {
    for (spec, rules) in [
        ("action: DENY", 0),
        ("action: DENY, rules: [{from: [{source: {principals: ['spiffe://cluster.local/ns/a/sa/b']}}]}]", 0),
        ("action: DENY, rules: [{from: [{source: {notPrincipals: ['a/*/b']}}]}]", 1),
        ("action: DENY, rules: [{to: [{operation: {methods: ['G T']}}]}]", 0),
    ] {
        let (codes, lines) = diagnostics(&authorization(spec));
        assert_eq!(codes.first(), Some(&Code::IstioNeverMatches), "{spec}\n{lines}");
        let program = read(&authorization(spec)).program;
        let written = program.rules().iter().filter(|rule| rule.id != "mesh-agent");
        assert_eq!(written.count(), rules, "{spec}");
    }
}

#[test]
fn what_cannot_be_said_narrows_what_is_allowed_and_widens_what_is_denied() {
    let conditions = |compiled: &Compiled| -> Vec<(String, bool, bool)> {
        let rules = compiled.program.rules().iter().filter(|rule| rule.id != "mesh-agent");
        rules.map(|rule| (rule.id.clone(), rule.from.is_any(), rule.http.is_any())).collect()
    };
    let id = |name: &str| format!("default/authorizationpolicy.p/{name}");
    // The first source of an allow policy is left out; the second stays.
    let unsayable = "from: [{source: {trustDomains: ['*.local']}}, {source: {namespaces: [shop]}}]";
    let allowed = narrowed(&format!("rules: [{{{unsayable}}}]"));
    assert_eq!(conditions(&allowed), [(id("rules[0]"), false, true)]);
    assert_eq!(allowed.program.isolations().len(), 1);
    // In a deny policy it means everybody.
    let denied = narrowed(&format!("action: DENY, rules: [{{{unsayable}}}]"));
    assert_eq!(conditions(&denied), [(id("rules[0]"), true, true)]);
    // What is not to match must be known to allow, and may be left out to deny.
    let excluded = "from: [{source: {notTrustDomains: ['*.local', other]}}]";
    assert_eq!(conditions(&narrowed(&format!("rules: [{{{excluded}}}]"))), []);
    let denied = narrowed(&format!("action: DENY, rules: [{{{excluded}}}]"));
    assert_eq!(conditions(&denied), [(id("rules[0]"), false, true)]);
    // Nobody knows what is asked elsewhere: all that it would be asked for is denied.
    let custom = "action: CUSTOM, provider: {name: x}, rules: [{to: [{operation: {paths: [/a]}}]}]";
    let custom = narrowed(custom);
    assert_eq!(conditions(&custom), [(id("rules[0]"), true, false)]);
    assert!(
        custom.program.rules().iter().any(|rule| rule.id == id("rules[0]") && rule.action.name() == "deny")
    );
    // A policy for what is served elsewhere isolates everybody, and allows nobody anything: who is meant is not known.
    let gateway = "{group: gateway.networking.k8s.io, kind: Gateway, name: b}";
    for targets in ["{kind: Service, name: a}".to_owned(), format!("{{kind: Service, name: a}}, {gateway}")] {
        let service = narrowed(&format!("targetRefs: [{targets}], rules: [{{}}]"));
        assert!(service.program.isolations()[0].workloads.labels.is_empty());
        assert_eq!(conditions(&service), []);
        let denied = narrowed(&format!("targetRefs: [{targets}], action: DENY, rules: [{{}}]"));
        assert_eq!(conditions(&denied), [(id("rules[0]"), true, true)]);
        let rule = denied.program.rules().iter().find(|rule| rule.id == id("rules[0]")).unwrap();
        assert!(rule.to.is_any(), "{targets}");
    }
}

#[test]
fn peer_and_request_authentication_are_read_or_refused() {
    use Code::*;
    for (kind, spec, code) in [
        ("PeerAuthentication", "mtls: {mode: strict}", UnknownWord),
        ("PeerAuthentication", "mtls: STRICT", WrongType),
        ("PeerAuthentication", "mtls: {modes: STRICT}", UnknownField),
        ("PeerAuthentication", "tls: {}", UnknownField),
        ("PeerAuthentication", "portLevelMtls: {80: {mode: STRICT}}", BadIstioValue),
        (
            "PeerAuthentication",
            "selector: {matchLabels: {a: b}}, portLevelMtls: {http: {mode: STRICT}}",
            BadIstioValue,
        ),
        ("PeerAuthentication", "selector: {matchLabels: {a: b}}, portLevelMtls: [80]", WrongType),
        ("RequestAuthentication", "jwtRules: []", EmptyList),
        ("RequestAuthentication", "", IstioNeverMatches),
        ("RequestAuthentication", "jwtRules: [{jwksUri: https://a}]", MissingField),
        ("RequestAuthentication", "jwtRules: [{issuer: ''}]", BadLength),
        ("RequestAuthentication", "jwtRules: [{issuer: 'a*'}]", BadIstioValue),
        ("RequestAuthentication", "jwtRules: [{issuer: a, jwks: x, jwksUri: https://a}]", Conflict),
        ("RequestAuthentication", "jwtRules: [{issuer: a, audience: [b]}]", UnknownField),
        ("RequestAuthentication", "jwtRules: [{issuer: a, audiences: b}]", WrongType),
        ("RequestAuthentication", "jwtRules: [{issuer: a, fromHeaders: [{named: b}]}]", UnknownField),
        ("RequestAuthentication", "jwtRules: [{issuer: a, forwardOriginalToken: 'true'}]", WrongType),
        (
            "RequestAuthentication",
            "targetRefs: [{kind: Service, name: a}], jwtRules: [{issuer: a}]",
            InexactIstio,
        ),
    ] {
        let (codes, lines) = diagnostics(&of_kind(kind, spec));
        assert_eq!(codes, [code], "{kind} {spec}\n{lines}");
    }
}

#[test]
fn the_issuers_whose_tokens_are_verified_are_kept() {
    let documents = format!(
        "{}\n---\n{{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {{name: i}}, spec: {{workloads: [\
         {{name: a, labels: {{app: a}}, proxy: true}}, {{name: b, labels: {{app: a}}}}, {{name: c, proxy: true}}]}}}}",
        of_kind(
            "RequestAuthentication",
            "selector: {matchLabels: {app: a}}, jwtRules: [{issuer: x}, {issuer: y}]"
        )
    );
    let compiled = read(&documents);
    assert_eq!(compiled.verifiers[0].issuers, ["x", "y"]);
    let verifying: Vec<(&str, bool)> =
        compiled.inventory.workloads().iter().map(|w| (w.name.as_str(), w.identity.jwt)).collect();
    assert_eq!(verifying, [("a", true), ("b", false), ("c", false)]);
}

#[test]
fn rivals_are_warned_of() {
    let one = |name: &str| {
        format!("{{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {{name: {name}}}}}")
    };
    let (codes, _) = diagnostics(&format!("{}\n---\n{}", one("a"), one("b")));
    assert_eq!(codes, [Code::RivalAuthentications]);
    let (codes, _) = diagnostics(&format!("{}\n---\n{}", one("a"), one("a")));
    assert!(codes.contains(&Code::DuplicatePolicy), "{codes:?}");
}

#[test]
fn policies_are_read_again_when_their_mesh_changes() {
    let policy = authorization("rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b]}}]}]");
    let inventory = |spec: &str| {
        format!(
            "{{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {{name: i}}, spec: {{{spec}}}}}"
        )
    };
    let mut compiler = Compiler::new(Options::default());
    let mut told = |spec: &str| {
        let sources = [Source::new("p", policy.clone()), Source::new("i", inventory(spec))];
        let program = compiler.compile(&sources).unwrap().program.clone();
        assert_eq!(program, compile(&sources).unwrap().program);
        let rule = program.rules().iter().find(|rule| rule.id.ends_with("/rules[0]")).unwrap();
        let principals = rule.from.alternatives().unwrap()[0].principals.alternatives().unwrap().to_vec();
        (rule.id.clone(), principals.iter().map(|p| p.as_str().to_owned()).collect::<Vec<_>>())
    };
    let id = "default/authorizationpolicy.p/rules[0]".to_owned();
    assert_eq!(told("trustDomain: one"), (id.clone(), vec!["spiffe://one/ns/a/sa/b".to_owned()]));
    let both = vec!["spiffe://one/ns/a/sa/b".to_owned(), "spiffe://two/ns/a/sa/b".to_owned()];
    assert_eq!(told("trustDomain: one, trustDomainAliases: [two]"), (id, both.clone()));
    let everywhere = "default/authorizationpolicy.p/rules[0]".to_owned();
    assert_eq!(
        told("trustDomain: one, trustDomainAliases: [two], rootNamespace: default"),
        (everywhere, both)
    );
}

#[test]
fn what_multiplies_out_too_far_is_refused_with_the_numbers() {
    let list =
        |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(", ");
    let from = |count| {
        list(count, &|n| format!("{{source: {{principals: [a/ns/n{n}/sa/b], requestPrincipals: [i/s{n}]}}}}"))
    };
    let to = |count| list(count, &|n| format!("{{operation: {{ports: ['{}'], methods: [GET]}}}}", n + 1));
    let rule = |count| format!("{{from: [{}], to: [{}]}}", from(count), to(count));
    let refused = |spec: &str, words: &str| {
        let started = std::time::Instant::now();
        let (codes, lines) = diagnostics(&authorization(spec));
        assert_eq!(codes, [Code::TooMany], "{lines}");
        assert!(lines.contains(words), "{lines}");
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    };
    refused(&format!("rules: [{}]", rule(400)), "400 × 400 = 160000 rules, and 1000 are the most");
    let rules = list(12, &|_| rule(30));
    refused(&format!("rules: [{rules}]"), "10800 rules, and 10000 are the most");
    // One after the other, as conditions that must hold together.
    let condition =
        |key: &str, count| format!("{{key: '{key}', values: [{}]}}", list(count, &|n| format!("'i/s{n}'")));
    let principals = [condition("request.auth.principal", 40), condition("request.auth.principal", 40)];
    refused(
        &format!("rules: [{{when: [{}]}}]", principals.join(", ")),
        "1600 combinations, and 1000 are the most",
    );
    let namespaces = |fields: &str, count| {
        let names = list(count, &|n| format!("n{n}"));
        format!("{{{fields}: [{names}]}}")
    };
    let blocks = list(1_500, &|n| format!("10.{}.{}.0/24", n / 256, n % 256));
    let source = namespaces("namespaces", 1_500).replace('}', &format!(", ipBlocks: [{blocks}]}}"));
    refused(&format!("rules: [{{from: [{{source: {source}}}]}}]"), "combinations, and 10000 are the most");
    // What is large without multiplying is read.
    let wide = format!(
        "rules: [{{from: [{{source: {}}}]}}, {{when: [{}]}}]",
        namespaces("namespaces", 900),
        condition("request.auth.principal", 900)
    );
    assert_eq!(diagnostics(&authorization(&wide)).0, []);
    let groups = format!("rules: [{}]", rule(30));
    assert_eq!(read(&authorization(&groups)).program.rules().len(), 900 + 1);
}

#[test]
fn how_one_namespace_divides_claims_concerns_no_other() {
    let document = |kind: &str, namespace: &str, spec: &str| {
        format!(
            "{{apiVersion: security.istio.io/v1, kind: {kind}, metadata: {{name: p, namespace: {namespace}}}, spec: {{{spec}}}}}"
        )
    };
    let policy = "action: DENY, rules: [{when: [{key: 'request.auth.claims[roles]', values: [admin]}]}]";
    let divided = |of: &str, by: &str| {
        let split =
            document("RequestAuthentication", by, "jwtRules: [{issuer: i, spaceDelimitedClaims: [roles]}]");
        let compiled = read(&format!("{}\n---\n{split}", document("AuthorizationPolicy", of, policy)));
        let rules = compiled.program.rules();
        let rule = rules.iter().find(|rule| rule.id.ends_with("/rules[0]")).unwrap();
        format!("{:?}", rule.http).contains("Regex")
    };
    for (of, by, expected) in [
        ("shop", "shop", true),
        ("shop", "tenant", false),
        ("shop", "istio-system", true),
        ("istio-system", "tenant", true),
    ] {
        assert_eq!(divided(of, by), expected, "{of} {by}");
    }
}
