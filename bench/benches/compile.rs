//! What it costs to compile an estate: time and peak memory, on one core. Each measurement is a process of its own, because peak
//! memory is a process's.

use std::{process::ExitCode, time::Duration};

use bookend_bench::{Estate, Notation, report, running, scenarios};
use bookend_lang::{Compiler, Source, compile};

/// What the product promises to compile in 5 s and 1 GiB.
const PROMISED: Estate = Estate { workloads: 100_000, rules: 10_000 };

const SCENARIOS: [&str; 4] = ["yaml", "json", "tenth", "edit"];

fn main() -> ExitCode {
    scenarios(&SCENARIOS, run)
}

fn run(scenario: &str) {
    match scenario {
        "yaml" => whole("10,000 rules, 100,000 workloads, YAML", &PROMISED.sources(Notation::Yaml)),
        "json" => whole("10,000 rules, 100,000 workloads, JSON", &PROMISED.sources(Notation::Json)),
        "tenth" => {
            let estate = Estate { workloads: PROMISED.workloads / 10, rules: PROMISED.rules / 10 };
            whole("1,000 rules, 10,000 workloads, YAML", &estate.sources(Notation::Yaml));
        }
        "edit" => edit(PROMISED.sources(Notation::Yaml)),
        other => panic!("there is no scenario `{other}`: {SCENARIOS:?}"),
    }
}

/// Everything at once.
fn whole(title: &str, sources: &[Source]) {
    let bytes: usize = sources.iter().map(|source| source.bytes.len()).sum();
    let start = running();
    let compiled = compile(sources).unwrap_or_else(|refused| panic!("{:?}", refused.diagnostics.first()));
    report(title, running() - start);
    println!(
        "    {} sources of {:.1} MiB, {} rules, {} workloads, {} warnings",
        sources.len(),
        bytes as f64 / f64::from(1 << 20),
        compiled.program.rules().len(),
        compiled.inventory.workloads().len(),
        compiled.warnings.len()
    );
}

/// One rule after the other, each with the whole compiled again.
fn edit(mut sources: Vec<Source>) {
    let mut compiler = Compiler::default();
    let start = running();
    compiler.compile(&sources).unwrap_or_else(|refused| panic!("{:?}", refused.diagnostics.first()));
    let whole = running() - start;
    report("compiled for the first time", whole);
    let policy = sources.iter().position(|source| source.name == "policy-7").expect("a seventh policy");
    let mut times: Vec<Duration> = (0..11)
        .map(|round| {
            let text = String::from_utf8(sources[policy].bytes.clone()).expect("YAML is text");
            let (before, after) = (format!("[{}]", 8080 + round), format!("[{}]", 8081 + round));
            sources[policy].bytes = text.replacen(&before, &after, 1).into_bytes();
            let start = running();
            let compiled = compiler
                .compile(&sources)
                .unwrap_or_else(|refused| panic!("{:?}", refused.diagnostics.first()));
            assert_eq!(compiled.program.rules().len(), PROMISED.rules);
            running() - start
        })
        .collect();
    times.sort_unstable();
    let median = times[times.len() / 2];
    report("one rule of 10,000 edited (median)", median);
    println!("    {:.0} times faster than the whole", whole.as_secs_f64() / median.as_secs_f64());
    let start = running();
    compiler.compile(&sources).unwrap_or_else(|refused| panic!("{:?}", refused.diagnostics.first()));
    report("nothing edited", running() - start);
}
