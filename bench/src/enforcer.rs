//! What the enforcer costs: a packet in the kernel, connections and streams through veth pairs beside nftables and iptables,
//! edits, starts, and memory.

mod control;
mod daemon;
mod estate;
mod findings;
mod ground;
mod latency;
mod memory;
mod network;
mod options;
mod packets;
mod report;
mod rival;
mod sample;
mod targets;
mod traffic;
mod update;
mod yardstick;

use anyhow::Context as _;
use bookend_testenv::run::Run;
use bookend_testenv::{interrupt, requirement};

use crate::processor;
use crate::progress::progress;
use control::{Edit, Start};
use estate::{Estate, Kind};
use findings::Findings;
use packets::{Packets, Specimen};
use traffic::Load;
use yardstick::Yardstick;

pub use options::{Options, Output, Part};

/// Measures what the options say, and returns what is to be printed.
///
/// # Errors
/// When this is not root, something is not built, or something does not do what it should.
pub fn run(options: &Options) -> anyhow::Result<String> {
    requirement::root()?;
    requirement::kernel()?;
    requirement::bpffs()?;
    interrupt::put_away_on_signals()?;
    let mut findings = Findings::default();
    if options.quick {
        findings.remarks.push("measured quickly: an impression, no basis for decisions".to_owned());
    }
    if options.wants(Part::Packets) {
        findings.packets = Some(measure_packets(options, &mut findings.remarks)?);
    }
    if options.wants(Part::Network) {
        findings.network = measure_network(options, &mut findings.remarks)?;
    }
    if options.wants(Part::Control) {
        (findings.starts, findings.edits) = measure_control(options)?;
    }
    if options.wants(Part::Updates) {
        let run = Taken::new()?;
        findings.updates = update::measure(&run.0, RULES, if options.quick { 5 } else { 25 })
            .context("cannot measure the updates of others")?;
    }
    Ok(match options.output {
        Output::Text => findings.text(),
        Output::Json => format!("{:#}\n", findings.json()),
    })
}

/// How many rules there are where everybody's edits are measured.
const RULES: usize = 10_000;
/// How many local workloads there are where there are many.
const WORKLOADS: usize = 1_000;

fn measure_packets(options: &Options, remarks: &mut Vec<String>) -> anyhow::Result<Packets> {
    let object = requirement::artifact("bookend_ebpf.o")?;
    let mut yardstick = Yardstick::load(&requirement::artifact("bookend_bench_yardstick.o")?)?;
    let estates = packets::estates(options.quick);
    let progress = progress("filling tables", estates.len());
    let filled = |estate| {
        let specimen = Specimen::new(estate, &object);
        progress.inc(1);
        specimen
    };
    let specimens = estates.into_iter().map(filled).collect::<anyhow::Result<Vec<_>>>();
    progress.finish_and_clear();
    let mut specimens = specimens.context("cannot fill the tables")?;
    let rounds = options.rounds();
    let progress = self::progress("measuring packets", packets::steps(specimens.len(), rounds));
    let measured = undisturbed("packets", remarks, || {
        packets::measure(&mut specimens, &mut yardstick, rounds, || progress.inc(1))
    });
    progress.finish_and_clear();
    measured
}

fn measure_network(options: &Options, remarks: &mut Vec<String>) -> anyhow::Result<Vec<network::Throughput>> {
    let run = Taken::new()?;
    let variants = network::Variant::all(options.quick);
    let progress = progress("putting policies in force", variants.len());
    let made = variants.into_iter().enumerate().map(|(number, variant)| {
        let specimen = network::Specimen::new(variant, number, &run.0);
        progress.inc(1);
        specimen.with_context(|| format!("{} with {} rules", variant.subject.name(), variant.rules))
    });
    let specimens = made.collect::<anyhow::Result<Vec<_>>>();
    progress.finish_and_clear();
    let mut specimens = specimens?;
    let rounds = options.rounds();
    let steps = rounds * specimens.len() * Load::ALL.len();
    let progress = self::progress("measuring connections", steps);
    let measured =
        undisturbed("connections", remarks, || network::measure(&mut specimens, rounds, || progress.inc(1)));
    progress.finish_and_clear();
    measured
}

fn measure_control(options: &Options) -> anyhow::Result<(Vec<Start>, Vec<Edit>)> {
    let (starts, edits) = if options.quick { (1, 10) } else { (5, 100) };
    let estates = control::starts(options.quick);
    let run = Taken::new()?;
    let progress = progress("starting and editing", estates.len() + 5);
    let started = estates.into_iter().enumerate().map(|(number, estate)| {
        let start = control::start(&run.0, number, estate, starts);
        progress.inc(1);
        start.with_context(|| format!("cannot start with {estate:?}"))
    });
    let started = started.collect::<anyhow::Result<Vec<_>>>()?;
    let mut edited = vec![control::stops(&run.0, 0, edits).context("cannot edit what one connection needs")?];
    progress.inc(1);
    let one = Estate::new(Kind::Workloads, 10, 1_000);
    let many = Estate { local: WORKLOADS, ..one };
    for (number, estate, all) in [
        (0, one, false),
        (1, many, false),
        (2, many, true),
        (3, Estate::new(Kind::Workloads, RULES, RULES), false),
    ] {
        let edit = control::edits(&run.0, number, estate, all, edits);
        edited.push(edit.with_context(|| format!("cannot edit {estate:?}"))?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok((started, edited))
}

/// Works with a processor of its own, if there is one to be had, and remarks on it if not. On a thread of its own, because its
/// priority is inherited by whatever it starts.
fn undisturbed<T: Send>(what: &str, remarks: &mut Vec<String>, work: impl FnOnce() -> T + Send) -> T {
    let claimed = std::thread::scope(|scope| {
        let work = || {
            let claimed = processor::claim_for_this_thread(processor::WORKER);
            (work(), claimed)
        };
        scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    if let (_, Err(reason)) = &claimed {
        remarks.push(format!(
            "{what} had no processor of their own, so what else ran disturbed them: {reason:#}"
        ));
    }
    claimed.0
}

/// A run that is taken away in the end.
struct Taken(Run);

impl Taken {
    fn new() -> anyhow::Result<Self> {
        Ok(Self(Run::start()?))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Err(error) = self.0.remove() {
            eprintln!("bench-enforcer: something was left behind: {error}");
        }
    }
}
