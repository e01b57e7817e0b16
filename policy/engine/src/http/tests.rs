use super::*;
use crate::{
    Endpoint, Head, HeaderLine, Location, Principal, Protocol, TextMatch, TextPattern, WorkloadIdentity,
};
use Truth::{No, Unknown, Yes};
use alloc::{string::ToString, vec};
use serde_json::json;

/// Asks about `request`, which reaches a proxy that verifies tokens or not.
fn ask<T>(jwt: bool, ask: impl FnOnce(&Connection<'_>) -> T) -> T {
    let destination = WorkloadIdentity { jwt, proxied: true, ..WorkloadIdentity::default() };
    let end = |identity| Endpoint { identity, location: Location::Unknown, principal: Principal::Unknown };
    let (source, destination) = (end(Identity::Anonymous), end(Identity::Workload(&destination)));
    ask(&Connection { source, destination, protocol: Protocol::Tcp, port: 80 })
}

fn judge(http: &HttpMatch, head: Head<'_>) -> (Truth, Condition) {
    ask(true, |connection| http.judge(connection, &Request::new(head)))
}

fn get(path: &str) -> Head<'_> {
    Head { method: Some(b"GET"), path: Some(path.as_bytes()), headers: Some(&[]), ..Head::default() }
}

fn text(pattern: Result<TextPattern, crate::TextPatternError>) -> ValueMatch {
    ValueMatch::Text(TextMatch::one_of(vec![pattern.unwrap()]).unwrap())
}

fn header(name: &str, value: ValueMatch) -> HttpMatch {
    HttpMatch { headers: vec![HeaderMatch::new(name, value).unwrap()], ..HttpMatch::default() }
}

fn subject(name: &str) -> HttpMatch {
    let jwt = TokenMatch {
        issuer: Clause::Any,
        subject: Some(TextMatch::one_of(vec![TextPattern::exact(name).unwrap()]).unwrap()),
        audiences: Clause::Any,
        claims: vec![],
    };
    HttpMatch { jwt: Clause::only(jwt), ..HttpMatch::default() }
}

fn not(http: HttpMatch) -> HttpMatch {
    HttpMatch { not: vec![http], ..HttpMatch::default() }
}

#[test]
fn a_method_in_other_case_is_in_doubt() {
    let http = HttpMatch { methods: Clause::only("DELETE".into()), ..HttpMatch::default() };
    let holds =
        |method: Option<&'static [u8]>| judge(&http, Head { method, path: Some(b"/"), ..Head::default() }).0;
    assert_eq!(holds(Some(b"DELETE")), Yes);
    assert_eq!(holds(Some(b"delete")), Unknown);
    assert_eq!(holds(Some(b"Delete")), Unknown);
    assert_eq!(holds(Some(b"GET")), No);
    assert_eq!(holds(Some(b"\xff")), Unknown);
    assert_eq!(holds(None), Unknown);
}

#[test]
fn a_host_header_may_contradict_the_authority() {
    let pattern = HostPattern::parse("shop.example").unwrap();
    let http = HttpMatch { hosts: Clause::only(pattern), ..HttpMatch::default() };
    let same: &[HeaderLine<'_>] = &[(b"host", b"Shop.example")];
    let other: &[HeaderLine<'_>] = &[(b"Host", b"evil.example")];
    for (authority, headers, truth) in [
        (Some("Shop.example"), None, Yes),
        (Some("Shop.example"), Some(same), Yes),
        (Some("Shop.example"), Some(other), Unknown),
        (Some("evil.example"), Some(other), No),
        (Some("shop.example."), None, Unknown),
        (None, Some(same), Unknown),
    ] {
        let head = Head { authority: authority.map(str::as_bytes), headers, ..get("/") };
        assert_eq!(judge(&http, head).0, truth, "{authority:?} {headers:?}");
    }
}

#[test]
fn headers_are_compared_in_all_their_readings() {
    let admin = header("X-Role", text(TextPattern::exact("admin")));
    let absent = header("x-role", ValueMatch::Present(false));
    let cases: [(&[HeaderLine<'_>], _, _); 10] = [
        (&[], No, Yes),
        (&[(b"x-role", b"admin")], Yes, No),
        (&[(b"X-ROLE", b"user")], No, No),
        (&[(b"x-role", b"admin "), (b"x-role", b"admin")], Unknown, No),
        (&[(b"x-role", b"user"), (b"x-role", b"admin")], Unknown, No),
        (&[(b"x-role", b"user"), (b"x-role", b"guest")], No, No),
        (&[(b"x-role", b"user,admin")], Unknown, No),
        (&[(b"x-role", b"\xc3\xa4")], Unknown, No),
        (&[(b"x_role", b"admin")], Unknown, Unknown),
        (&[(b"x-roles", b"admin")], No, Yes),
    ];
    for (lines, holds, missing) in cases {
        let head = Head { headers: Some(lines), ..get("/") };
        assert_eq!(judge(&admin, head.clone()).0, holds, "{lines:?}");
        assert_eq!(judge(&absent, head.clone()).0, missing, "{lines:?}");
        assert_eq!(judge(&not(admin.clone()), head).0, holds.negated(), "not {lines:?}");
    }
    let unread = Head { headers: None, ..get("/") };
    assert_eq!(judge(&admin, unread.clone()).0, Unknown);
    assert_eq!(judge(&absent, unread).0, Unknown);
}

#[test]
fn every_header_and_every_parameter_must_hold() {
    let both = HttpMatch {
        headers: vec![
            HeaderMatch::new("a", text(TextPattern::exact("1"))).unwrap(),
            HeaderMatch::new("b", ValueMatch::Present(true)).unwrap(),
        ],
        query: vec![
            QueryMatch::new("a", text(TextPattern::prefix("1"))).unwrap(),
            QueryMatch::new("b", ValueMatch::Present(false)).unwrap(),
        ],
        ..HttpMatch::default()
    };
    let lines: &[HeaderLine<'_>] = &[(b"a", b"1"), (b"b", b"")];
    for (path, headers, expected) in [
        ("/?a=12", lines, (Yes, Condition::Http)),
        ("/?a=12", &lines[..1], (No, Condition::Headers)),
        ("/?a=12&b", lines, (No, Condition::Query)),
        ("/?b=1", lines, (No, Condition::Query)),
        ("/?a=12;", lines, (Unknown, Condition::Query)),
        ("/?a=12;", &lines[..1], (No, Condition::Headers)),
        ("//?a=12", lines, (Unknown, Condition::Query)),
    ] {
        assert_eq!(
            judge(&both, Head { headers: Some(headers), ..get(path) }),
            expected,
            "{path} {headers:?}"
        );
    }
}

#[test]
fn only_what_the_proxy_verified_counts_as_a_token() {
    let alice = || Tokens::Verified(vec![json!({"sub": "bob"}), json!({"sub": "alice"})]);
    for (jwt, tokens, truth) in [
        (true, alice(), Yes),
        (true, Tokens::Verified(vec![]), No),
        (true, Tokens::Unknown, Unknown),
        (false, alice(), Unknown),
        (false, Tokens::Verified(vec![]), Unknown),
    ] {
        let request = Request::new(Head { tokens: tokens.clone(), ..get("/") });
        let holds = |http: &HttpMatch| ask(jwt, |connection| http.holds(connection, &request));
        assert_eq!(holds(&subject("alice")), truth, "{jwt} {tokens:?}");
        assert_eq!(holds(&not(subject("alice"))), truth.negated(), "{jwt} {tokens:?}");
    }
}

#[test]
fn parts_of_a_token_condition_must_hold_on_one_token() {
    let mut http = subject("alice");
    if let Clause::OneOf(_) = &http.jwt {
        let mut jwt = http.jwt.alternatives().unwrap()[0].clone();
        jwt.issuer = Clause::only("https://a".to_string());
        http.jwt = Clause::only(jwt);
    }
    let judge = |tokens| judge(&http, Head { tokens: Tokens::Verified(tokens), ..get("/") }).0;
    assert_eq!(judge(vec![json!({"sub": "alice", "iss": "https://a"})]), Yes);
    assert_eq!(judge(vec![json!({"sub": "alice", "iss": "https://b"}), json!({"iss": "https://a"})]), No);
}

#[test]
fn an_expression_sees_the_segments_of_the_pattern_that_matched() {
    let http = HttpMatch {
        paths: Clause::one_of(vec![
            PathPattern::parse("/users/{user}").unwrap(),
            PathPattern::parse("/users/{*}/{user}").unwrap(),
            PathPattern::parse("/static/*").unwrap(),
        ])
        .unwrap(),
        when: Some(Expression::parse("path.user == jwt.claims.sub").unwrap()),
        ..HttpMatch::default()
    };
    for (path, sub, expected) in [
        ("/users/alice", "alice", (Yes, Condition::Http)),
        ("/users/bob", "alice", (No, Condition::When)),
        ("/users/bob/alice", "alice", (Yes, Condition::Http)),
        ("/users/alice/bob", "alice", (No, Condition::When)),
        ("/other", "alice", (No, Condition::Paths)),
        ("/static/x", "alice", (Unknown, Condition::When)),
        ("/users//alice", "alice", (Unknown, Condition::Paths)),
        ("/users/al%69ce", "alice", (Yes, Condition::Http)),
    ] {
        let head = Head { tokens: Tokens::Verified(vec![json!({ "sub": sub })]), ..get(path) };
        assert_eq!(judge(&http, head), expected, "{path} {sub}");
    }
}

#[test]
fn negation_turns_no_doubt_into_permission() {
    let path = |pattern| HttpMatch {
        paths: Clause::only(PathPattern::parse(pattern).unwrap()),
        ..HttpMatch::default()
    };
    let outside = HttpMatch { not: vec![path("/admin/*"), path("*.bak")], ..HttpMatch::default() };
    assert_eq!(judge(&outside, get("/a")), (Yes, Condition::Http));
    assert_eq!(judge(&outside, get("/admin/x")), (No, Condition::Not));
    assert_eq!(judge(&outside, get("/a.bak")), (No, Condition::Not));
    assert_eq!(judge(&outside, get("//admin/x")), (Unknown, Condition::Not));
    assert_eq!(judge(&not(outside.clone()), get("//admin/x")), (Unknown, Condition::Not));
    assert_eq!(judge(&not(outside), get("/admin/x")), (Yes, Condition::Http));
    assert_eq!(judge(&not(HttpMatch::default()), get("/")), (No, Condition::Not));
}

#[test]
fn of_several_alternatives_the_part_is_named_that_all_lack() {
    let alternative = |method: &str, path: &str| HttpMatch {
        methods: Clause::only(method.to_string()),
        paths: Clause::only(PathPattern::parse(path).unwrap()),
        ..HttpMatch::default()
    };
    let clause = Clause::one_of(vec![alternative("GET", "/a"), alternative("POST", "/b")]).unwrap();
    let judge = |method: &'static [u8], path: &str| {
        let request = Request::new(Head { method: Some(method), ..get(path) });
        ask(true, |connection| clause.judge(connection, &request))
    };
    assert_eq!(judge(b"GET", "/a"), (Yes, Condition::Http));
    assert_eq!(judge(b"PUT", "/a"), (No, Condition::Methods));
    assert_eq!(judge(b"GET", "/c"), (No, Condition::Paths));
    assert_eq!(judge(b"GET", "/b"), (No, Condition::Http));
    assert_eq!(judge(b"post", "/b"), (Unknown, Condition::Methods));
    let any: Clause<HttpMatch> = Clause::Any;
    assert_eq!(
        ask(true, |connection| any.judge(connection, &Request::new(get("/")))),
        (Yes, Condition::Http)
    );
}

#[test]
fn conditions_say_what_must_be_read() {
    let headers = Needs { headers: true, ..Needs::default() };
    let tokens = Needs { tokens: true, ..Needs::default() };
    assert_eq!(HttpMatch::default().needs(), Needs::default());
    assert_eq!(header("a", ValueMatch::Present(true)).needs(), headers);
    assert_eq!(not(not(header("a", ValueMatch::Present(true)))).needs(), headers);
    assert_eq!(subject("a").needs(), tokens);
    let when =
        |text| HttpMatch { when: Some(Expression::parse(text).unwrap()), ..HttpMatch::default() }.needs();
    assert_eq!(when("request.host == 'a'"), headers);
    assert_eq!(when("has(jwt.claims.a)"), tokens);
    assert_eq!(when("request.query['a'] == path.a"), Needs::default());
    let hosts = Clause::only(HostPattern::parse("a").unwrap());
    assert_eq!(HttpMatch { hosts, ..HttpMatch::default() }.needs(), headers);
    let grpc = Clause::only(GrpcMatch::new("a.B".into(), None).unwrap());
    assert_eq!(HttpMatch { grpc, ..HttpMatch::default() }.needs(), headers);
}

#[test]
fn headers_that_are_not_judged_are_refused() {
    for (name, error) in [
        ("", NameError::NotAHeader),
        ("x role", NameError::NotAHeader),
        (":authority", NameError::NotAHeader),
        ("x-rôle", NameError::NotAHeader),
        ("Host", NameError::Host),
        ("connection", NameError::Hop),
        ("TE", NameError::Hop),
    ] {
        assert_eq!(HeaderMatch::new(name, ValueMatch::Present(true)), Err(error), "{name}");
    }
    assert_eq!(HeaderMatch::new("X-Role", ValueMatch::Present(true)).unwrap().name(), "x-role");
    for name in ["", "ä", "\n"] {
        let refused = QueryMatch::new(name, ValueMatch::Present(true));
        assert_eq!(refused, Err(NameError::NotAParameter), "{name}");
    }
    assert!(
        serde_json::from_value::<HeaderMatch>(json!({"name": "host", "value": {"present": true}})).is_err()
    );
}
