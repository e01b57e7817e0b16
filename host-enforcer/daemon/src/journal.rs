//! What happened, as JSON lines: one object per line, told apart by `kind`.
//!
//! * `verdict`: a packet was denied, or a new connection allowed (with `--allow-events`, or where an audit has something to
//!   say; its `audit` is what would have been, and was not enforced);
//! * `policy`: an edit was `applied`, or `refused` with its complaints;
//! * `suppressed`: so many verdicts were not told, because there were more than a reader could want;
//! * `interface`: one is `policed`, `gone`, or `failed`.

use crate::clock::Clock;
use crate::enforcement::Notice;
use crate::input::Complaint;
use crate::names::{Names, hexadecimal};
use bookend_abi::address::{UNSPECIFIED, to_ip};
use bookend_abi::table::{ALLOW, ICMP, ICMPV6, NO_POLICY, NO_RULE, OUTSIDE, SCTP, TCP, UDP};
use bookend_abi::{Address, Event, FROM_WORKLOAD, Reason};
use bookend_plan::Plan;
use serde::Serialize;
use std::io::Write;
use std::net::IpAddr;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Verdicts told per second. Whoever is denied chooses how often: a scan must not fill the disk.
const VERDICTS_PER_SECOND: u32 = 2_000;
/// Lines that wait for a reader. Beyond them they are counted and dropped: policing does not wait.
const WAITING: usize = 4_096;
/// How long the end waits for lines to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where the lines go; nowhere, if nobody asked.
pub struct Journal {
    out: Option<SyncSender<String>>,
    writer: Option<JoinHandle<()>>,
    clock: Clock,
    /// The second that is being counted.
    second: Instant,
    told: u32,
    suppressed: u64,
}

#[derive(Serialize)]
struct SuppressedLine {
    kind: &'static str,
    time: String,
    verdicts: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerdictLine<'a> {
    kind: &'static str,
    time: String,
    verdict: &'static str,
    reason: &'static str,
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<Audit>,
    interface: Option<&'a str>,
    workload: Option<&'a str>,
    direction: &'static str,
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp: Option<IcmpType>,
    local: Option<IpAddr>,
    local_port: u16,
    remote: Option<IpAddr>,
    remote_port: u16,
    peer: Option<String>,
    bytes: u32,
    policy: Option<String>,
}

/// What an audit says (S36).
#[derive(Serialize)]
struct Audit {
    verdict: &'static str,
    rule: String,
}

/// What an ICMP or ICMPv6 message is.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct IcmpType {
    r#type: u8,
    code: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyLine<'a> {
    kind: &'static str,
    time: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interfaces: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdicts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<usize>,
    complaints: &'a [Complaint],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InterfaceLine<'a> {
    kind: &'static str,
    time: String,
    outcome: &'static str,
    interface: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ifindex: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Journal {
    /// A journal that writes to `out`, in a thread of its own: whoever reads there may stop to.
    pub fn new(out: Option<Box<dyn Write + Send>>) -> Self {
        let (out, writer) = out.map_or_else(Default::default, |mut out| {
            let (lines, waiting) = sync_channel::<String>(WAITING);
            let writer = std::thread::spawn(move || {
                for line in waiting {
                    // Nobody reads any more: policing goes on without telling.
                    if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
                        return;
                    }
                }
            });
            (Some(lines), Some(writer))
        });
        Self { out, writer, clock: Clock::new(), second: Instant::now(), told: 0, suppressed: 0 }
    }

    /// Whether another verdict may be told now.
    fn admits(&mut self) -> bool {
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.tell_suppressed();
            self.second = Instant::now();
            self.told = 0;
        }
        self.told += 1;
        let admitted = self.told <= VERDICTS_PER_SECOND;
        self.suppressed += u64::from(!admitted);
        admitted
    }

    /// Tells how many verdicts were suppressed, if any were.
    pub fn tell_suppressed(&mut self) {
        let verdicts = self.suppressed;
        if verdicts > 0
            && self.write(&SuppressedLine { kind: "suppressed", time: self.clock.now(), verdicts })
        {
            self.suppressed = 0;
        }
    }

    /// Tells a verdict. `interface` is the name of the event's interface.
    pub fn verdict(&mut self, event: &Event, interface: Option<&str>, names: &Names) {
        if !self.admits() {
            return;
        }
        let address = |address: Address| (address != UNSPECIFIED).then(|| to_ip(address));
        let line = VerdictLine {
            kind: "verdict",
            time: self.clock.text(event.time),
            verdict: verdict(event.verdict),
            reason: Reason(event.reason).name().unwrap_or("unknown"),
            rule: (event.rule != NO_RULE).then(|| names.rule(event.rule)),
            audit: (event.audit_rule != NO_RULE)
                .then(|| Audit { verdict: verdict(event.audit_verdict), rule: names.rule(event.audit_rule) }),
            interface,
            workload: interface.and_then(|interface| names.workload(interface)),
            direction: if event.direction == FROM_WORKLOAD { "from-workload" } else { "to-workload" },
            protocol: protocol(event),
            icmp: icmp(event),
            local: address(event.local),
            local_port: event.local_port,
            remote: address(event.remote),
            remote_port: event.remote_port,
            peer: (event.identity != OUTSIDE).then(|| names.identity(event.identity)),
            bytes: event.length,
            policy: (event.policy != NO_POLICY).then(|| hexadecimal(event.policy)),
        };
        let told = self.write(&line);
        self.suppressed += u64::from(!told);
    }

    /// Tells that `plan` is in force.
    pub fn applied(&mut self, plan: &Plan, steps: usize, warnings: &[Complaint]) {
        let sizes = plan.sizes();
        let line = PolicyLine {
            kind: "policy",
            time: self.clock.now(),
            outcome: "applied",
            interfaces: Some(sizes.interfaces),
            policies: Some(sizes.policies),
            verdicts: Some(sizes.verdicts),
            steps: Some(steps),
            complaints: warnings,
        };
        self.write(&line);
    }

    /// Tells that an edit was refused and changed nothing.
    pub fn refused(&mut self, complaints: &[Complaint]) {
        let line = PolicyLine {
            kind: "policy",
            time: self.clock.now(),
            outcome: "refused",
            interfaces: None,
            policies: None,
            verdicts: None,
            steps: None,
            complaints,
        };
        self.write(&line);
    }

    /// Tells what became of an interface.
    pub fn interface(&mut self, notice: &Notice) {
        let (outcome, interface, ifindex, reason) = match notice {
            Notice::Policed { interface, ifindex } => ("policed", interface, Some(*ifindex), None),
            Notice::Gone { interface, ifindex } => ("gone", interface, Some(*ifindex), None),
            Notice::Failed { interface, reason } => ("failed", interface, None, Some(reason.as_str())),
        };
        let line =
            InterfaceLine { kind: "interface", time: self.clock.now(), outcome, interface, ifindex, reason };
        self.write(&line);
    }

    /// Hands a line on; false if too many are waiting.
    fn write(&mut self, line: &impl Serialize) -> bool {
        let Some(out) = &self.out else { return true };
        let Ok(mut text) = serde_json::to_string(line) else { return true };
        text.push('\n');
        match out.try_send(text) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.out = None;
                true
            }
        }
    }
}

impl Drop for Journal {
    /// Lets the lines that wait be written, if that can be done soon.
    fn drop(&mut self) {
        self.out = None;
        let end = Instant::now() + LAST_WORDS;
        while self.writer.as_ref().is_some_and(|writer| !writer.is_finished()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn verdict(verdict: u8) -> &'static str {
    if verdict == ALLOW { "allow" } else { "deny" }
}

/// Type and code, which an event has in the place of the receiver's port; of errors and of what was not parsed it has
/// neither.
fn icmp(event: &Event) -> Option<IcmpType> {
    let told = [
        Reason::RULE,
        Reason::DEFAULT,
        Reason::ISOLATION,
        Reason::ESTABLISHED,
        Reason::NO_CONNECTION,
        Reason::FLOW_EXPIRED,
    ];
    if !matches!(event.protocol, ICMP | ICMPV6) || !told.contains(&Reason(event.reason)) {
        return None;
    }
    let port = if event.direction == FROM_WORKLOAD { event.remote_port } else { event.local_port };
    let [r#type, code] = port.to_be_bytes();
    Some(IcmpType { r#type, code })
}

fn protocol(event: &Event) -> Option<String> {
    Some(match event.protocol {
        0 if event.local == UNSPECIFIED => return None,
        TCP => "tcp".to_owned(),
        UDP => "udp".to_owned(),
        SCTP => "sctp".to_owned(),
        ICMP => "icmp".to_owned(),
        ICMPV6 => "icmpv6".to_owned(),
        number => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_of_verdicts_is_told_in_part_and_counted_in_full() {
        let page = Page::default();
        let mut journal = Journal::new(Some(Box::new(page.clone())));
        for _ in 0..VERDICTS_PER_SECOND + 500 {
            journal.verdict(&Event::default(), None, &Names::default());
        }
        journal.tell_suppressed();
        drop(journal);
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let told = text.lines().filter(|line| line.contains(r#""kind":"verdict""#)).count() as u64;
        let suppressed = text.lines().filter_map(|line| line.split_once(r#""verdicts":"#));
        let counted: u64 =
            suppressed.map(|(_, rest)| rest.trim_end_matches('}').parse::<u64>().unwrap()).sum();
        assert_eq!(told + counted, u64::from(VERDICTS_PER_SECOND) + 500);
        assert!(counted > 0);
    }

    fn told(event: &Event) -> String {
        let page = Page::default();
        let mut journal = Journal::new(Some(Box::new(page.clone())));
        journal.verdict(event, None, &Names::default());
        drop(journal);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn what_an_audit_says_is_told_beside_the_verdict() {
        let event = Event { verdict: ALLOW, rule: 1, audit_rule: 0xa, ..Event::default() };
        let line = told(&event);
        assert!(line.contains(r#""verdict":"allow""#), "{line}");
        assert!(line.contains(r#""audit":{"verdict":"deny","rule":"000000000000000a"}"#), "{line}");
        assert!(!told(&Event { audit_rule: NO_RULE, ..event }).contains("audit"));
    }

    #[test]
    fn icmp_is_told_by_type_and_code() {
        let event = Event { protocol: ICMP, remote_port: 3 << 8 | 4, ..Event::default() };
        assert_eq!(icmp(&event), Some(IcmpType { r#type: 3, code: 4 }));
        let received = Event { direction: bookend_abi::TO_WORKLOAD, local_port: 8 << 8, ..event };
        assert_eq!(icmp(&received), Some(IcmpType { r#type: 8, code: 0 }));
        assert_eq!(icmp(&Event { reason: Reason::ICMP_UNRELATED.0, ..event }), None);
        assert_eq!(icmp(&Event { protocol: TCP, ..event }), None);
    }

    /// A reader who does not read.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_stops_reading_does_not_stop_policing() {
        let (reads, stuck) = channel();
        let mut journal = Journal::new(Some(Box::new(Stuck(stuck))));
        for _ in 0..2 * WAITING {
            journal.refused(&[]);
        }
        assert!(!journal.write(&"full"));
        drop(reads);
    }
}
