//! HTTP conditions that touch everything, and requests that meet some of them. They are made of few words, so that they
//! often meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::question::ServerName;
use crate::{Head, Tokens};
use core::net::IpAddr;

/// Values of headers, parameters, claims and segments.
const WORDS: [&str; 4] = ["x", "y", "xy", "1"];

fn word() -> impl Strategy<Value = &'static str> {
    select(WORDS.to_vec())
}

/// How a value is compared.
fn comparison() -> impl Strategy<Value = Map<String, Value>> {
    let values = subsequence(WORDS.to_vec(), 1..3);
    let regex = select(vec!["x|y", "[a-w]*y?", ".", "x?y+", "[^x]*", r"\d"]);
    prop_oneof![
        values.prop_map(|values| json!({ "exact": values })),
        word().prop_map(|word| json!({ "prefix": word })),
        word().prop_map(|word| json!({ "suffix": [word], "exact": "z" })),
        regex.prop_map(|regex| json!({ "regex": regex })),
    ]
    .prop_map(|value| value.as_object().cloned().unwrap_or_default())
}

/// An entry about something named.
fn entry(field: &'static str, name: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let test = prop_oneof![
        4 => comparison(),
        1 => any::<bool>().prop_map(|present| Map::from_iter([("present".to_owned(), present.into())])),
    ];
    (name, test).prop_map(move |(name, mut entry)| {
        entry.insert(field.to_owned(), name);
        Value::from(entry)
    })
}

fn named(names: [&'static str; 2]) -> impl Strategy<Value = Value> {
    select(names.to_vec()).prop_map(Value::from)
}

fn token() -> impl Strategy<Value = Value> {
    let claim = prop_oneof![named(["role", "level"]), Just(json!(["realm", "roles"]))];
    prop_oneof![
        subsequence(vec!["one", "two"], 1..2).prop_map(|issuers| json!({ "issuer": issuers })),
        comparison().prop_map(|subject| json!({ "subject": subject })),
        subsequence(WORDS.to_vec(), 1..3).prop_map(|audiences| json!({ "audiences": audiences })),
        entry("claim", claim).prop_map(|claim| json!({ "claims": [claim] })),
        (comparison(), word()).prop_map(|(s, a)| json!({ "subject": s, "audiences": [a] })),
    ]
}

/// Expressions, those about segments beside a pattern that has them.
fn when() -> impl Strategy<Value = Value> {
    let free = vec![
        "request.headers['x-a'] == jwt.claims.sub",
        "!has(request.headers['x-a']) || request.headers['x-a'] != 'x'",
        "request.query['q'] == request.headers['x-a'] || request.method == 'GET'",
        "'x' in jwt.claims.role && !(jwt.claims.level == 1)",
        "source.namespace == destination.namespace",
        "connection.sni == 'a.test' || request.authority == 'a.test:80'",
        "has(connection.sni) && connection.sni != 'a.test'",
        "request.authority.startsWith('b.test')",
        "source.labels['app'] != destination.labels['app'] || destination.port == 80",
        "source.principal.startsWith('spiffe://partner.example/') && has(source.labels['app'])",
        "request.host.endsWith('.test') && request.path.contains('x')",
        "source.serviceAccount in ['s', 'u'] || source.serviceAccount == jwt.claims.sub",
        "jwt.claims.realm.roles == 'x' || (request.method in ['GET', 'PUT'] && true)",
    ];
    let bound = vec![
        "path.id == jwt.claims.sub",
        "path.id == request.query['q'] || path.id == 'x'",
        "!(path.id in ['x', 'y'])",
    ];
    let pattern = select(vec!["/a/{id}", "/{id}/x", "/{id}/{**}"]);
    prop_oneof![
        2 => select(free).prop_map(|when| json!({ "when": when })),
        1 => (select(bound), pattern).prop_map(|(when, path)| json!({ "when": when, "paths": [path] })),
    ]
}

/// A condition with one part.
fn part() -> BoxedStrategy<Value> {
    let hosts = subsequence(vec!["a.test", "*.test", "b.test:80", "*.a.test", "[2001:db8::1]"], 1..3);
    let paths = subsequence(vec!["/a", "/a/*", "*/x", "/{s}/x", "/a/{**}", "/*", "*y"], 1..3);
    let clients = subsequence(vec!["203.0.113.0/29", "10.0.0.0/8", "::/0"], 1..3);
    let grpc = select(vec![json!({ "service": "a" }), json!({ "service": "a", "method": "x" })]);
    prop_oneof![
        1 => subsequence(vec!["GET", "POST", "x"], 1..3).prop_map(|methods| json!({ "methods": methods })),
        1 => hosts.prop_map(|hosts| json!({ "hosts": hosts })),
        2 => paths.prop_map(|paths| json!({ "paths": paths })),
        1 => clients.prop_map(|clients| json!({ "clientCidrs": clients })),
        2 => entry("name", named(["x-a", "x-b"])).prop_map(|header| json!({ "headers": [header] })),
        2 => entry("name", named(["q", "r_r"])).prop_map(|parameter| json!({ "query": [parameter] })),
        1 => grpc.prop_map(|call| json!({ "grpc": [call] })),
        2 => token().prop_map(|token| json!({ "jwt": [token] })),
        2 => when(),
    ]
    .boxed()
}

/// A condition.
pub(super) fn condition() -> BoxedStrategy<Value> {
    (part(), option::weighted(0.4, part()), option::weighted(0.2, part()))
        .prop_map(|(first, second, not)| {
            let mut condition = second.and_then(|part| part.as_object().cloned()).unwrap_or_default();
            // What belongs together stays together.
            condition.remove("when");
            condition.extend(first.as_object().cloned().unwrap_or_default());
            // Calls of gRPC have one method.
            if condition.contains_key("grpc") {
                condition.remove("methods");
            }
            condition.extend(not.map(|not| ("not".to_owned(), json!([not]))));
            Value::from(condition)
        })
        .boxed()
}

/// A request, odd ones among them.
pub fn request() -> BoxedStrategy<(Head, Tokens)> {
    let text = |list: Vec<&'static str>| option::weighted(0.95, select(list)).prop_map(|t| t.map(Into::into));
    let method = text(vec!["GET", "POST", "get", "x", "G\u{e9}T"]);
    let authority = text(vec![
        "a.test",
        "x.a.test:80",
        "B.test:80",
        "b.test",
        "c.example",
        "a.test.",
        "[2001:db8::1]:1",
        "u@a.test",
    ]);
    let path = select(vec![
        "/a",
        "/a/x",
        "/a/y",
        "/x/x",
        "/",
        "/a/",
        "//x",
        "/a/%78",
        "/a;b/x",
        "/a/%2fx",
        "/%C3%A9/x",
        "/a/x/y",
        "*",
        "x",
    ]);
    let query = select(vec![
        "", "?q=x", "?q=x&q=x", "?q=x&q=y", "?r.r=x", "?q=%78+", "?Q=y&q=x", "?q=x;", "?q=%", "?r_r=1&q",
        "?q=x#y",
    ]);
    let header = (
        select(vec!["x-a", "X-A", "x-b", "x_a", "content-type"]),
        select(vec!["x", "y", "xy", "1", "", "\u{e9}", "x,y", "application/grpc", "application/grpc+proto"]),
    );
    let headers = vec(header, 0..4).prop_map(|list| {
        list.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
    });
    let path = option::weighted(0.95, (path, query).prop_map(|(path, query)| [path, query].concat().into()));
    let client = select(vec!["203.0.113.5", "10.0.0.2", "198.51.100.1", "2001:db8::1", "::ffff:10.0.0.2"]);
    let client = option::weighted(0.9, client.prop_map(|text| text.parse().unwrap_or(IpAddr::from([0; 4]))));
    let server_name = prop_oneof![
        1 => Just(ServerName::Unknown),
        1 => Just(ServerName::Absent),
        4 => select(vec!["a.test", "A.test", "b.test", "\u{e9}"])
            .prop_map(|name| ServerName::Name(name.to_owned())),
    ];
    let head = (method, authority, path, headers, client, server_name).prop_map(
        |(method, authority, path, headers, client, server_name)| Head {
            method,
            authority,
            path,
            headers,
            client,
            server_name,
        },
    );
    (head, tokens()).boxed()
}

fn tokens() -> impl Strategy<Value = Tokens> {
    let value = || {
        let scalars =
            vec![json!("x"), json!("y"), json!("1"), json!(1), json!(true), json!(1.5), json!("\u{e9}")];
        prop_oneof![
            4 => select(scalars),
            1 => select(vec![json!(["x", "y"]), json!([]), json!({ "x": "x" }), json!([1, "y"]), json!(null)]),
        ]
    };
    let claims = vec![("iss", "one"), ("iss", "two"), ("sub", "x"), ("sub", "y"), ("aud", "x")];
    let fixed = subsequence(claims, 0..5);
    let free = vec((select(vec!["role", "level", "sub", "aud"]), value()), 0..3);
    let realm = option::of(value().prop_map(|roles| json!({ "roles": roles })));
    let token = (fixed, free, realm).prop_map(|(fixed, free, realm)| {
        let fixed = fixed.into_iter().map(|(key, text)| (key, Value::from(text)));
        let all = fixed.chain(free).chain(realm.map(|realm| ("realm", realm)));
        Value::from_iter(all.map(|(key, value)| (key.to_owned(), value)))
    });
    prop_oneof![
        9 => vec(token, 0..3).prop_map(Tokens::Verified),
        1 => Just(Tokens::Unreadable),
    ]
}
