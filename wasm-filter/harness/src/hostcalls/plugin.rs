//! Calls about the plugin as a whole: logs, time, who speaks.

use super::{Answer, Arguments, Status, Write};
use crate::context::Action;
use crate::host::{Host, Level, LogLine, ROOT, Timer};

/// The context of the VM, which nobody can speak for: whoever chooses it speaks for the one that was called.
const NOBODY: u32 = 0;

const NANOSECONDS: u64 = 1_000_000;

pub(super) fn log(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let level = Level::from_number(arguments.word(0)).ok_or(Status::BadArgument)?;
    let message = String::from_utf8_lossy(arguments.bytes(1)?).into_owned();
    host.logs.push(LogLine { level, message });
    Ok(Vec::new())
}

pub(super) fn log_level(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    Ok(vec![Write::Word { at: arguments.word(0), value: host.plugin.log_level as u32 }])
}

pub(super) fn current_time(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    Ok(vec![Write::Long { at: arguments.word(0), value: host.time(host.now) }])
}

/// Winds the timer up anew; a period of 0 stops it.
pub(super) fn set_tick_period(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let period = u64::from(arguments.word(0)) * NANOSECONDS;
    host.timer = (period > 0).then(|| Timer { period, due: host.now.saturating_add(period) });
    Ok(Vec::new())
}

/// From here to the end of the callback, calls are about that context.
pub(super) fn set_effective_context(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let context = arguments.word(0);
    host.effective = match context {
        NOBODY => None,
        ROOT => Some(ROOT),
        stream if host.contexts.contains_key(&stream) => Some(stream),
        _ => return Err(Status::BadArgument),
    };
    Ok(Vec::new())
}

/// Only a plugin that was asked to end may say that it has.
pub(super) fn done(host: &mut Host, _arguments: &Arguments<'_>) -> Answer {
    if !std::mem::take(&mut host.awaits_done) {
        return Err(Status::NotFound);
    }
    host.actions.push_back(Action::Done);
    Ok(Vec::new())
}

/// The status of the last call that got no response. Streams have none.
pub(super) fn status(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (code, message) = if host.context_id() == ROOT { host.calls.status } else { (0, "") };
    let message = arguments.block(1, message.as_bytes().to_vec());
    Ok(vec![Write::Word { at: arguments.word(0), value: code }, message])
}

/// Functions that Envoy has beside the ABI and that are not here.
const FOREIGN: [&[u8]; 9] = [
    b"compress",
    b"declare_property",
    b"expr_create",
    b"expr_delete",
    b"expr_evaluate",
    b"set_envoy_filter_state",
    b"sign",
    b"uncompress",
    b"verify_signature",
];

/// There is no route, so there is nothing to forget of it; Envoy's other functions are not here.
pub(super) fn call_foreign_function(_host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let name = arguments.bytes(0)?;
    arguments.bytes(2)?;
    match name {
        b"clear_route_cache" => Ok(Vec::new()),
        name if FOREIGN.contains(&name) => Err(Status::Unimplemented),
        _ => Err(Status::NotFound),
    }
}
