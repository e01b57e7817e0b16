use super::*;
use std::sync::Mutex;
use std::sync::mpsc::channel;

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<String>>);

impl Page for Paper {
    fn write_line(&mut self, line: &str) -> std::io::Result<()> {
        self.0.lock().unwrap().push_str(line);
        Ok(())
    }
}

#[test]
fn a_flood_of_verdicts_is_told_in_part_and_counted_in_full() {
    let paper = Paper::default();
    let mut journal = Journal::new(Some(Box::new(paper.clone())));
    let flood = 2 * allowance::EACH as usize;
    for _ in 0..flood {
        journal.event(&Event { ifindex: 7, ..Event::default() }, Some("veth7"), &Names::default());
    }
    while !journal.allowance.is_over(Instant::now()) {
        std::thread::sleep(Duration::from_millis(10));
    }
    journal.settle(&Names::default(), |ifindex| Some(format!("veth{ifindex}")));
    drop(journal);
    let text = paper.0.lock().unwrap().clone();
    let told = text.lines().filter(|line| line.contains(r#""kind":"verdict""#)).count();
    let suppressed: Vec<serde_json::Value> = text
        .lines()
        .filter(|line| line.contains(r#""kind":"suppressed""#))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told + suppressed[0]["verdicts"].as_u64().unwrap() as usize, flood);
    assert_eq!(suppressed[0]["interface"], "veth7");
    assert_eq!(suppressed[0]["reason"], "rule");
}

fn told(event: &Event) -> String {
    let paper = Paper::default();
    let mut journal = Journal::new(Some(Box::new(paper.clone())));
    journal.event(event, None, &Names::default());
    drop(journal);
    paper.0.lock().unwrap().clone()
}

#[test]
fn what_an_audit_says_is_told_beside_the_verdict() {
    let event = Event { verdict: ALLOW, rule: 1, audit_rule: 0xa, ..Event::default() };
    let line = told(&event);
    assert!(line.contains(r#""verdict":"allow""#), "{line}");
    assert!(line.contains(r#""audit":{"verdict":"deny","rule":"000000000000000a"}"#), "{line}");
    assert!(!told(&Event { audit_rule: NO_RULE, ..event }).contains("audit"));
}

/// A reader who does not read.
struct Stuck(Receiver<()>);

impl Page for Stuck {
    fn write_line(&mut self, _: &str) -> std::io::Result<()> {
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn a_reader_who_stops_reading_does_not_stop_policing_and_is_told_what_is_missing() {
    let (reads, stuck) = channel();
    let mut journal = Journal::new(Some(Box::new(Stuck(stuck))));
    for _ in 0..2 * WAITING {
        journal.refused(&[]);
    }
    assert!(journal.fates.lost.load(Ordering::Relaxed) >= WAITING as u64 - 1);
    drop(reads);
    let end = Instant::now() + Duration::from_secs(10);
    while journal.confessed == 0 && Instant::now() < end {
        journal.confess();
    }
    assert_eq!(journal.confessed, journal.lost);
}

/// A disk that is full for a while.
#[derive(Clone, Default)]
struct Full(Paper, Arc<Mutex<u32>>);

impl Page for Full {
    fn write_line(&mut self, line: &str) -> std::io::Result<()> {
        let mut failures = self.1.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.write_line(line)
    }

    fn recovers(&self) -> bool {
        true
    }
}

#[test]
fn a_full_disk_is_told_of_when_there_is_room_again() {
    let page = Full::default();
    *page.1.lock().unwrap() = 3;
    let mut journal = Journal::new(Some(Box::new(page.clone())));
    for _ in 0..5 {
        journal.refused(&[]);
    }
    drop(journal);
    let text = page.0.0.lock().unwrap().clone();
    assert!(text.starts_with(r#"{"kind":"lost","#) && text.contains(r#""events":3}"#), "{text}");
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn a_listener_hears_what_the_file_is_told() {
    let mut journal = Journal::new(None);
    let mut ear = journal.audience().listen();
    let event = Event { verdict: ALLOW, rule: 0xa, ..Event::default() };
    journal.event(&event, None, &Names::default());
    let told = ear.try_recv().unwrap();
    assert!(told.line.contains(r#""kind":"verdict""#) && told.line.ends_with('\n'));
    assert_eq!(told.flow.as_ref().unwrap().rules[0].as_deref(), Some("000000000000000a"));
}

#[test]
fn the_end_of_a_connection_is_told_with_what_it_moved() {
    let event = Event {
        kind: CLOSED,
        flags: bookend_abi::event::EXPIRED,
        state: bookend_abi::flow::ESTABLISHED,
        rule: 0xa,
        bytes: 1 << 40,
        packets: 3,
        duration: 1_500_000_000,
        ..Event::default()
    };
    let line: serde_json::Value = serde_json::from_str(&told(&event)).unwrap();
    assert_eq!(
        (&line["kind"], &line["outcome"], &line["state"]),
        (&"closed".into(), &"expired".into(), &"established".into())
    );
    assert_eq!((line["bytes"].as_u64(), line["packets"].as_u64()), (Some(1 << 40), Some(3)));
    assert_eq!(line["seconds"], 1.5);
}

#[test]
fn what_a_dry_run_would_drop_is_told_as_observed() {
    let event = Event { flags: bookend_abi::event::OBSERVED, ..Event::default() };
    assert!(told(&event).contains(r#""verdict":"deny""#) && told(&event).contains(r#""observed":true"#));
    assert!(!told(&Event::default()).contains("observed"));
}

fn keys(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_an_event_is_described() {
    let paper = Paper::default();
    let mut journal = Journal::new(Some(Box::new(paper.clone())));
    let audited = Event {
        verdict: ALLOW,
        rule: 1,
        audit_rule: 2,
        flags: bookend_abi::event::OBSERVED,
        protocol: bookend_abi::table::ICMP,
        local: [1; 16],
        ..Event::default()
    };
    journal.event(&audited, None, &Names::default());
    journal.event(&Event { kind: CLOSED, ..audited }, None, &Names::default());
    let place = Complaint {
        file: Some("f".to_owned()),
        line: Some(1),
        column: Some(1),
        code: Some("B1".to_owned()),
        ..Complaint::plain("m")
    };
    journal.applied(&Plan::default(), "r", 1, &[place]);
    let interface = || "veth0".to_owned();
    journal.interface(&Notice::Policed { interface: interface(), ifindex: 1 });
    journal.interface(&Notice::Failed { interface: interface(), reason: "r".to_owned() });
    for _ in 0..=allowance::EACH {
        journal.event(&Event { rule: 3, ..Event::default() }, None, &Names::default());
    }
    for (concern, verdicts) in journal.allowance.settle(Instant::now()) {
        assert!(concern.is_some() && verdicts > 0);
    }
    drop(journal);
    let mut found = std::collections::BTreeSet::new();
    let mut kinds = std::collections::BTreeSet::new();
    let lost = LostLine::text(String::new(), 1);
    let suppressed = r#"{"kind":"suppressed","time":"","verdicts":1,"reason":"","rule":"","interface":""}"#;
    let text = paper.0.lock().unwrap().clone();
    for line in text.lines().chain([lost.trim(), suppressed]) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        kinds.insert(line["kind"].as_str().unwrap().to_owned());
        keys(&line, &mut found);
    }
    assert_eq!(kinds.len(), 6);
    let page = include_str!("../../../../docs/json.md");
    let section = page.split("\n## Events\n").nth(1).unwrap();
    let described: Vec<&str> =
        section.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    for word in found.iter().chain(&kinds) {
        assert!(described.contains(&word.as_str()), "docs/json.md does not describe `{word}`");
    }
}
