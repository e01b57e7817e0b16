//! The same edits by others: what it takes nft and iptables to change a ruleset.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bookend_testenv::run::Run;

use super::estate::{Estate, Kind};
use super::ground::Ground;
use super::latency::Latency;
use super::rival::{Rival, allowed};

/// A change to a rival's ruleset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    pub(super) rival: Rival,
    pub(super) rules: usize,
    /// One rule less, then one more: the whole ruleset is given again, as after an edit of the policy.
    pub(super) whole: Latency,
    /// One rule more, told as such.
    pub(super) single: Latency,
}

/// Changes the ruleset of each rival in turn.
///
/// # Errors
/// If one refuses.
pub(super) fn measure(run: &Run, rules: usize, times: usize) -> anyhow::Result<Vec<Update>> {
    let estate = Estate::new(Kind::Workloads, rules, rules);
    let plan = estate.plan()?;
    let allowed = allowed(&plan)?;
    let grounds = Rival::ALL.iter().enumerate().map(|(number, rival)| {
        let ground = Ground::new(run, &format!("u{number}"), None)?;
        rival.install(&plan, &ground.host)?;
        Ok((*rival, ground, Vec::new(), Vec::new()))
    });
    let mut grounds = grounds.collect::<anyhow::Result<Vec<_>>>()?;
    for time in 0..times {
        let fewer = allowed.get(..allowed.len() - time % 2).unwrap_or_default();
        let new = (Ipv4Addr::from_bits(0x0a7f_0000 + time as u32), 9_999);
        for (rival, ground, whole, single) in &mut grounds {
            let (program, arguments) = rival.program();
            let ruleset = rival.ruleset(fewer);
            whole.push(timed(|| ground.host.command(program, arguments, &ruleset))?);
            let (program, arguments) = rival.addition(new);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            single.push(timed(|| ground.host.command(program, &arguments, ""))?);
        }
    }
    let updates = grounds.into_iter().filter_map(|(rival, _, whole, single)| {
        Some(Update { rival, rules, whole: Latency::of(whole)?, single: Latency::of(single)? })
    });
    Ok(updates.collect())
}

fn timed<T>(what: impl FnOnce() -> bookend_testenv::Result<T>) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    what().context("a ruleset is not changed")?;
    Ok(begin.elapsed())
}
