//! `bookend-enforcer trial`: what the programs would do with packets that are never sent.
//!
//! The command `bookend` runs this as a child, because only this crate speaks to the kernel. Both sides are of one
//! version, so the form of question and answer may change with any.

use crate::command::TrialOptions;
use crate::failure::Failure;
use crate::kernel::Trial;
use crate::requirement::{self, Capability};
use crate::run;
use bookend_abi::table::{ALLOW, Interface, quota};
use bookend_abi::{FROM_WORKLOAD, Reason, TO_WORKLOAD};
use bookend_plan::{InterfacePlan, Plan};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Question {
    /// As filters get it; the interfaces in its inventory are those of the imagined host.
    configuration: Box<RawValue>,
    /// Those of the inventory.
    services: Box<RawValue>,
    packets: Vec<Packet>,
}

/// The first packet of a connection.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Packet {
    /// Where it is met.
    interface: String,
    direction: Direction,
    /// The Ethernet frame, in hexadecimal digits.
    frame: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    FromWorkload,
    ToWorkload,
}

/// What becomes of a packet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    allowed: bool,
    /// Why, in one word.
    reason: &'static str,
    /// The rule, isolation or default that decided, if one did.
    rule: Option<String>,
}

/// Reads a question from standard input and prints the answers.
///
/// # Errors
/// If the kernel does not run the programs, which needs root, and if the question makes no sense.
pub fn trial(options: &TrialOptions) -> Result<(), Failure> {
    requirement::capabilities(&[Capability::Bpf, Capability::Perfmon])?;
    let object = match &options.object {
        Some(object) => object.clone(),
        None => run::default_object()?,
    };
    let mut text = Vec::new();
    let cannot = |what: &str, error: &dyn std::fmt::Display| Failure::new(format!("cannot {what}: {error}"));
    std::io::stdin().lock().read_to_end(&mut text).map_err(|e| cannot("read standard input", &e))?;
    let question: Question = serde_json::from_slice(&text)
        .map_err(|e| Failure::invalid(format!("the question is refused: {e}")))?;
    let plan =
        Plan::from_configuration(question.configuration.get().as_bytes(), question.services.get().as_bytes())
            .map_err(|error| Failure::invalid(error.to_string()))?;
    let answers = Host::new(&plan, Trial::load(&object)?)?.answers(&question.packets)?;
    let mut out = serde_json::to_vec(&answers).map_err(|e| cannot("write the answers", &e))?;
    out.push(b'\n');
    std::io::stdout().lock().write_all(&out).map_err(|e| cannot("write to standard output", &e))
}

/// The imagined host.
struct Host<'p> {
    plan: &'p Plan,
    interfaces: BTreeMap<&'p str, &'p InterfacePlan>,
    trial: Trial,
}

impl<'p> Host<'p> {
    fn new(plan: &'p Plan, mut trial: Trial) -> Result<Self, Failure> {
        let mut tables = plan.tables(|_| None);
        // Without a report of what is allowed nobody could say by which rule.
        tables.config.sample = 1;
        trial.replace(&tables)?;
        let interfaces =
            plan.interfaces.iter().map(|interface| (interface.name.as_str(), interface)).collect();
        Ok(Self { plan, interfaces, trial })
    }

    /// The answers in the order of the packets. Packets at one interface are judged one after the other, because to
    /// enter an interface costs more than to judge a packet.
    fn answers(&mut self, packets: &[Packet]) -> Result<Vec<Answer>, Failure> {
        let mut at: BTreeMap<&str, Vec<(usize, &Packet)>> = BTreeMap::new();
        for (number, packet) in packets.iter().enumerate() {
            at.entry(&packet.interface).or_default().push((number, packet));
        }
        let mut answers = BTreeMap::new();
        for (name, packets) in at {
            let interface = *self
                .interfaces
                .get(name)
                .ok_or_else(|| Failure::invalid(format!("the inventory has no interface `{name}`")))?;
            for (number, packet) in packets {
                answers.insert(number, self.judge(interface, packet)?);
            }
            self.trial.leave(&interface.addresses)?;
        }
        Ok(answers.into_values().collect())
    }

    fn judge(&mut self, interface: &InterfacePlan, packet: &Packet) -> Result<Answer, Failure> {
        let frame = bytes(&packet.frame).ok_or_else(|| {
            Failure::invalid(format!("`{}` is not a frame in hexadecimal digits", packet.frame))
        })?;
        let InterfacePlan { egress, ingress, addresses, .. } = interface;
        let quota = quota(1);
        let entry = Interface { egress: *egress, ingress: *ingress, quota, ..Interface::default() };
        // Again for every packet: it forgets the connection of the one before.
        self.trial.enter(entry, addresses)?;
        let direction = match packet.direction {
            Direction::FromWorkload => FROM_WORKLOAD,
            Direction::ToWorkload => TO_WORKLOAD,
        };
        let result = self.trial.run(direction, &frame, 1)?;
        let silent = || Failure::new("the kernel judged a packet and did not report it");
        let event = result.event.ok_or_else(silent)?;
        if (event.verdict == ALLOW) != result.allowed {
            return Err(Failure::new("the kernel reports another verdict than it gives"));
        }
        let reason = Reason::ALL.iter().copied().find(|reason| reason.0 == event.reason);
        let ruled = matches!(reason, Some(Reason::RULE | Reason::DEFAULT | Reason::ISOLATION));
        let rule = ruled.then(|| self.plan.rule(event.rule)).flatten().map(str::to_owned);
        Ok(Answer {
            allowed: result.allowed,
            reason: reason.and_then(Reason::name).unwrap_or("unknown"),
            rule,
        })
    }
}

/// Bytes from hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| {
        pairs.filter_map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_written_in_pairs_of_digits() {
        assert_eq!(bytes("00ffA5"), Some(vec![0, 255, 0xa5]));
        assert_eq!(bytes("0"), None);
        assert_eq!(bytes("0g"), None);
    }

    #[test]
    fn a_question_with_a_field_too_much_is_refused() {
        let question = r#"{"configuration":{},"packets":[],"more":1}"#;
        assert!(serde_json::from_str::<Question>(question).is_err());
    }
}
