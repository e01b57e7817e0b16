//! The view on a terminal.

use std::time::{Duration, Instant};

use anyhow::Context;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::board::{Board, Key};
use super::choice::Choice;
use super::decision::{Told, Verdict};

/// How often it is drawn, at most.
const FRAME: Duration = Duration::from_millis(100);
/// How long is waited for a key before it is looked whether anybody wants one.
const LOOK: Duration = Duration::from_millis(200);
/// Rules that are shown.
const TOP: usize = 8;

/// The terminal, which is as it was once this is dropped.
struct Screen(ratatui::DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows what is told until a key or a signal ends it.
///
/// # Errors
/// When the terminal cannot be used.
pub(super) async fn run(choice: Choice, title: &str, mut told: Receiver<Told>) -> anyhow::Result<()> {
    let mut screen = Screen(ratatui::try_init().context("cannot use the terminal; --plain does without")?);
    let (sender, mut keys) = channel(16);
    std::thread::spawn(move || listen(&sender));
    let mut board = Board::new(choice);
    let began = Instant::now();
    let mut frame = tokio::time::interval(FRAME);
    frame.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut open = true;
    loop {
        tokio::select! {
            next = told.recv(), if open => match next {
                Some(next) => board.take(next),
                None => open = false,
            },
            key = keys.recv() => match key {
                Some(key) if board.press(key) => {}
                _ => return Ok(()),
            },
            _ = frame.tick() => {
                board.tick(began.elapsed().as_secs());
                screen.0.draw(|frame| draw(frame, &board, title)).context("cannot draw on the terminal")?;
            }
            _ = terminated.recv() => return Ok(()),
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// Reads keys until nobody wants any.
fn listen(sender: &Sender<Key>) {
    while !sender.is_closed() {
        let key = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(_) => return,
        };
        let Ok(Event::Key(key)) = key else { continue };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        let pressed = match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
            KeyCode::Char(character) => Key::Character(character),
            KeyCode::Enter => Key::Enter,
            KeyCode::Esc => Key::Escape,
            KeyCode::Backspace => Key::Backspace,
            _ => continue,
        };
        if sender.blocking_send(pressed).is_err() {
            return;
        }
    }
}

/// Draws all of it.
fn draw(frame: &mut Frame<'_>, board: &Board, title: &str) {
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::try_from(TOP).unwrap_or(u16::MAX) + 2),
        Constraint::Min(3),
        Constraint::Length(1),
    ]);
    let [head, middle, stream, foot] = rows.areas(frame.area());
    let (allowed, denied) = board.rates();
    let [total_allowed, total_denied] = board.total;
    let numbers =
        format!("{title}   allowed {allowed}/s ({total_allowed})   denied {denied}/s ({total_denied})");
    let lost = if board.lost > 0 { format!("   {} not told one by one", board.lost) } else { String::new() };
    frame.render_widget(
        Paragraph::new(numbers + &lost).style(Style::new().add_modifier(Modifier::BOLD)),
        head,
    );

    let [left, right] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Percentage(60)]).areas(middle);
    let block = |text: &'static str| Block::new().borders(Borders::ALL).title(text);
    let seconds = board.denied();
    frame.render_widget(
        Sparkline::default()
            .block(block(" denied, by second "))
            .data(&seconds)
            .style(Style::new().fg(Color::Red)),
        left,
    );
    let top = board.top(TOP).into_iter().map(|(rule, number)| Row::from(format!("{number:>7}  {rule}")));
    frame.render_widget(
        Paragraph::new(top.collect::<Vec<_>>()).block(block(" denied most, last minute ")),
        right,
    );

    let heading = if board.is_paused() { " paused " } else { " decisions " };
    let lines = board.lines(usize::from(stream.height.saturating_sub(2)));
    let lines = lines.into_iter().map(|line| {
        let colour = match line.verdict {
            Some(Verdict::Deny) => Color::Red,
            Some(Verdict::Allow) => Color::Green,
            None => Color::Yellow,
        };
        Row::from(Span::styled(line.text.as_str(), Style::new().fg(colour)))
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block(heading)), stream);
    frame.render_widget(Paragraph::new(footer(board)), foot);
}

/// What is chosen, and what keys do.
fn footer(board: &Board) -> String {
    let choice = &board.choice;
    let mut chosen: Vec<String> = Vec::new();
    chosen.extend(choice.verdict.map(|verdict| verdict.name().to_owned()));
    chosen.extend(choice.layer.map(|layer| layer.name().to_owned()));
    chosen.extend(choice.namespace.clone());
    chosen.extend(choice.workloads.iter().cloned());
    if board.typing || !choice.search.is_empty() {
        chosen.push(format!("/{}{}", choice.search, if board.typing { "▏" } else { "" }));
    }
    let only = if chosen.is_empty() { String::new() } else { format!("only {}   ", chosen.join(", ")) };
    let trouble = board.trouble.as_ref().map(|text| format!("   {text}")).unwrap_or_default();
    format!("{only}space pause  d denied  a allowed  k kernel  p proxy  / search  c clear  q quit{trouble}")
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::told;
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    #[test]
    fn the_view_shows_rates_what_denies_most_and_the_stream() {
        let mut board = Board::new(Choice::default());
        for _ in 0..3 {
            board.take(told("deny", "shop/web/never"));
        }
        board.take(told("allow", "shop/web/always"));
        board.take(Told::Lost(7, "node node-1".to_owned()));
        board.tick(1);
        board.press(Key::Character('k'));
        let mut terminal = Terminal::new(TestBackend::new(110, 20)).unwrap();
        terminal.draw(|frame| draw(frame, &board, "decisions of 2 nodes and 3 proxies")).unwrap();
        let shown = terminal.backend().to_string();
        for wanted in [
            "decisions of 2 nodes and 3 proxies   allowed 1/s (1)   denied 3/s (3)   7 not told one by one",
            "3  shop/web/never",
            "12:00:00.123  kernel  deny   shop/web → shop/db tcp/5432  shop/web/never",
            "… 7 more that node node-1 did not tell one by one",
            "only kernel   space pause",
        ] {
            assert!(shown.contains(wanted), "`{wanted}` is missing:\n{shown}");
        }
    }
}
