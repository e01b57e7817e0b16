//! Who judges tests beside the engine: the filter's own module, and the kernel's programs.

use std::path::Path;

use bookend_answers::Documents;
use bookend_answers::passage::Pair;
use bookend_answers::test::{self, Packet, Ruled, Ruling};
use bookend_answers::traffic::Traffic;
use bookend_engine::{Configuration, Service, Verdict};

use super::Packets;
use crate::filter::{Ask, Filter};
use crate::trial;

/// Who judges, and on which documents.
pub(super) struct Judges<'j> {
    pub(super) documents: &'j Documents,
    pub(super) packets: Packets,
    pub(super) module: Option<&'j Path>,
    pub(super) enforcer: Option<&'j Path>,
}

impl test::Judges for Judges<'_> {
    fn requests(&self, asked: &[(&Pair<'_>, &Traffic)]) -> anyhow::Result<Option<Vec<Ruling>>> {
        let filter = Filter::load(self.module, self.documents)?;
        let asks: Vec<_> = asked.iter().map(|(pair, traffic)| Ask { pair, traffic }).collect();
        let rulings = filter.judge(&asks, "put through the filter")?.into_iter().map(|ruled| Ruling {
            verdict: ruled.verdict,
            rule: ruled.rule.unwrap_or_else(|| "nothing".to_owned()),
        });
        Ok(Some(rulings.collect()))
    }

    fn packets(
        &self,
        configuration: &Configuration,
        services: &[Service],
        packets: &[Packet],
    ) -> anyhow::Result<Ruled> {
        if self.packets == Packets::Function {
            return Ok(Ruled::Nobody(None));
        }
        let packets: Vec<_> = packets
            .iter()
            .map(|packet| trial::Packet::new(packet.interface, packet.end, &packet.frame))
            .collect();
        let answers = match trial::ask(self.enforcer, configuration, services, &packets) {
            Ok(answers) => answers,
            Err(error) if self.packets == Packets::Auto => {
                return Ok(Ruled::Nobody(Some(format!("{error:#}"))));
            }
            Err(error) => return Err(error.context("cannot ask the kernel's programs")),
        };
        let rulings = answers.into_iter().map(|answer| Ruling {
            verdict: if answer.allowed { Verdict::Allow } else { Verdict::Deny },
            rule: answer.rule.unwrap_or(answer.reason),
        });
        Ok(Ruled::Kernel(rulings.collect()))
    }
}
