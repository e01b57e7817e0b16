//! What the enforcer costs: a packet in the kernel, connections and streams through veth pairs beside nftables and iptables,
//! edits, starts, and memory.

mod daemon;
mod estate;
mod ground;
mod network;
mod options;
mod packets;
mod rival;
mod sample;
mod traffic;
mod yardstick;

use anyhow::Context as _;
use bookend_testenv::run::Run;
use bookend_testenv::{interrupt, requirement};
use indicatif::ProgressBar;

use crate::processor;
use crate::progress::progress;
use packets::{Packets, Specimen};
use yardstick::Yardstick;

pub use options::{Options, Output, Part};

/// Measures what the options say, and returns what is to be printed.
///
/// # Errors
/// When this is not root, something is not built, or something does not do what it should.
pub fn run(options: &Options) -> anyhow::Result<String> {
    requirement::root()?;
    requirement::kernel()?;
    interrupt::put_away_on_signals()?;
    let mut remarks = Vec::new();
    if options.quick {
        remarks.push("measured quickly: an impression, no basis for decisions".to_owned());
    }
    let packets =
        if options.wants(Part::Packets) { Some(measure_packets(options, &mut remarks)?) } else { None };
    let mut text = String::new();
    for cost in packets.iter().flat_map(|it| &it.costs) {
        let e = cost.subject.estate;
        text += &format!(
            "{:20} {:7} {:7} v{} {:20} {:7.1} ± {:.1}\n",
            e.kind.name(),
            e.rules,
            e.identities,
            cost.subject.version,
            cost.subject.shape.name(),
            cost.added.median,
            cost.added.doubt
        );
    }
    if let Some(p) = packets {
        text += &format!("{:?}\n", p.nothing);
    }
    if options.wants(Part::Network) {
        for it in measure_network(options, &mut remarks)? {
            text += &format!(
                "{:20} {:6} {:12} {:10.3} ± {:.3} {}  share {:.3} ± {:.3}  added {:.3} ± {:.3}\n",
                it.variant.subject.name(),
                it.variant.rules,
                it.load.name(),
                it.rate.median,
                it.rate.doubt,
                it.load.unit(),
                it.share.median,
                it.share.doubt,
                it.added.median,
                it.added.doubt
            );
        }
    }
    text += &format!("{remarks:?}");
    Ok(text)
}

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
    let mut specimens = estates
        .into_iter()
        .map(filled)
        .collect::<anyhow::Result<Vec<_>>>()
        .context("cannot fill the tables")?;
    progress.finish_and_clear();
    let rounds = options.rounds();
    let progress = self::progress("measuring packets", packets::steps(specimens.len(), rounds));
    let mut work = |progress: &ProgressBar| {
        if let Err(error) = processor::claim_for_this_thread(processor::WORKER) {
            remarks.push(format!(
                "packets had no processor of their own, so what else ran disturbed them: {error:#}"
            ));
        }
        packets::measure(&mut specimens, &mut yardstick, rounds, || progress.inc(1))
    };
    // On a thread of its own, because its priority would be inherited by whatever it starts.
    let packets = std::thread::scope(|scope| {
        scope.spawn(|| work(&progress)).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    progress.finish_and_clear();
    packets
}

fn measure_network(options: &Options, remarks: &mut Vec<String>) -> anyhow::Result<Vec<network::Throughput>> {
    let run = Run::start()?;
    let taken = Taken(run.clone());
    let variants = network::Variant::all(options.quick);
    let progress = progress("putting policies in force", variants.len());
    let made = variants.into_iter().enumerate().map(|(number, variant)| {
        let specimen = network::Specimen::new(variant, number, &run);
        progress.inc(1);
        specimen.with_context(|| format!("{} with {} rules", variant.subject.name(), variant.rules))
    });
    let mut specimens = made.collect::<anyhow::Result<Vec<_>>>()?;
    progress.finish_and_clear();
    let rounds = options.rounds();
    let progress =
        self::progress("measuring connections", rounds * specimens.len() * traffic::Load::ALL.len());
    let mut work = || {
        if let Err(error) = processor::claim_for_this_thread(processor::WORKER) {
            remarks.push(format!(
                "connections had no processor of their own, so what else ran disturbed them: {error:#}"
            ));
        }
        network::measure(&mut specimens, rounds, || progress.inc(1))
    };
    let measured = std::thread::scope(|scope| {
        scope.spawn(&mut work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    progress.finish_and_clear();
    drop(specimens);
    drop(taken);
    measured
}

/// A run that is taken away in the end.
struct Taken(Run);

impl Drop for Taken {
    fn drop(&mut self) {
        if let Err(error) = self.0.remove() {
            eprintln!("bench-enforcer: something was left behind: {error}");
        }
    }
}
