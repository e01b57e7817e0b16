//! `bookend-enforcer trace`: the packets of one flow as they pass or are dropped, each with its reason and rule.
//!
//! Opens the tables of tracing itself, so it needs no running enforcer, and only one can trace at a time. The wish to see packets ends
//! with this process, however that ends: it expires unless it is renewed.

mod wanted;

use crate::clock::{Clock, monotonic};
use crate::command::{Format, TraceOptions};
use crate::failure::{Failure, cannot};
use crate::interfaces::Interfaces;
use crate::journal::line::{VerdictLine, protocol_name, verdict};
use crate::kernel::{EventRing, Pinned, Tracer};
use crate::names::Names;
use crate::readiness::readiness;
use crate::requirement::{self, Capability};
use bookend_abi::address::to_ip;
use bookend_abi::event::OBSERVED;
use bookend_abi::table::{NO_RULE, TraceFilter};
use bookend_abi::{Event, FROM_WORKLOAD, Reason};
use std::io::Write;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use wanted::Wanted;

/// How long the kernel looks for packets without being asked again, and how often it is asked.
const EXPIRES: Duration = Duration::from_secs(10);
const RENEWED: Duration = Duration::from_secs(1);

/// Prints packets until a signal comes, or as many as were asked for.
///
/// # Errors
/// If nothing is enforced, the flow is not one of this host, or somebody else traces.
pub async fn trace(options: TraceOptions) -> Result<(), Failure> {
    requirement::capabilities(&[Capability::Bpf])?;
    let pins = options.pins.pin_dir.clone();
    let Some(pinned) = Pinned::open(&pins)? else {
        return Err(Failure::new(format!(
            "nothing is enforced by what is in `{}`, so there is nothing to see; start the enforcer, or name its \
             directory with --pin-dir",
            pins.display()
        )));
    };
    let names = Names::load(&Names::path(&options.pins.state_dir, &pins));
    let system = Interfaces::subscribe().map_err(|error| cannot("list interfaces", &error))?;
    let wanted = Wanted::new(&options, &pinned, &names, &system)?;
    let _lock = requirement::lock_tracing(&pins)?;
    let (mut tracer, ring) = Tracer::open(&pins)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| cannot("wait for signals", &e))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| cannot("wait for signals", &e))?;
    let mut ring = readiness(ring, "wait for packets")?;
    let mut renewal = tokio::time::interval(RENEWED);
    let mut printer = Printer {
        system,
        names,
        clock: Clock::new(),
        format: options.output,
        left: options.count.unwrap_or(u64::MAX),
    };
    // Whoever reads that it traces may send at once.
    tracer.ask(TraceFilter { expires: expiry(), ..wanted.filter() })?;
    let told = format!("bookend-enforcer: {}; end with ctrl-C", wanted.told());
    let _ = writeln!(std::io::stderr(), "{told}");
    loop {
        tokio::select! {
            _ = renewal.tick() => tracer.ask(TraceFilter { expires: expiry(), ..wanted.filter() })?,
            guard = ring.readable_mut() => {
                let mut guard = guard.map_err(|e| cannot("wait for packets", &e))?;
                if !printer.print(guard.get_inner_mut(), &wanted) {
                    return Ok(());
                }
                guard.clear_ready();
            }
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

fn expiry() -> u64 {
    monotonic().saturating_add(u64::try_from(EXPIRES.as_nanos()).unwrap_or(u64::MAX))
}

struct Printer {
    system: Interfaces,
    names: Names,
    clock: Clock,
    format: Format,
    left: u64,
}

impl Printer {
    /// Prints what is in the ring; false if that is enough.
    fn print(&mut self, ring: &mut EventRing, wanted: &Wanted) -> bool {
        let mut out = std::io::stdout().lock();
        while let Some(event) = ring.take() {
            if !wanted.fits(&event) {
                continue;
            }
            let interface = self.system.name(event.ifindex);
            let line = match self.format {
                Format::Json => {
                    let line = VerdictLine::new(&event, interface.as_deref(), &self.names, &self.clock);
                    // Only a map with keys that are no strings could fail.
                    serde_json::to_string(&line).unwrap_or_default()
                }
                Format::Text => self.text(&event, interface),
            };
            self.left -= 1;
            // Nobody may be reading any more.
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() || self.left == 0 {
                return false;
            }
        }
        true
    }

    fn text(&self, event: &Event, interface: Option<String>) -> String {
        let time = self.clock.text(event.time);
        // The time of day; the date is known.
        let time = time.get(11..26).unwrap_or(&time);
        let interface = interface.unwrap_or_else(|| format!("#{}", event.ifindex));
        let (local, remote) = (to_ip(event.local), to_ip(event.remote));
        let end = |address: std::net::IpAddr, port: u16| std::net::SocketAddr::new(address, port).to_string();
        let (local, remote) = (end(local, event.local_port), end(remote, event.remote_port));
        let (arrow, from, to) =
            if event.direction == FROM_WORKLOAD { ("out", local, remote) } else { ("in ", remote, local) };
        let reason = Reason(event.reason).name().unwrap_or("unknown");
        let rule =
            if event.rule == NO_RULE { String::new() } else { format!(" {}", self.names.rule(event.rule)) };
        let audit = if event.audit_rule == NO_RULE {
            String::new()
        } else {
            format!(" (audit: {} {})", verdict(event.audit_verdict), self.names.rule(event.audit_rule))
        };
        let observed = if event.flags & OBSERVED == 0 { "" } else { " (dry run: not dropped)" };
        format!(
            "{time} {interface} {arrow} {} {from} > {to} {} bytes: {} {reason}{rule}{audit}{observed}",
            protocol_name(event.protocol),
            event.length,
            verdict(event.verdict),
        )
    }
}
