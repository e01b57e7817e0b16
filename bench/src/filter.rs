//! What the filter costs in Envoy.

mod client;
mod clock;
mod rules;
mod variant;

use anyhow::Context;
use bookend_testenv::{Stand, envoy::Verifier, envoy::plugin::Layer, token::Signer};
use client::{Client, Message};
use clock::Clock;
use rules::{Kind, Rules};
use std::time::{Duration, Instant};
use variant::{Parts, Subject, Variant};

fn calm(tid: &str, cpu: &str) {
    let run = |c: &str, a: &[&str]| {
        let o = std::process::Command::new(c).args(a).output().unwrap();
        if !o.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&o.stderr));
        }
    };
    run("chrt", &["--fifo", "--pid", "10", tid]);
    run("taskset", &["--cpu-list", "--pid", cpu, tid]);
}
/// first try
pub fn first() -> anyhow::Result<()> {
    bookend_testenv::interrupt::put_away_on_signals()?;
    let conns: usize = std::env::var("CONNS").map_or(Ok(8), |d| d.parse())?;
    let rounds: usize = std::env::var("ROUNDS").map_or(Ok(15), |d| d.parse())?;
    let each: usize = std::env::var("EACH").map_or(Ok(1000), |d| d.parse())?;
    let slices: usize = std::env::var("SLICES").map_or(Ok(5), |d| d.parse())?;
    let tls = std::env::var("PLAIN").is_err();
    let only = std::env::var("ONLY").unwrap_or_default();
    let stand = Stand::new("bench")?;
    let signer = Signer::new()?;
    let verifier = Verifier::new(signer.key_set(), [Some(rules::ISSUER.to_owned())]);
    let parts = Parts::of(&stand, tls, Layer::Http, verifier)?;
    let mut variants = vec![
        Variant::of(Subject::Nothing),
        Variant::of(Subject::Facts(Layer::Http)),
        Variant::of(Subject::Facts(Layer::Network)),
        Variant::of(Subject::DoNothing),
    ];
    for count in [1, 10, 100, 1000, 10000] {
        for kind in [Kind::Path, Kind::Principal, Kind::Label] {
            variants.push(Variant::of(Subject::Module(Rules { kind, count })));
            if kind != Kind::Label && count <= 1000 {
                variants.push(Variant::of(Subject::Rbac(Rules { kind, count })));
            }
        }
    }
    if let Ok(dir) = std::env::var("PROBES") {
        let mut v: Vec<_> = std::fs::read_dir(dir)?
            .flatten()
            .map(|e| e.path().to_str().unwrap().to_owned())
            .filter(|p| p.ends_with(".wasm"))
            .collect();
        v.sort();
        variants.extend(v.into_iter().map(|p| Variant::of(Subject::Probe(p.leak()))));
    }
    variants.retain(|v| {
        matches!(v.subject, Subject::Nothing | Subject::DoNothing)
            || only.is_empty()
            || v.name().contains(&only)
    });
    let mut running = Vec::new();
    for (number, variant) in variants.iter().enumerate() {
        let number = u16::try_from(number)?;
        let bootstrap = variant.bootstrap(number, &parts)?;
        running.push(stand.launch(&bootstrap, &["--concurrency", "1", "--log-level", "warning"])?);
    }
    let mut clients = Vec::new();
    for (number, (variant, running)) in variants.iter().zip(&running).enumerate() {
        running.await_ready()?;
        let identity = stand.authority().issue(&variant.asked().caller())?;
        let message = Message { path: variant.asked().path(), headers: Vec::new(), status: 200 };
        let to = Variant::address(u16::try_from(number)?);
        let client =
            stand.namespace().run(|| Client::connect(to, tls.then_some(&identity), &message, conns))??;
        let clock = Clock::of_worker(running.pid())?;
        if std::env::var_os("FIFO").is_some() {
            calm(&clock.tid(), "1");
        }
        clients.push((client, clock));
    }
    for ((client, _), variant) in clients.iter_mut().zip(&variants) {
        let start = Instant::now();
        client.exchange(each).with_context(|| variant.name())?;
        eprintln!("warm {} {:?}", variant.name(), start.elapsed());
    }
    if std::env::var_os("FIFO").is_some() {
        let own = std::fs::read_link("/proc/thread-self")?;
        calm(own.file_name().unwrap().to_str().unwrap(), "0");
    }
    let mut samples = vec![Vec::new(); variants.len()];
    for round in 0..rounds {
        for i in 0..variants.len() {
            let i = (i + round) % variants.len();
            let (client, clock) = &mut clients[i];
            let n = match variants[i].subject {
                Subject::Rbac(r) if r.count >= 1000 => each / 5,
                _ => each,
            };
            let mut best = f64::MAX;
            for _ in 0..slices {
                let before = clock.now()?;
                let n = client.exchange(n)?;
                let spent = clock.now()? - before;
                best = best.min(spent.as_secs_f64() * 1e6 / n as f64);
            }
            samples[i].push(best);
        }
    }
    for (i, v) in variants.iter().enumerate() {
        let mut s = samples[i].clone();
        s.sort_by(f64::total_cmp);
        let mut d: Vec<f64> = samples[i].iter().zip(&samples[0]).map(|(a, b)| a - b).collect();
        d.sort_by(f64::total_cmp);
        println!(
            "{:50} {:8.2} [{:6.2} {:6.2}] added {:8.2} [{:6.2} {:6.2}]",
            v.name(),
            s[s.len() / 2],
            s[s.len() / 4],
            s[s.len() * 3 / 4],
            d[d.len() / 2],
            d[d.len() / 4],
            d[d.len() * 3 / 4]
        );
    }
    let _ = Duration::ZERO;
    drop(clients);
    drop(running);
    Ok(())
}
