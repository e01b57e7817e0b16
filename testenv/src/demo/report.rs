//! The demo's lines, as they happen.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::expectation::Layer;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text {
        /// With colours.
        colours: bool,
    },
    /// One JSON object per line.
    Json,
}

/// Who decided, by which rule or for which reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The layer.
    pub layer: Layer,
    /// `source` or `destination`.
    pub end: String,
    /// The id of the rule, or the kernel's reason.
    pub rule: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was attempted.
    pub attempt: String,
    /// What was to happen.
    pub expected: String,
    /// What happened.
    pub observed: String,
    /// Who decided; `None` where nobody had to, or nobody said so.
    pub decided: Option<Decision>,
    /// Whether that is as it should be.
    pub ok: bool,
}

/// Writes lines and counts them.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    format: Format,
    chapter: String,
    lines: usize,
    wrong: Vec<Line>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum Object<'a> {
    Line {
        chapter: &'a str,
        #[serde(flatten)]
        line: &'a Line,
    },
    Summary {
        lines: usize,
        wrong: usize,
        seconds: f64,
    },
}

impl Format {
    /// Text, with colours if standard output is a terminal and `NO_COLOR` is not set (no-color.org).
    pub fn text() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self::Text { colours: wanted && io::stdout().is_terminal() }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Layer::Nobody => write!(f, "{} \u{2192} {}", self.layer, self.rule),
            _ => write!(f, "{}, {} \u{2192} {}", self.layer, self.end, self.rule),
        }
    }
}

impl<W: Write> Report<W> {
    /// A report that is written to `out`.
    pub fn new(out: W, format: Format) -> Self {
        Self { out, format, chapter: String::new(), lines: 0, wrong: Vec::new() }
    }

    /// Begins a chapter.
    pub fn chapter(&mut self, title: &str) -> io::Result<()> {
        title.clone_into(&mut self.chapter);
        match self.format {
            Format::Text { colours: true } => writeln!(self.out, "\n\u{1b}[1m{title}\u{1b}[0m"),
            Format::Text { colours: false } => writeln!(self.out, "\n{title}"),
            Format::Json => Ok(()),
        }?;
        self.out.flush()
    }

    /// Writes a line.
    pub fn line(&mut self, line: Line) -> io::Result<()> {
        self.lines += 1;
        match self.format {
            Format::Text { colours } => {
                let (mark, colour) = if line.ok { ("ok", "\u{1b}[32m") } else { ("WRONG", "\u{1b}[31;1m") };
                let (begin, end) = if colours { (colour, "\u{1b}[0m") } else { ("", "") };
                let Line { attempt, expected, observed, .. } = &line;
                // Columns, as far as they hold: most lines then read like a table.
                write!(
                    self.out,
                    "{begin}{mark:>5}{end}  {attempt:<62} \u{2192} {expected:<17} \u{2192} {observed:<22}"
                )?;
                if let Some(decision) = &line.decided {
                    write!(self.out, " \u{2192} {decision}")?;
                }
                writeln!(self.out)?;
            }
            Format::Json => json(&mut self.out, &Object::Line { chapter: &self.chapter, line: &line })?,
        }
        if !line.ok {
            self.wrong.push(line);
        }
        self.out.flush()
    }

    /// Writes the summary; true if every line was as it should be.
    pub fn summary(&mut self, seconds: f64) -> io::Result<bool> {
        let (lines, wrong) = (self.lines, self.wrong.len());
        match self.format {
            Format::Text { .. } if wrong == 0 => {
                writeln!(self.out, "\n{lines} claims, all as the policy says; {seconds:.1} s")?;
            }
            Format::Text { .. } => {
                writeln!(self.out, "\n{lines} claims, {wrong} not as the policy says; {seconds:.1} s")?;
                for line in &self.wrong {
                    let Line { attempt, expected, observed, .. } = line;
                    writeln!(self.out, "  {attempt} \u{2192} {expected} \u{2192} {observed}")?;
                }
            }
            Format::Json => json(&mut self.out, &Object::Summary { lines, wrong, seconds })?,
        }
        self.out.flush()?;
        Ok(wrong == 0)
    }
}

fn json(out: &mut impl Write, object: &Object<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    writeln!(out)
}
