//! JUnit's XML, as CI systems read it: the only file that speaks `quick_xml`.

use anyhow::Context;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::{failure, summary};
use bookend_answers::Documents;
use bookend_answers::test::{Outcome, Report};

/// A `testsuite` for each document of tests.
///
/// # Errors
/// When it cannot be written so.
pub(in crate::command::test) fn render(report: &Report, documents: &Documents) -> anyhow::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut writer, report, documents).context("cannot write the report as XML")?;
    let mut text = String::from_utf8(writer.into_inner()).context("the report is not UTF-8")?;
    text.push('\n');
    Ok(text)
}

fn write(writer: &mut Writer<Vec<u8>>, report: &Report, documents: &Documents) -> std::io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let (tests, failed) = (report.tests.len().to_string(), report.failed.to_string());
    let root = BytesStart::new("testsuites");
    let counts =
        [("name", "bookend"), ("tests", tests.as_str()), ("failures", failed.as_str()), ("errors", "0")];
    writer.write_event(Event::Start(root.with_attributes(counts)))?;
    // Tests of one document follow each other.
    for suite in report.tests.chunk_by(|a, b| a.suite == b.suite) {
        write_suite(writer, suite, documents)?;
    }
    writer.write_event(Event::End(BytesEnd::new("testsuites")))
}

fn write_suite(
    writer: &mut Writer<Vec<u8>>,
    suite: &[Outcome],
    documents: &Documents,
) -> std::io::Result<()> {
    let name = suite.first().map_or("", |outcome| outcome.suite.as_str());
    let failed = suite.iter().filter(|outcome| !outcome.passed).count().to_string();
    let tests = suite.len().to_string();
    let counts = [("name", name), ("tests", tests.as_str()), ("failures", failed.as_str()), ("errors", "0")];
    writer.write_event(Event::Start(BytesStart::new("testsuite").with_attributes(counts)))?;
    for outcome in suite {
        let mut case = BytesStart::new("testcase")
            .with_attributes([("name", outcome.name.as_str()), ("classname", outcome.suite.as_str())]);
        let line = outcome.at.as_ref().map(|at| at.line.to_string());
        if let (Some(at), Some(line)) = (&outcome.at, &line) {
            case.extend_attributes([("file", at.file.as_str()), ("line", line.as_str())]);
        }
        if outcome.passed {
            writer.write_event(Event::Empty(case))?;
            continue;
        }
        writer.write_event(Event::Start(case))?;
        let message = summary(outcome);
        let start = BytesStart::new("failure").with_attributes([("message", message.as_str())]);
        writer.write_event(Event::Start(start))?;
        writer.write_event(Event::Text(BytesText::new(&failure(outcome, documents))))?;
        writer.write_event(Event::End(BytesEnd::new("failure")))?;
        writer.write_event(Event::End(BytesEnd::new("testcase")))?;
    }
    writer.write_event(Event::End(BytesEnd::new("testsuite")))
}
