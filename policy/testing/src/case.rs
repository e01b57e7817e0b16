//! Cases: questions with their expected answers, and the world they are asked in.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bookend_engine::Verdict;

use crate::{Answer, Question, World, frame::Frame};

/// Cases about one thing.
#[derive(Clone, Debug)]
pub struct Section {
    /// The topic: the file's name without its ending, and before it the directories it is in.
    pub topic: String,
    /// What they are about, as a sentence.
    pub about: String,
    /// The numbered rules of `docs/semantics.md` that they show.
    pub rules: Vec<String>,
    /// Where they take place.
    pub world: Arc<World>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows, to be read after "it".
    pub it: String,
    /// Questions and answers.
    pub expectations: Vec<Expectation>,
    /// Frames and answers.
    pub sequence: Option<Sequence>,
}

/// A question and the right answer.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The question.
    pub question: Question,
    /// The right answer.
    pub answer: Answer,
}

/// Frames one after another.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Something that happens at a host.
#[derive(Clone, Debug)]
pub enum Step {
    /// A frame crosses interfaces of workloads, until one drops it.
    Frame {
        /// How the case writes it.
        written: String,
        /// The frame.
        frame: Frame,
        /// The interfaces it crosses, in order.
        path: Vec<Crossing>,
        /// The right answer: of the interface that drops it, else of the last one.
        answer: Answer,
    },
    /// Time passes.
    Wait(Duration),
    /// The policies are replaced.
    Change(Arc<World>),
}

/// A frame at the host side of a workload's interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The interface.
    pub interface: String,
    /// Whether the workload sent it; otherwise it is sent to the workload.
    pub outward: bool,
}

impl Crossing {
    /// The answer to a frame that crosses the interfaces of `path` in turn: of the one that drops it, else of the last.
    ///
    /// # Errors
    /// When a crossing cannot be judged, or there is none.
    pub fn along(
        path: &[Self],
        mut cross: impl FnMut(&Self) -> anyhow::Result<Answer>,
    ) -> anyhow::Result<Answer> {
        let mut last = None;
        for crossing in path {
            let answer = cross(crossing)?;
            let dropped = answer.verdict == Verdict::Deny;
            last = Some(answer);
            if dropped {
                break;
            }
        }
        last.context("a frame that crosses no interface")
    }
}
