//! How far a direction of a stream goes, by what the module answers.

use super::{Course, Side};
use crate::Message;
use crate::context::{self, Direction, HttpState};

impl HttpState {
    pub(super) fn side(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// Whether a direction is still going anywhere.
    pub(super) fn accepts(&self, side: Side) -> bool {
        !self.reset && (self.local.is_none() || side == Side::Response)
    }

    pub(super) fn course(&self, side: Side) -> Course {
        let direction = if side == Side::Request { &self.request } else { &self.response };
        match (self.reset, self.local.is_some() && side == Side::Request, direction.course) {
            (true, ..) => Course::Reset,
            (false, true, _) => Course::Answered,
            (false, false, context::Course::Running) => Course::Running,
            (false, false, _) => Course::Stopped,
        }
    }
}

impl Direction {
    /// 0 goes on, 1 stops (and so does everything behind it, unless the proxy is configured otherwise), 3 and 4 stop
    /// everything; whatever is larger is taken for 4, and 2 for 0.
    pub(super) fn after_headers(&mut self, action: u32, stop: bool, lenient: bool) {
        match action {
            0 | 2 if !stop => {
                self.headers_open = false;
                self.forward_headers();
                self.forwarded.complete = self.end;
            }
            1 if !stop && lenient => self.course = context::Course::StoppedHere,
            _ => self.course = context::Course::StoppedForAll,
        }
    }

    /// 0 goes on with everything that was held, 1 and 2 keep it, 3 and whatever is larger drop it.
    pub(super) fn after_body(&mut self, action: u32, stop: bool) {
        self.buffering = false;
        let chunk = std::mem::take(&mut self.chunk);
        match action {
            0 if !stop => {
                self.chunk_open = false;
                self.course = context::Course::Running;
                self.forward_headers();
                self.forward_kept();
                self.forwarded.body.extend_from_slice(&chunk);
                self.forwarded.complete = self.end;
            }
            1 | 2 if !stop => {
                self.kept.extend_from_slice(&chunk);
                self.buffering = action == 1;
                self.course = context::Course::StoppedHere;
            }
            _ => self.course = context::Course::StoppedHere,
        }
    }

    pub(super) fn after_trailers(&mut self, action: u32, stop: bool) {
        if action == 0 && !stop {
            self.trailers_open = false;
            self.course = context::Course::Running;
            self.forward_headers();
            self.forward_kept();
            self.forwarded = Message {
                trailers: self.trailers.clone(),
                complete: true,
                ..std::mem::take(&mut self.forwarded)
            };
        } else {
            self.course = context::Course::StoppedHere;
        }
    }
}
