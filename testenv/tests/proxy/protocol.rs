//! HTTP in all its forms: what may pass reaches the server, and what may not is answered in the form's own way.

use serde_json::json;

use crate::scene::{Plan, Scene, WEB, WEB_PLAIN};
use crate::streams::Streams;

const DENIED: &str = "denied by policy";

#[test]
fn http_1_is_judged_request_by_request_on_one_connection() {
    let scene = Scene::new("http1");
    let mut line = scene.dial(WEB);
    let served = line.get("/open/1", &[]);
    assert_eq!((served.status, served.body.as_str()), (200, "served"));
    let denied = line.get("/closed", &[]);
    assert_eq!((denied.status, denied.body.as_str()), (403, DENIED));
    assert!(!denied.head.to_lowercase().contains("default/p"), "a rule is told: {}", denied.head);
    assert_eq!(line.get("/open/2", &[]).status, 200);
    // The body of what is denied is no request, and reaches nobody.
    let inner = "GET /open/4 HTTP/1.1\r\nhost: server\r\n\r\n";
    let outer =
        format!("POST /closed/2 HTTP/1.1\r\nhost: server\r\ncontent-length: {}\r\n\r\n{inner}", inner.len());
    assert_eq!(line.ask(&outer).status, 403);
    assert_eq!(line.hear_out(), "", "Envoy ends a connection whose body nobody read");
    let mut stranger = scene.dial_as_stranger(WEB);
    assert_eq!(stranger.get("/open/5", &[]).status, 403);
    let heard = scene.web.heard();
    let paths: Vec<_> = heard.match_indices("/open/").filter_map(|(at, _)| heard.get(at..at + 7)).collect();
    assert_eq!(paths, ["/open/1", "/open/2"], "{heard}");
    assert!(!heard.contains("closed"), "{heard}");
    let log = scene.logged("/open/1");
    assert_eq!((&log["rule"], &log["audit"]), (&json!("default/p/reads"), &json!(null)));
    let log = scene.logged("/closed");
    assert_eq!(log["details"], "bookend_denied{default/p/isolate[0]}");
    assert_eq!(log["rule"], "default/p/isolate[0]");
}

#[test]
fn requests_that_come_at_once_are_judged_one_by_one() {
    let scene = Scene::new("pipelined");
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: server\r\n\r\n");
    for (paths, statuses) in [(["/closed/1", "/open/1"], [403, 200]), (["/open/1", "/closed/1"], [200, 403])]
    {
        let mut line = scene.dial(WEB);
        line.say(paths.map(get).concat());
        assert_eq!([line.reply().status, line.reply().status], statuses);
        let heard = scene.web.heard();
        assert!(heard.contains("/open/1") && !heard.contains("closed"), "{heard}");
    }
}

#[test]
fn http_2_is_judged_stream_by_stream() {
    let scene = Scene::new("http2");
    let mut streams = scene.streams();
    assert_eq!(streams.get("/open/1").status(), 200);
    let denied = streams.get("/closed");
    assert_eq!((denied.status(), denied.data.as_slice()), (403, DENIED.as_bytes()));
    assert_eq!(streams.get("/open/2").status(), 200);
    // A denied request whose body is still on its way.
    let open = streams.open(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "server"),
        (":path", "/closed/2"),
    ]);
    assert_eq!(streams.listen(open, |answer| answer.status() != 0).status(), 403);
    let heard = scene.web.heard();
    assert!(heard.contains("/open/1") && heard.contains("/open/2") && !heard.contains("closed"), "{heard}");
}

#[test]
fn http_2_in_the_clear_is_judged_too() {
    let scene = Scene::new("prior");
    let mut streams = Streams::new(scene.dial_plain(WEB_PLAIN));
    assert_eq!(streams.get("/public").status(), 200);
    // An address is no identity.
    assert_eq!(streams.get("/open/1").status(), 403);
    let heard = scene.web.heard();
    assert!(heard.contains("/public") && !heard.contains("/open"), "{heard}");
}

#[test]
fn a_change_to_http_2_in_the_middle_is_not_made() {
    let scene = Scene::new("h2c");
    let mut line = scene.dial_plain(WEB_PLAIN);
    let upgrade = [
        ("connection", "Upgrade, HTTP2-Settings"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
    ];
    let denied = line.get("/closed", &upgrade);
    assert_eq!(denied.status, 403);
    let mut line = scene.dial_plain(WEB_PLAIN);
    let served = line.get("/public", &upgrade);
    assert_ne!(served.status, 101, "{}", served.head);
    let heard = scene.web.heard();
    assert!(!heard.contains("closed") && !heard.to_lowercase().contains("h2c"), "{heard}");
}

#[test]
fn a_call_of_grpc_is_denied_with_a_status_of_its_own() {
    let scene = Scene::new("grpc");
    let mut streams = scene.streams();
    let served = streams.call("/shop.Cart/Get");
    assert_eq!((served.status(), served.field("grpc-status")), (200, Some("0")));
    assert_eq!((served.blocks, served.data.len()), (2, 5), "the trailers of the server are missing");
    let denied = streams.call("/shop.Cart/Empty");
    assert_eq!((denied.status(), denied.field("grpc-status")), (200, Some("7")));
    assert_eq!(denied.field("grpc-message"), Some(DENIED));
    assert_eq!((denied.blocks, denied.data.len()), (1, 0), "more than trailers: {denied:?}");
    let heard = scene.calls.heard();
    assert!(heard.contains("/shop.Cart/Get") && !heard.contains("Empty"), "{heard}");
}

#[test]
fn a_call_of_grpc_web_is_denied_like_one_of_grpc() {
    let mut plan = Plan::new("grpc-web");
    plan.before = vec![json!({
        "name": "envoy.filters.http.grpc_web",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb" },
    })];
    let scene = plan.start();
    let call = |path: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: server\r\ncontent-type: application/grpc-web\r\ncontent-length: 5\r\n\r\n"
        );
        scene.dial(WEB).ask(&format!("{head}\0\0\0\0\0"))
    };
    let denied = call("/shop.Cart/Empty");
    // Envoy leaves the status of HTTP to those who do not know that of gRPC.
    assert_eq!((denied.status, denied.header("grpc-status")), (403, Some("7")), "{}", denied.head);
    let served = call("/shop.Cart/Get");
    assert_eq!((served.status, served.header("content-type")), (200, Some("application/grpc-web+proto")));
    let heard = scene.calls.heard();
    assert!(heard.contains("/shop.Cart/Get") && !heard.contains("Empty"), "{heard}");
}

#[test]
fn an_answer_of_ones_own_is_given_in_every_form() {
    const ANSWERS: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: q }
spec:
  deny:
  - name: gone
    to: [{ workloads: { labels: { app: server } } }]
    http: [{ paths: ["/open/gone"] }]
    answer: { status: 410, body: moved away, headers: { x-reason: closed } }
"#;
    use crate::scene::{INVENTORY, POLICY, configuration};
    use bookend_testenv::Stand;
    use bookend_testenv::envoy::plugin::Wasm;
    let stand = Stand::new("answers").unwrap();
    let module = stand.module("bookend_filter.wasm").unwrap();
    let settings = json!({ "answers": { "rule": true } });
    let wasm = Wasm::new(module, configuration(&[INVENTORY, POLICY, ANSWERS], &settings));
    let scene = Plan::with(stand, &wasm).start();
    let mut line = scene.dial(WEB);
    let gone = line.get("/open/gone", &[]);
    assert_eq!(
        (gone.status, gone.body.as_str(), gone.header("x-reason")),
        (410, "moved away", Some("closed"))
    );
    // Others are told what this operator wants them to be told.
    assert_eq!(line.get("/closed", &[]).body, "denied by policy: default/p/isolate[0]");
    let gone = scene.streams().get("/open/gone");
    assert_eq!((gone.status(), gone.field("x-reason")), (410, Some("closed")));
    assert_eq!(scene.web.heard(), "");
}
