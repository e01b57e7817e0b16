//! What stops being HTTP once it is allowed: websockets and CONNECT.

use crate::scene::{Scene, WEB};

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[test]
fn a_websocket_is_judged_by_the_request_that_opens_it() {
    let scene = Scene::new("websocket");
    let mut line = scene.dial(WEB);
    assert_eq!(line.get("/closed", &UPGRADE).status, 403);
    // Nobody goes on as if it were changed.
    line.say("frame");
    assert_eq!(line.hear_out(), "");
    assert_eq!(scene.web.heard(), "");
    let mut line = scene.dial(WEB);
    assert_eq!(line.get("/open/ws", &UPGRADE).status, 101);
    line.say("\u{1}frame that looks like\r\nGET /closed/frame HTTP/1.1\r\n\r\n");
    assert_eq!(line.hear(51).len(), 51);
    // What was said inside the websocket is bytes of the websocket, and the server is the one that agreed to it.
    let heard = scene.web.heard();
    assert!(heard.contains("/open/ws") && heard.contains("/closed/frame"), "{heard}");
    assert_eq!(heard.matches("<connection>").count(), 1, "{heard}");
    // Others get another connection to the server: nobody shares one that was changed.
    assert_eq!(scene.dial(WEB).get("/open/after", &[]).status, 200);
    let heard = scene.web.heard();
    assert!(heard.starts_with("<connection>"), "{heard}");
}

#[test]
fn a_server_that_does_not_agree_gets_no_frames() {
    // The bytes come before the answer, as if it were given.
    let scene = Scene::new("hasty");
    let mut line = scene.dial(WEB);
    let lines: String = UPGRADE.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    line.say(format!(
        "GET /closed HTTP/1.1\r\nhost: server\r\n{lines}\r\nGET /open/hidden HTTP/1.1\r\nhost: server\r\n\r\n"
    ));
    assert_eq!(line.reply().status, 403);
    // Envoy takes what follows for part of the upgrade, or for a request; never does the denied one reach the server.
    assert!(!scene.web.heard().contains("closed"));
}

#[test]
fn connect_is_judged_by_its_authority() {
    let scene = Scene::new("connect");
    let connect = |authority: &str| format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    let mut line = scene.dial(WEB);
    assert_eq!(line.ask(&connect("closed.test:443")).status, 403);
    let mut line = scene.dial(WEB);
    assert_eq!(line.ask(&connect("open.test:22")).status, 403);
    assert_eq!(scene.echo.heard(), "");
    let mut line = scene.dial(WEB);
    assert_eq!(line.ask(&connect("open.test:443")).status, 200);
    line.say("through");
    assert_eq!(line.hear(7), "through");
    assert_eq!(scene.echo.heard(), "<connection>through");
    assert_eq!(scene.web.heard(), "");
}

#[test]
fn connect_is_judged_over_http_2_too() {
    let scene = Scene::new("connect2");
    let mut streams = scene.streams();
    let stream = streams.open(&[(":method", "CONNECT"), (":authority", "closed.test:443")]);
    assert_eq!(streams.listen(stream, |answer| answer.status() != 0).status(), 403);
    assert_eq!(scene.echo.heard(), "");
    let stream = streams.open(&[(":method", "CONNECT"), (":authority", "open.test:443")]);
    assert_eq!(streams.listen(stream, |answer| answer.status() != 0).status(), 200);
    streams.send(stream, b"through", false);
    assert_eq!(streams.listen(stream, |answer| answer.data.len() >= 7).data, b"through");
}

#[test]
fn a_websocket_over_http_2_is_judged_by_its_path() {
    let scene = Scene::new("websocket2");
    let mut streams = scene.streams();
    let mut open = |path: &str| {
        let fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":authority", "server"),
            (":path", path),
            ("sec-websocket-version", "13"),
        ];
        let stream = streams.open(&fields);
        let status = streams.listen(stream, |answer| answer.status() != 0).status();
        if status == 200 {
            streams.send(stream, b"frame", false);
            assert_eq!(streams.listen(stream, |answer| answer.data.len() >= 5).data, b"frame");
        }
        status
    };
    assert_eq!(open("/closed"), 403);
    assert_eq!(scene.web.heard(), "");
    assert_eq!(open("/open/ws"), 200);
    let heard = scene.web.heard();
    assert!(heard.contains("/open/ws") && heard.contains("frame") && !heard.contains("closed"), "{heard}");
}
