//! Calls about the plugin as a whole: logs, time, metrics.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Answer, Arguments, Status, Write};
use crate::host::{Host, Level, LogLine, ROOT};

pub(super) fn log(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let level = Level::from_number(arguments.word(0)).ok_or(Status::BadArgument)?;
    let message = String::from_utf8_lossy(arguments.bytes(1)?).into_owned();
    host.logs.push(LogLine { level, message });
    Ok(Vec::new())
}

pub(super) fn log_level(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    Ok(vec![Write::Word { at: arguments.word(0), value: host.plugin.log_level as u32 }])
}

pub(super) fn current_time(_host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Status::InternalFailure)?;
    let value = u64::try_from(since.as_nanos()).map_err(|_| Status::InternalFailure)?;
    Ok(vec![Write::Long { at: arguments.word(0), value }])
}

/// Accepted; no tick ever comes, as if every request came before the first one.
pub(super) fn set_tick_period(_host: &mut Host, _arguments: &Arguments<'_>) -> Answer {
    Ok(Vec::new())
}

pub(super) fn set_effective_context(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let context = arguments.word(0);
    if context != ROOT && host.stream.as_ref().is_none_or(|stream| stream.context != context) {
        return Err(Status::BadArgument);
    }
    host.context = context;
    Ok(Vec::new())
}

/// Only a plugin that was asked to end may say that it has; this host never asks.
pub(super) fn done(_host: &mut Host, _arguments: &Arguments<'_>) -> Answer {
    Err(Status::NotFound)
}

/// The status of the last call to another service: there was none.
pub(super) fn status(_host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    Ok(vec![Write::Word { at: arguments.word(0), value: 0 }, arguments.block(1, Vec::new())])
}

pub(super) fn define_metric(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let value = host.metrics.define(arguments.word(0), arguments.text(1)?)?;
    Ok(vec![Write::Word { at: arguments.word(3), value }])
}

pub(super) fn increment_metric(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    host.metrics.increment(arguments.word(0), arguments.long(1).cast_signed())?;
    Ok(Vec::new())
}

pub(super) fn record_metric(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    host.metrics.record(arguments.word(0), arguments.long(1))?;
    Ok(Vec::new())
}

pub(super) fn get_metric(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let value = host.metrics.get(arguments.word(0))?;
    Ok(vec![Write::Long { at: arguments.word(1), value }])
}

/// There are no foreign functions.
pub(super) fn call_foreign_function(_host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    arguments.bytes(0)?;
    arguments.bytes(2)?;
    Err(Status::NotFound)
}
