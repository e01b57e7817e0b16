//! Puts the corpus to a vehicle.

use bookend_engine::Verdict;

use crate::{Answer, Corpus, Judged, Report, Section, Step, Vehicle, report::Difference};

/// Asks `vehicle` everything in `corpus`.
pub fn run(corpus: &Corpus, vehicle: &mut impl Vehicle) -> Report {
    let mut report = Report { vehicle: vehicle.name(), ..Report::default() };
    for section in &corpus.sections {
        section_on(section, vehicle, &mut report);
    }
    report
}

fn section_on(section: &Section, vehicle: &mut impl Vehicle, report: &mut Report) {
    let title = |it: &str| format!("{}: {}: it {it}", section.topic, section.about);
    if let Err(error) = vehicle.enter(&section.world) {
        report.differences.push(Difference {
            case: title("…"),
            question: "all".to_owned(),
            expected: "the policies to be put in force".to_owned(),
            observed: format!("{error:#}"),
        });
        return;
    }
    for case in &section.cases {
        for expectation in &case.expectations {
            let judged = vehicle.judge(&expectation.question);
            let question = expectation.question.to_string();
            note(report, title(&case.it), question, &expectation.answer, judged);
        }
        let Some(sequence) = &case.sequence else { continue };
        let frames = sequence.steps.iter().filter_map(|step| match step {
            Step::Frame { written, answer, .. } => Some((written, answer)),
            Step::Wait(_) | Step::Change(_) => None,
        });
        let mut judged = vehicle.play(sequence).map(Vec::into_iter);
        for (number, (written, answer)) in frames.enumerate() {
            let next = match &mut judged {
                Ok(list) => list.next().ok_or_else(|| anyhow::anyhow!("the vehicle gave too few answers")),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            note(report, title(&case.it), format!("frame {}: {written}", number + 1), answer, next);
        }
    }
}

fn note(
    report: &mut Report,
    case: String,
    question: String,
    expected: &Answer,
    judged: anyhow::Result<Judged>,
) {
    let observed = match judged {
        Ok(Judged::NotApplicable(reason)) => return *report.not_applicable.entry(reason).or_default() += 1,
        Ok(Judged::Refused(reason)) if expected.verdict == Verdict::Deny => {
            return *report.refused.entry(reason).or_default() += 1;
        }
        Ok(Judged::Refused(reason)) => reason.to_owned(),
        Ok(Judged::Answer(answer)) if answer.is(expected) => return report.ran += 1,
        Ok(Judged::Answer(answer)) => answer.to_string(),
        Err(error) => format!("{error:#}"),
    };
    report.ran += 1;
    report.differences.push(Difference { case, question, expected: expected.to_string(), observed });
}
