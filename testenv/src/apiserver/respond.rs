//! From a request to an answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::access::{self, Deed, User};
use super::body::Answer;
use super::fault::Fault;
use super::kind::{Kind, Version};
use super::read::{self, Form};
use super::refusal::{Outcome, Refusal, set};
use super::route::{self, Place, Query, Target};
use super::shared::{Shared, locked};
use super::tally::Asked;
use super::watch::Watch;
use super::write::{self, Order, Unknown, erase};
use super::{discovery, forward, log};

const BODY_LIMIT: usize = 3 << 20;

/// What was asked, in parts.
struct Question {
    method: Method,
    target: Target,
    query: Query,
    headers: HeaderMap,
    user: User,
}

/// Answers a request, or lets go wrong what is scripted to.
pub(crate) async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let query_text = request.uri().query().unwrap_or_default().to_owned();
    let target = route::target(request.uri().path());
    let query = route::query(&query_text);
    let deed = deed(&target, request.method(), &query);
    let agent = header(request.headers(), &USER_AGENT).to_owned();
    let user = who(&shared, request.headers());
    let (wait, fault) = locked(&shared.faults).take(&deed);
    tokio::time::sleep(wait).await;
    let asked = Asked {
        at: shared.started.elapsed(),
        user: user.as_ref().map_or_else(String::new, |user| user.name.clone()),
        agent,
        deed: deed.clone(),
        query: query_text,
        code: 0,
    };
    let response = match (fault, user) {
        (Some(Fault::Hang), _) => {
            shared.tally().note(asked);
            return std::future::pending().await;
        }
        (Some(fault), user) if !matches!(fault, Fault::Cut(_)) => broken(&fault, &deed, user.is_some()),
        (_, None) => refused(&Refusal::unauthorized()),
        (fault, Some(user)) => {
            let (method, headers) = (request.method().clone(), request.headers().clone());
            let question = Question { method, target, query, headers, user };
            let response = match answer(&shared, &deed, &question, request).await {
                Ok(response) => response,
                Err(refusal) => refused(&refusal),
            };
            match fault {
                Some(Fault::Cut(length)) => cut(response, length).await,
                _ => response,
            }
        }
    };
    let code = response.status().as_u16();
    shared.tally().note(Asked { code, ..asked });
    if let Answer::Whole(Some(bytes)) = response.body() {
        let length = bytes.len() as u64;
        shared.count(|load| load.bytes += length);
    }
    Ok(response)
}

fn deed(target: &Target, method: &Method, query: &Query) -> Deed {
    let place = match target {
        Target::About(path) => {
            return Deed { verb: "discover".to_owned(), resource: path.clone(), ..Deed::default() };
        }
        Target::Objects(place) => place,
    };
    let watch = query.get("watch").is_some_and(|value| matches!(value.as_str(), "true" | "1"));
    let verb = match (method.as_str(), place.name.is_empty()) {
        ("GET", _) if watch => "watch",
        // What is done over a stream is created, whatever the method (`RequestInfo` of the API server).
        ("GET" | "POST", false) if place.subresource == "portforward" => "create",
        ("GET", true) => "list",
        ("GET" | "HEAD", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "deletecollection",
        ("DELETE", false) => "delete",
        _ => "",
    };
    Deed::at(verb, place)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn who(shared: &Shared, headers: &HeaderMap) -> Option<User> {
    let authorization = header(headers, &AUTHORIZATION);
    match authorization.strip_prefix("Bearer ") {
        Some(token) => locked(&shared.access).tokens.get(token).cloned(),
        None if authorization.is_empty() && !shared.settings.closed => Some(User::admin()),
        None => None,
    }
}

fn whole(code: u16, kind: &str, body: impl Into<hyper::body::Bytes>) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(body));
    *response.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or_default();
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

fn json(code: u16, value: &Value) -> Response<Answer> {
    whole(code, "application/json", value.to_string())
}

fn refused(refusal: &Refusal) -> Response<Answer> {
    let mut response = match &refusal.body {
        Value::String(text) => whole(refusal.code, "text/plain; charset=utf-8", text.clone()),
        status => json(refusal.code, status),
    };
    if let Some(Ok(value)) = refusal.retry_after.map(|seconds| seconds.to_string().parse()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// What is answered instead of the truth.
fn broken(fault: &Fault, deed: &Deed, known: bool) -> Response<Answer> {
    match fault {
        Fault::Refuse(code, reason, message) => refused(&Refusal::new(*code, reason, message.as_str())),
        Fault::TooMany(seconds) => {
            let message = "too many requests, please try again later";
            let mut refusal = Refusal::new(429, "TooManyRequests", message);
            set(&mut refusal.body, "details", json!({ "retryAfterSeconds": seconds }));
            refusal.retry_after = Some(*seconds);
            refused(&refusal)
        }
        Fault::Garbage => whole(200, "application/json", "\u{1f}\u{8b}{\"kind\":\"Po"),
        Fault::Nonsense => json(200, &json!({ "kind": "Banana", "apiVersion": "fruit/v1", "items": 7 })),
        Fault::Page(code) => whole(*code, "text/html", "<html><body><h1>Bad Gateway</h1></body></html>"),
        Fault::Expired if deed.verb == "watch" && known => {
            let event = json!({ "type": "ERROR", "object": Refusal::expired(1, 1_000).body });
            whole(200, "application/json", format!("{event}\n"))
        }
        Fault::Expired => refused(&Refusal::expired(1, 1_000)),
        Fault::Delay(_) | Fault::Cut(_) | Fault::Hang => refused(&Refusal::new(500, "InternalError", "")),
    }
}

async fn cut(response: Response<Answer>, length: usize) -> Response<Answer> {
    let (parts, body) = response.into_parts();
    // Of a watch what is told in the first moment.
    let part = async {
        let mut bytes = Vec::new();
        let mut body = body;
        while let Some(Ok(frame)) = body.frame().await {
            bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            if bytes.len() >= length {
                break;
            }
        }
        bytes
    };
    let bytes = tokio::time::timeout(Duration::from_secs(5), part).await.unwrap_or_default();
    Response::from_parts(parts, Answer::cut(&bytes, length))
}

async fn answer(
    shared: &Arc<Shared>,
    deed: &Deed,
    question: &Question,
    request: Request<Incoming>,
) -> Outcome<Response<Answer>> {
    let place = match &question.target {
        Target::About(path) => {
            let aggregated = header(&question.headers, &ACCEPT).contains("as=APIGroupDiscoveryList");
            let found =
                discovery::document(&shared.store(), path, aggregated).ok_or_else(Refusal::no_such_path)?;
            let mut response = json(200, &found);
            if let (true, Ok(kind)) =
                (aggregated, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList".parse())
            {
                response.headers_mut().insert(CONTENT_TYPE, kind);
            }
            return Ok(response);
        }
        Target::Objects(place) => place,
    };
    // Whoever may not does not learn whether there is such a kind.
    if !access::may(&shared.store(), &question.user, deed) {
        let why = access::refusal(&question.user, deed);
        return Err(Refusal::forbidden(&Kind::unknown(&place.group, &place.plural), &place.name, &why));
    }
    let (kind, version) = served(shared, place)?;
    locked(&shared.access).note(&question.user, deed);
    if place.subresource == "portforward" {
        return forward::open(shared, &kind, place, &question.query, request);
    }
    if kind.id() == "pods" && place.subresource == "log" {
        return log::open(shared, &kind, place, &question.query);
    }
    if !["", "status"].contains(&place.subresource.as_str())
        || place.subresource == "status" && !version.status
    {
        return Err(Refusal::no_such_path());
    }
    let form = Form::asked(header(&question.headers, &ACCEPT));
    match deed.verb.as_str() {
        "get" => {
            let found = shared.store().get(&kind.id(), &place.namespace, &place.name);
            let found = found.ok_or_else(|| Refusal::not_found(&kind, &place.name))?;
            Ok(json(200, &form.give(&kind, &version.name, &found)))
        }
        "list" => {
            let body =
                read::list(&shared.store(), &kind, &version.name, &place.namespace, &question.query, form)?;
            Ok(whole(200, "application/json", body))
        }
        "watch" => {
            let mut query = question.query.clone();
            if !place.name.is_empty() {
                query.insert("fieldSelector".to_owned(), format!("metadata.name={}", place.name));
            }
            let watch = Watch::new(kind, &version.name, &place.namespace, &query, form)?;
            let (sender, receiver) = mpsc::channel(64);
            tokio::spawn(watch.run(Arc::clone(shared), sender));
            let mut response = Response::new(Answer::Stream(receiver));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
            Ok(response)
        }
        _ => {
            let body = Limited::new(request.into_body(), BODY_LIMIT).collect().await;
            let body = body.map_err(|error| {
                Refusal::new(
                    413,
                    "RequestEntityTooLarge",
                    format!("the request is too large or broken: {error}"),
                )
            })?;
            change(shared, &kind, &version, place, deed, question, &body.to_bytes())
        }
    }
}

fn served(shared: &Shared, place: &Place) -> Outcome<(Arc<Kind>, Version)> {
    let store = shared.store();
    let kind = store.kinds.get(&super::kind::id(&place.group, &place.plural));
    let kind = kind.cloned().ok_or_else(Refusal::no_such_path)?;
    let version = kind.version(&place.version).cloned().ok_or_else(Refusal::no_such_path)?;
    Ok((kind, version))
}

fn parse(body: &[u8]) -> Outcome<Value> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    // Applied objects may be YAML.
    let text = std::str::from_utf8(body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    serde_saphyr::from_str(text)
        .map_err(|error| Refusal::bad_request(format!("error parsing the body: {error}")))
}

fn change(
    shared: &Shared,
    kind: &Arc<Kind>,
    version: &Version,
    place: &Place,
    deed: &Deed,
    question: &Question,
    body: &[u8],
) -> Outcome<Response<Answer>> {
    let text = |key: &str| question.query.get(key).map_or("", String::as_str);
    let dry_run = match text("dryRun") {
        known @ ("" | "All") => !known.is_empty(),
        other => return Err(Refusal::bad_request(format!("invalid dryRun: `{other}`: it may be All"))),
    };
    let unknown = match text("fieldValidation") {
        "Strict" => Unknown::Refuse,
        "Ignore" => Unknown::Ignore,
        _ => Unknown::Warn,
    };
    let agent = header(&question.headers, &USER_AGENT);
    let manager = match text("fieldManager") {
        // Without one it is what the client calls itself; applying demands one.
        "" if question.method != Method::PATCH => agent.split('/').next().unwrap_or_default(),
        manager => manager,
    };
    let order = Order {
        kind,
        version,
        namespace: &place.namespace,
        name: &place.name,
        subresource: &place.subresource,
        manager,
        dry_run,
        force: text("force") == "true",
        unknown,
        who: &question.user,
    };
    if matches!(deed.verb.as_str(), "delete" | "deletecollection") {
        return erased(shared, order, deed, body);
    }
    let body = parse(body)?;
    if kind.is_review() {
        let store = shared.store();
        return Ok(json(201, &access::review(&store, &question.user, &body)));
    }
    let done = shared.change(|store| match deed.verb.as_str() {
        "create" => write::create(store, order, body),
        "update" => write::replace(store, order, body),
        "patch" => {
            let media =
                header(&question.headers, &CONTENT_TYPE).split(';').next().unwrap_or_default().to_owned();
            // Whoever patches without a name is called as the client is.
            let order = match media.as_str() {
                "application/merge-patch+json" if order.manager.is_empty() => {
                    Order { manager: agent.split('/').next().unwrap_or_default(), ..order }
                }
                _ => order,
            };
            write::patch::patch(store, order, &media, &body)
        }
        other => Err(Refusal::method(other)),
    })?;
    let form = Form::asked(header(&question.headers, &ACCEPT));
    let mut response =
        json(if done.created { 201 } else { 200 }, &form.give(kind, &version.name, &done.object));
    for warning in done.warnings {
        if let Ok(value) = format!("299 - \"{}\"", warning.replace('"', "\\\"")).parse() {
            response.headers_mut().append("warning", value);
        }
    }
    Ok(response)
}

fn erased(shared: &Shared, order: Order<'_>, deed: &Deed, body: &[u8]) -> Outcome<Response<Answer>> {
    let options = if body.is_empty() { json!({}) } else { parse(body)? };
    let text = |path: &str| options.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let wish = erase::Wish {
        dry_run: order.dry_run || options.pointer("/dryRun/0").is_some(),
        orphan: text("/propagationPolicy").as_deref() == Some("Orphan"),
        uid: text("/preconditions/uid"),
        revision: text("/preconditions/resourceVersion"),
        notice: options.get("gracePeriodSeconds").and_then(Value::as_u64),
        gentle: locked(&shared.script).active,
    };
    let kind = order.kind;
    if deed.verb == "deletecollection" {
        let names: Vec<_> = {
            let store = shared.store();
            store.range(&kind.id(), order.namespace, None).map(|(place, _)| place.clone()).collect()
        };
        for (namespace, name) in names {
            shared.change(|store| erase::delete(store, kind, (&namespace, &name), &wish))?;
        }
        return Ok(json(
            200,
            &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" }),
        ));
    }
    let uid = shared.store().get(&kind.id(), order.namespace, order.name);
    let uid = uid.and_then(|object| object.pointer("/metadata/uid").cloned());
    let left = shared.change(|store| erase::delete(store, kind, (order.namespace, order.name), &wish))?;
    Ok(match left {
        Some(object) => json(200, &Form::Whole.give(kind, &order.version.name, &object)),
        None => json(
            200,
            &json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": { "name": order.name, "group": kind.group, "kind": kind.plural, "uid": uid },
            }),
        ),
    })
}
