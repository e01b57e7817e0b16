//! Tables of who reaches whom, as other systems' tests write them. They say nothing about why, so the answers name nothing.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use bookend_engine::{Protocol, Verdict};

use super::{
    document::RawMatrix,
    end::{self, Target},
};
use crate::answer::WHATEVER;
use crate::world::Family;
use crate::{Answer, Case, Expectation, Question, Seen, Traffic, World};

/// Every cell as a case with one question.
pub(super) fn cases(raw: RawMatrix, world: &World) -> anyhow::Result<Vec<Case>> {
    let RawMatrix { it, to, ports, over, packet, stream } = raw;
    ensure!(!packet.is_empty() || !stream.is_empty(), "the table has no rows");
    let columns: Vec<Vec<String>> = match ports.as_slice() {
        [] => vec![to],
        ports => ports.iter().map(|port| to.iter().map(|name| format!("{name}{port}")).collect()).collect(),
    };
    let mut cases = Vec::new();
    for (rows, is_packet) in [(&packet, true), (&stream, false)] {
        for (source, target, verdict) in cells(rows, &columns)? {
            let question = question(source, target, over, is_packet, world)?;
            let answer = Answer::new(verdict, WHATEVER);
            let it = format!("{it} ({source} to {target})");
            let expectations = vec![Expectation { question, answer }];
            cases.push(Case { it, expectations, sequence: None });
        }
    }
    ensure!(!cases.is_empty(), "the table asks nothing");
    Ok(cases)
}

type Cell<'c> = (&'c str, &'c str, Verdict);

fn cells<'c>(
    rows: &'c BTreeMap<String, String>,
    columns: &'c [Vec<String>],
) -> anyhow::Result<Vec<Cell<'c>>> {
    let mut cells = Vec::new();
    for (sources, row) in rows {
        let marks: Vec<char> = row.chars().filter(|mark| !mark.is_whitespace()).collect();
        for targets in columns {
            ensure!(
                marks.len() == targets.len(),
                "the row of `{sources}` has {} cells, and there are {} columns",
                marks.len(),
                targets.len()
            );
            for source in sources.split_whitespace() {
                for (target, mark) in targets.iter().zip(&marks) {
                    let verdict = match mark {
                        '.' => Verdict::Allow,
                        'X' => Verdict::Deny,
                        '-' => continue,
                        other => bail!("a cell of `{sources}` is `{other}`; write `.`, `X` or `-`"),
                    };
                    cells.push((source, target.as_str(), verdict));
                }
            }
        }
    }
    Ok(cells)
}

fn question(
    from: &str,
    to: &str,
    over: Option<Family>,
    packet: bool,
    world: &World,
) -> anyhow::Result<Question> {
    let target = Target::parse(to)?;
    let written = [from, target.name].iter().find_map(|name| end::address(name)).map(Family::of);
    let family = over.or(written).unwrap_or_default();
    let source = world.party(from, family)?;
    let protocol = target.protocol(family);
    let traffic = match packet {
        true => Traffic::Packet,
        false => {
            ensure!(protocol == Protocol::Tcp, "streams travel over TCP");
            let uri_sans = world.certificate(source.address).into_iter().collect();
            Traffic::Stream(Seen { uri_sans, address: Some(source.address) })
        }
    };
    Ok(Question {
        destination: world.party(target.name, family).context("a column")?,
        source,
        protocol,
        port: target.port(family),
        traffic,
        end: bookend_engine::End::Destination,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: &str =
        "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: w}, spec: {workloads: [
        {name: a, instances: [{addresses: [10.0.0.1]}]}, {name: b, instances: [{addresses: [10.0.0.2]}]}]}}";

    fn read(table: &str) -> anyhow::Result<Vec<String>> {
        let world = World::compile(&[WORLD])?;
        let cases = cases(serde_saphyr::from_str(table)?, &world)?;
        let shown = |case: &Case| {
            case.expectations.iter().map(|e| format!("{}: {}", e.question, e.answer)).collect::<Vec<_>>()
        };
        Ok(cases.iter().flat_map(shown).collect())
    }

    #[test]
    fn every_cell_is_a_question() {
        assert_eq!(
            read("{it: x, to: [a, b], ports: [':80', ':81/udp'], packet: {a b: '. X', 10.9.9.9: -.}}")
                .unwrap(),
            [
                "10.9.9.9 to b:80, packet: allow *",
                "10.9.9.9 to b:81/udp, packet: allow *",
                "a to a:80, packet: allow *",
                "a to b:80, packet: deny *",
                "b to a:80, packet: allow *",
                "b to b:80, packet: deny *",
                "a to a:81/udp, packet: allow *",
                "a to b:81/udp, packet: deny *",
                "b to a:81/udp, packet: allow *",
                "b to b:81/udp, packet: deny *",
            ]
        );
        assert_eq!(read("{it: x, to: ['a:80'], stream: {b: X}}").unwrap(), ["b to a:80, stream: deny *"]);
    }

    #[test]
    fn a_table_that_is_not_filled_in_is_refused() {
        for table in [
            "{it: x, to: ['a:80', 'b:80'], packet: {a: X}}",
            "{it: x, to: ['a:80'], packet: {a: XX}}",
            "{it: x, to: ['a:80'], packet: {a: x}}",
            "{it: x, to: ['a:80'], packet: {a: -}}",
            "{it: x, to: ['a:80'], packet: {c: X}}",
            "{it: x, to: [a], packet: {a: X}}",
            "{it: x, to: ['a:80/udp'], stream: {a: X}}",
            "{it: x, to: ['a:80'], packet: {a: X, a: .}}",
            "{it: x, to: ['a:80']}",
        ] {
            assert!(read(table).is_err(), "{table}");
        }
    }
}
