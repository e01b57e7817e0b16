//! What is shown: the last decisions, rates, and what denies most.

use std::collections::{BTreeMap, VecDeque};

use super::choice::Choice;
use super::decision::{Layer, Told, Verdict};

/// Decisions that are kept.
const KEPT: usize = 2_000;
/// Seconds of which rates are shown.
pub(super) const SECONDS: usize = 60;
/// Rules that are counted by themselves in a second; a rule beyond that is `other`.
const RULES: usize = 200;

/// What happened in one second.
#[derive(Clone, Debug, Default)]
struct Second {
    allowed: u64,
    denied: u64,
    rules: BTreeMap<String, u64>,
}

/// A line of the stream.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) text: String,
    /// None for what is no decision.
    pub(super) verdict: Option<Verdict>,
    layer: Option<Layer>,
}

/// All of it. Time is told it in whole seconds, from anywhere on.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) choice: Choice,
    lines: VecDeque<Line>,
    seconds: VecDeque<Second>,
    now: u64,
    pub(super) total: [u64; 2],
    pub(super) lost: u64,
    pub(super) trouble: Option<String>,
    /// What is shown while nothing new is: how many lines there were.
    paused: Option<VecDeque<Line>>,
    /// Something is being typed.
    pub(super) typing: bool,
}

/// A key that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Character(char),
    Enter,
    Escape,
    Backspace,
    Interrupt,
}

impl Board {
    pub(super) fn new(choice: Choice) -> Self {
        Self {
            choice,
            lines: VecDeque::new(),
            seconds: VecDeque::from([Second::default()]),
            now: 0,
            total: [0; 2],
            lost: 0,
            trouble: None,
            paused: None,
            typing: false,
        }
    }

    /// It is `second` now.
    pub(super) fn tick(&mut self, second: u64) {
        let passed = usize::try_from(second.saturating_sub(self.now)).unwrap_or(SECONDS).min(SECONDS);
        self.now = second.max(self.now);
        self.seconds.extend(std::iter::repeat_n(Second::default(), passed));
        while self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
    }

    /// Takes what is told.
    pub(super) fn take(&mut self, told: Told) {
        let line = match &told {
            Told::Decision(decision) => {
                if !self.choice.wants(decision) {
                    return;
                }
                let Some(second) = self.seconds.back_mut() else { return };
                if decision.verdict == Verdict::Deny {
                    second.denied += 1;
                    self.total[1] += 1;
                    let cause = decision.cause();
                    let known = second.rules.len() < RULES || second.rules.contains_key(&cause);
                    *second.rules.entry(if known { cause } else { "other".to_owned() }).or_default() += 1;
                } else {
                    second.allowed += 1;
                    self.total[0] += 1;
                }
                Line { text: told.line(), verdict: Some(decision.verdict), layer: Some(decision.layer) }
            }
            Told::Lost(number, _) => {
                self.lost += number;
                Line { text: told.line(), verdict: None, layer: None }
            }
            Told::Trouble(_) => {
                let text = told.line();
                self.trouble = Some(text.clone());
                Line { text, verdict: None, layer: None }
            }
        };
        self.lines.push_back(line);
        while self.lines.len() > KEPT {
            self.lines.pop_front();
        }
    }

    /// Does what a key says; whether to go on.
    pub(super) fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Interrupt => return false,
            Key::Enter => self.typing = false,
            Key::Escape => {
                self.typing = false;
                self.choice.search.clear();
            }
            Key::Backspace => {
                self.choice.search.pop();
            }
            Key::Character(character) if self.typing => self.choice.search.push(character),
            Key::Character('q') => return false,
            Key::Character(' ') => {
                self.paused = if self.paused.is_some() { None } else { Some(self.lines.clone()) };
            }
            Key::Character('d') => self.choice.verdict = toggled(self.choice.verdict, Verdict::Deny),
            Key::Character('a') => self.choice.verdict = toggled(self.choice.verdict, Verdict::Allow),
            Key::Character('k') => self.choice.layer = toggled(self.choice.layer, Layer::Kernel),
            Key::Character('p') => self.choice.layer = toggled(self.choice.layer, Layer::Proxy),
            Key::Character('/') => self.typing = true,
            Key::Character('c') => {
                let (choice, now) = (self.choice.clone(), self.now);
                *self = Self { now, ..Self::new(choice) };
            }
            Key::Character(_) => {}
        }
        true
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// The last lines that are wanted, at most `most`, the newest last.
    pub(super) fn lines(&self, most: usize) -> Vec<&Line> {
        let lines = self.paused.as_ref().unwrap_or(&self.lines);
        let wanted = lines.iter().rev().filter(|line| {
            let choice = &self.choice;
            line.verdict.is_none_or(|told| choice.verdict.is_none_or(|wanted| wanted == told))
                && line.layer.is_none_or(|told| choice.layer.is_none_or(|wanted| wanted == told))
                && choice.finds(&line.text)
        });
        let mut last: Vec<&Line> = wanted.take(most).collect();
        last.reverse();
        last
    }

    /// What was denied in each of the last seconds, the newest last.
    pub(super) fn denied(&self) -> Vec<u64> {
        self.seconds.iter().map(|second| second.denied).collect()
    }

    /// Allowed and denied in the last whole second.
    pub(super) fn rates(&self) -> (u64, u64) {
        let last = self.seconds.len().checked_sub(2).and_then(|index| self.seconds.get(index));
        last.map(|second| (second.allowed, second.denied)).unwrap_or_default()
    }

    /// What denied most in the last minute, and how often.
    pub(super) fn top(&self, most: usize) -> Vec<(String, u64)> {
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for (rule, number) in self.seconds.iter().flat_map(|second| &second.rules) {
            *all.entry(rule).or_default() += number;
        }
        let mut all: Vec<(String, u64)> =
            all.into_iter().map(|(rule, number)| (rule.to_owned(), number)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(most);
        all
    }
}

fn toggled<T: PartialEq>(now: Option<T>, wanted: T) -> Option<T> {
    if now.as_ref() == Some(&wanted) { None } else { Some(wanted) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A decision of the kernel.
    pub(in super::super) fn told(verdict: &str, rule: &str) -> Told {
        let line = format!(
            r#"{{"kind":"verdict","time":"2026-07-01T12:00:00.123456Z","verdict":"{verdict}","reason":"rule","rule":"{rule}","workload":"shop/web","direction":"from-workload","peer":"shop/db","protocol":"tcp","remotePort":5432}}"#
        );
        Told::kernel(&line, "node-1").unwrap().unwrap()
    }

    #[test]
    fn rates_are_of_the_last_second_and_the_top_of_the_last_minute() {
        let mut board = Board::new(Choice::default());
        for _ in 0..3 {
            board.take(told("deny", "a/p/one"));
        }
        board.take(told("deny", "a/p/two"));
        board.take(told("allow", "a/p/three"));
        assert_eq!(board.rates(), (0, 0), "the second is not over");
        board.tick(1);
        assert_eq!(board.rates(), (1, 4));
        assert_eq!(board.top(9), [("a/p/one".to_owned(), 3), ("a/p/two".to_owned(), 1)]);
        board.tick(59);
        assert_eq!(board.top(1), [("a/p/one".to_owned(), 3)]);
        board.tick(60);
        assert_eq!((board.top(9), board.total), (Vec::new(), [1, 4]));
        board.tick(u64::MAX);
        assert_eq!(board.denied().len(), SECONDS);
    }

    #[test]
    fn keys_pause_choose_and_search() {
        let mut board = Board::new(Choice::default());
        board.take(told("deny", "a/p/one"));
        board.take(told("allow", "a/p/two"));
        let shown = |board: &Board| board.lines(9).len();
        assert!(board.press(Key::Character(' ')) && board.is_paused());
        board.take(told("deny", "a/p/three"));
        assert_eq!(shown(&board), 2);
        board.press(Key::Character(' '));
        assert_eq!(shown(&board), 3);
        board.press(Key::Character('d'));
        assert_eq!(shown(&board), 2);
        board.press(Key::Character('d'));
        board.press(Key::Character('p'));
        assert_eq!(shown(&board), 0);
        board.press(Key::Character('k'));
        "/TWO".chars().for_each(|c| assert!(board.press(Key::Character(c))));
        assert_eq!(shown(&board), 1);
        board.press(Key::Escape);
        assert_eq!(shown(&board), 3);
        board.press(Key::Character('c'));
        assert_eq!((shown(&board), board.total), (0, [0, 0]));
        assert!(!board.press(Key::Character('q')) && !board.press(Key::Interrupt));
    }
}
