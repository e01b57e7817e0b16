use super::*;
use crate::{
    Endpoint, Head, HeaderLine, Identity, Labels, Location, Principal, Protocol, ServerName, Tokens,
    WorkloadIdentity,
};
use ExpressionFault::*;
use Truth::{No, Unknown, Yes};
use alloc::{format, vec};
use serde_json::{Value, json};

fn workload(name: &str, labels: &[(&str, &str)]) -> WorkloadIdentity {
    WorkloadIdentity {
        namespace: "shop".into(),
        service_account: name.into(),
        labels: labels.iter().map(|(k, v)| (String::from(*k), String::from(*v))).collect::<Labels>(),
        proxied: true,
        jwt: true,
        ..WorkloadIdentity::default()
    }
}

const HEADERS: &[HeaderLine<'_>] =
    &[(b"x-tenant", b"acme"), (b"x-empty", b""), (b"x-two", b"a"), (b"x-two", b"b"), (b"x-odd", b"\xff")];

/// Judges `text` for a request to `/users/{user}/{*}` from one of these workloads.
fn judge(text: &str, source: Identity<'_>, tokens: Tokens) -> Truth {
    let destination = workload("orders", &[("app", "orders")]);
    let endpoint = |identity, principal| Endpoint { identity, location: Location::Unknown, principal };
    let connection = Connection {
        source: endpoint(source, Principal::Derived { trust_domain: "mesh" }),
        destination: endpoint(Identity::Workload(&destination), Principal::Unknown),
        protocol: Protocol::Tcp,
        port: 8080,
    };
    let request = Request::new(Head {
        method: Some(b"GET"),
        authority: Some(b"Shop.Example:8443"),
        path: Some(b"/users/alice/x?tenant=acme&n=1&n=2"),
        headers: Some(HEADERS),
        tokens,
        client: None,
        server_name: ServerName::Name(b"Shop.Example"),
    });
    let pattern = PathPattern::parse("/users/{user}/{*}").unwrap();
    let path = request.path().unwrap();
    Expression::parse(text).unwrap().holds(&connection, &request, Some((&pattern, path)))
}

fn token() -> Value {
    json!({
        "sub": "alice", "tenant": "acme", "groups": ["dev", 7, true], "admin": true, "level": 7, "level2": 7.0,
        "none": null, "nested": {"a b": "x"}, "empty": "", "eight": 8, "odd": "\u{e9}", "half": 7.5,
    })
}

fn check(text: &str, expected: Truth) {
    let web = workload("web", &[("app", "web")]);
    let actual = judge(text, Identity::Workload(&web), Tokens::Verified(vec![token()]));
    assert_eq!(actual, expected, "{text}");
}

#[test]
fn attributes_are_compared() {
    for text in [
        "request.method == 'GET'",
        "request.host == 'shop.example'",
        "request.authority == 'shop.example:8443' && request.authority.endsWith(':8443')",
        "connection.sni == 'shop.example' && has(connection.sni)",
        "request.path == \"/users/alice/x\"",
        "request.headers['X-Tenant'] == 'acme'",
        "request.query['tenant'] == 'acme'",
        "path.user == 'alice'",
        "jwt.claims.sub == path.user && request.headers['x-tenant'] == jwt.claims.tenant",
        "jwt.claims['nested']['a b'] == 'x'",
        "jwt.claims.level == 7 && jwt.claims.level2 == 7 && jwt.claims.level == '7'",
        "jwt.claims.level == jwt.claims.level2",
        "jwt.claims.admin == true && jwt.claims.admin && jwt.claims.admin == 'true'",
        "source.namespace == destination.namespace",
        "source.serviceAccount == 'web' && destination.serviceAccount == 'orders'",
        "source.labels['app'] == 'web' && destination.labels.app == 'orders'",
        "source.principal == 'spiffe://mesh/ns/shop/sa/web'",
        "destination.port == 8080 && destination.port != -1",
        "destination.port in [80, 8080]",
        "request.method in ['HEAD', 'GET']",
        "'dev' in jwt.claims.groups && 7 in jwt.claims.groups",
        "request.path.startsWith('/users/') && request.path.endsWith('/x') && request.path.contains('alice')",
        "'acme-eu'.startsWith(jwt.claims.tenant)",
        "has(request.headers['x-tenant']) && !has(request.headers['x-other']) && has(request.headers['x-odd'])",
        "has(jwt.claims.nested) && !has(jwt.claims.nested.b) && has(source.labels['app'])",
        "!(request.method != 'GET')",
        "(jwt.claims.admin) == (true)",
        "true || request.method == 'PUT'",
        "request.method == 'PUT' || request.method == 'GET' && true",
    ] {
        check(text, Yes);
        check(&format!("!({text})"), No);
    }
}

#[test]
fn what_is_absent_or_unclear_leaves_comparisons_in_doubt() {
    for text in [
        "request.headers['x-other'] == 'a'",
        "request.headers['x-other'] != 'a'",
        "request.headers['x-two'] == 'a'",
        "request.headers['x-odd'] != 'a'",
        "request.query['n'] == '1'",
        "request.query['other'] != '1'",
        "path.other != 'alice'",
        "has(path.other)",
        "jwt.claims.other != 'a'",
        "jwt.claims.none != 'a'",
        "has(jwt.claims.none)",
        "jwt.claims.odd != 'a'",
        "jwt.claims.half != 7",
        "jwt.claims.nested != 'a'",
        "jwt.claims.sub == 7",
        "jwt.claims.sub != true",
        "jwt.claims.sub",
        "!jwt.claims.other",
        "jwt.claims.level != jwt.claims.sub",
        "jwt.claims.groups == 'dev'",
        "'alice' in jwt.claims.sub",
        "!('dev' in jwt.claims.other)",
        "jwt.claims.level.startsWith('7')",
        "request.path.startsWith(jwt.claims.empty)",
        "request.path.contains(request.headers['x-empty'])",
        "!request.headers['x-other'].startsWith('a')",
        "source.labels['tier'] != 'gold'",
        "request.headers['x-other'] == 'a' || request.method == 'PUT'",
        "request.headers['x-other'] == 'a' && request.method == 'GET'",
    ] {
        check(text, Unknown);
        check(&format!("!({text})"), Unknown);
    }
}

#[test]
fn doubt_matters_only_where_it_decides() {
    check("request.headers['x-other'] == 'a' && request.method == 'PUT'", No);
    check("request.headers['x-other'] == 'a' || request.method == 'GET'", Yes);
    check("has(request.headers['x-other']) && request.headers['x-other'] == 'a'", No);
    check("request.headers['x-two'] in ['a', 'b', 'c']", Unknown);
    check("request.headers['x-two'] == 'c'", No);
    check("request.method == 'PUT'", No);
    check("request.method in ['PUT', 'POST']", No);
}

#[test]
fn a_method_that_servers_put_into_capitals_is_in_doubt() {
    let nobody = Endpoint {
        identity: Identity::Anonymous,
        location: Location::Unknown,
        principal: Principal::Unknown,
    };
    let connection =
        Connection { source: nobody.clone(), destination: nobody, protocol: Protocol::Tcp, port: 1 };
    let expression = Expression::parse("request.method == 'DELETE'").unwrap();
    let methods: [(Option<&[u8]>, _); 5] = [
        (Some(b"DELETE"), Yes),
        (Some(b"Delete"), Unknown),
        (Some(b"get"), No),
        (Some(b"\xff"), Unknown),
        (None, Unknown),
    ];
    for (method, truth) in methods {
        let request = Request::new(Head { method, ..Head::default() });
        assert_eq!(expression.holds(&connection, &request, None), truth, "{method:?}");
    }
}

#[test]
fn claims_are_those_of_verified_tokens() {
    let web = workload("web", &[]);
    let with = |text: &str, tokens: Tokens| judge(text, Identity::Workload(&web), tokens);
    let (alice, bob) = (json!({"sub": "alice"}), json!({"sub": "bob"}));
    assert_eq!(with("has(jwt.claims.sub)", Tokens::Verified(vec![])), No);
    assert_eq!(with("jwt.claims.sub == 'alice'", Tokens::Verified(vec![])), Unknown);
    assert_eq!(with("has(jwt.claims.sub)", Tokens::Unknown), Unknown);
    let both = Tokens::Verified(vec![alice.clone(), bob]);
    assert_eq!(with("jwt.claims.sub == 'alice'", both.clone()), Unknown);
    assert_eq!(with("jwt.claims.sub in ['alice', 'bob']", both.clone()), Yes);
    assert_eq!(with("jwt.claims.sub == 'eve'", both), No);
    assert_eq!(with("jwt.claims.sub == 'alice'", Tokens::Verified(vec![alice])), Yes);
}

#[test]
fn ends_are_as_certain_as_they_are_known() {
    let (a, b) = (workload("a", &[("app", "web"), ("v", "1")]), workload("b", &[("app", "web"), ("v", "2")]));
    let c = workload("a", &[("app", "web")]);
    let judge = |text: &str, identity: &Identity<'_>| judge(text, identity.clone(), Tokens::Unknown);
    let candidates = Identity::Candidates(vec![&a, &b]);
    assert_eq!(judge("source.labels['app'] == 'web'", &candidates), Yes);
    assert_eq!(judge("source.labels['v'] == '1'", &candidates), Unknown);
    assert_eq!(judge("source.labels['v'] == '3'", &candidates), No);
    assert_eq!(judge("has(source.labels['w'])", &candidates), No);
    assert_eq!(judge("source.principal == 'spiffe://mesh/ns/shop/sa/a'", &candidates), Unknown);
    let candidates = Identity::Candidates(vec![&a, &c]);
    assert_eq!(judge("has(source.labels['v'])", &candidates), Unknown);
    assert_eq!(judge("source.labels['v'] == '1'", &candidates), Unknown);
    let account =
        Identity::Account { namespace: "shop".into(), service_account: "a".into(), namespace_labels: None };
    assert_eq!(judge("source.namespace == 'shop' && source.serviceAccount == 'a'", &account), Yes);
    assert_eq!(judge("has(source.labels['v'])", &account), Unknown);
    for identity in [Identity::Anonymous, Identity::Claimed(&a), Identity::Candidates(vec![])] {
        assert_eq!(judge("source.namespace != 'shop'", &identity), Unknown);
        assert_eq!(judge("has(source.namespace)", &identity), Unknown);
    }
    assert_eq!(judge("has(source.namespace)", &Identity::Outside), No);
    assert_eq!(judge("source.namespace != 'shop'", &Identity::Outside), Unknown);
}

#[test]
fn expressions_that_make_no_sense_are_refused_where_they_go_wrong() {
    for (text, at, fault) in [
        ("", 0, Expected("an attribute, a value or `(`")),
        ("request.method", 0, NotACondition),
        ("'a'", 0, NotACondition),
        ("true && request.path", 8, NotACondition),
        ("!request.path", 1, NotACondition),
        ("request.methods == 'GET'", 0, UnknownAttribute),
        ("request.headers == 'a'", 0, UnknownAttribute),
        ("request == 'a'", 0, UnknownAttribute),
        ("jwt.claims == 'a'", 0, UnknownAttribute),
        ("jwt.sub == 'a'", 0, UnknownAttribute),
        ("path.a.b == 'a'", 0, UnknownAttribute),
        ("source.port == 1", 0, UnknownAttribute),
        ("destination.principal == 'a'", 0, UnknownAttribute),
        ("true && user == 'a'", 8, UnknownAttribute),
        ("request.headers['host'] == 'a'", 0, Name(crate::NameError::Host)),
        ("request.headers[':path'] == 'a'", 0, Name(crate::NameError::NotAHeader)),
        ("request.query[''] == 'a'", 0, Name(crate::NameError::NotAParameter)),
        ("request.headers[1] == 'a'", 17, Expected("a name in quotes")),
        ("request.path.size() == 1", 13, UnknownFunction),
        ("size(request.path) == 1", 0, UnknownFunction),
        ("request.path.matches('a')", 13, UnknownFunction),
        ("request.path.startsWith('')", 24, EmptyText),
        ("request.path.startsWith(1)", 24, NotText),
        ("destination.port.startsWith('8')", 28, NotText),
        ("'a'.contains('a')", 13, Constant),
        ("has(true)", 4, Expected("an attribute")),
        ("has('a')", 4, Expected("an attribute")),
        ("has(request.path", 16, Expected("`)`")),
        ("has == 'a'", 0, UnknownAttribute),
        ("1 == 1", 2, Constant),
        ("'a' in ['a']", 4, Constant),
        ("request.path == 1", 13, NotComparable),
        ("request.path == true", 13, NotComparable),
        ("destination.port == '80'", 17, NotComparable),
        ("request.path == ['a']", 13, NotComparable),
        ("destination.port in ['80']", 17, NotComparable),
        ("'a' in request.path", 4, NotAList),
        ("request.path in 'a'", 13, NotAList),
        ("request.path in []", 16, EmptyList),
        ("request.path in ['a', 1]", 22, MixedList),
        ("request.path in ['a' 'b']", 21, Expected("`,` or `]`")),
        ("request.path in [request.host]", 17, Expected("a text or an integer")),
        ("request.host == 'Example.com'", 13, HostCase),
        ("request.host in ['a', 'B']", 13, HostCase),
        ("request.host.endsWith('.COM')", 22, HostCase),
        ("request.method == 'get'", 15, MethodCase),
        ("request.method.startsWith('g')", 26, MethodCase),
        ("request.method == 'A' == true", 22, Expected("`&&` or `||`")),
        ("(request.method == 'A') == true", 0, NotAValue),
        ("request.method = 'a'", 15, BadCharacter('=')),
        ("destination.port < 80", 17, BadCharacter('<')),
        ("true & true", 5, BadCharacter('&')),
        ("true ? true : false", 5, BadCharacter('?')),
        ("true // x", 5, BadCharacter('/')),
        ("true true", 5, Expected("the end or an operator")),
        ("(true", 5, Expected("`)`")),
        ("true)", 4, Expected("the end or an operator")),
        ("true &&", 7, Expected("an attribute, a value or `(`")),
        ("request. == 'a'", 9, Expected("a name")),
        ("request.path == 'a", 16, Unclosed),
        ("request.path == 'a\\n'", 18, BadEscape),
        ("request.path == 'a\n'", 18, NotPlain),
        ("request.path == '\u{e9}'", 17, NotPlain),
        ("request.path == r'a'", 16, UnknownAttribute),
        ("destination.port == 1u", 20, BadNumber),
        ("destination.port == 0x50", 20, BadNumber),
        ("destination.port == 1.5", 21, Expected("the end or an operator")),
        ("destination.port == 99999999999999999999", 20, BadNumber),
        ("destination.port == --1", 20, BadNumber),
        ("\u{e9}", 0, BadCharacter('\u{e9}')),
    ] {
        assert_eq!(Expression::parse(text).unwrap_err(), ExpressionError { at, fault }, "{text}");
    }
}

#[test]
fn the_limits_hold() {
    let fault = |text: &str| Expression::parse(text).unwrap_err().fault;
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(16)).is_ok());
    assert_eq!(fault(&nested(17)), TooDeep);
    assert!(Expression::parse(&format!("{}true", "!".repeat(16))).is_ok());
    assert_eq!(fault(&format!("{}true", "!".repeat(17))), TooDeep);
    let joined = |operators: usize| format!("true{}", "||true".repeat(operators));
    assert!(Expression::parse(&joined(64)).is_ok());
    assert_eq!(fault(&joined(65)), TooManyOperators);
    assert!(Expression::parse(&format!("true{}", " ".repeat(1020))).is_ok());
    assert_eq!(fault(&format!("true{}", " ".repeat(1021))), TooLong);
    assert_eq!(fault(&"[".repeat(1000)), Expected("a text or an integer"));
    assert_eq!(fault(&format!("{}true", "has(".repeat(200))), TooDeep);
}

#[test]
fn an_expression_says_what_it_needs_and_is_kept_as_written() {
    let text = "  path.user == jwt.claims.sub || request.headers['a'] == path.item ";
    let expression = Expression::parse(text).unwrap();
    assert_eq!(expression.as_str(), text);
    assert_eq!(expression.needs(), Needs { headers: true, tokens: true, ..Needs::default() });
    let mut segments = expression.segments().to_vec();
    segments.sort();
    assert_eq!(segments, ["item", "user"]);
    let written = serde_json::to_string(&expression).unwrap();
    assert_eq!(serde_json::from_str::<Expression>(&written).unwrap(), expression);
    assert_eq!(Expression::parse("request.path == '/'").unwrap().needs(), Needs::default());
}

#[test]
fn many_readings_cost_no_more_than_doubt() {
    let list: alloc::vec::Vec<u8> = (0..10_000).flat_map(|n| format!("{n},").into_bytes()).collect();
    let other: alloc::vec::Vec<u8> = (0..10_000).flat_map(|n| format!("x{n},").into_bytes()).collect();
    let lines = [(&b"a"[..], &list[..]), (b"b", &other)];
    let request = Request::new(Head { headers: Some(&lines), ..Head::default() });
    let nobody = Endpoint {
        identity: Identity::Anonymous,
        location: Location::Unknown,
        principal: Principal::Unknown,
    };
    let connection =
        Connection { source: nobody.clone(), destination: nobody, protocol: Protocol::Tcp, port: 1 };
    let expression = Expression::parse("request.headers['a'] == request.headers['b']").unwrap();
    assert_eq!(expression.holds(&connection, &request, None), Unknown);
}
