//! Calls about metrics.

use super::{Answer, Arguments, Write};
use crate::host::Host;

pub(super) fn define(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let value = host.metrics.define(arguments.word(0), arguments.text(1)?)?;
    Ok(vec![Write::Word { at: arguments.word(3), value }])
}

pub(super) fn increment(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    host.metrics.increment(arguments.word(0), arguments.long(1).cast_signed())?;
    Ok(Vec::new())
}

pub(super) fn record(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    host.metrics.record(arguments.word(0), arguments.long(1))?;
    Ok(Vec::new())
}

pub(super) fn get(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let value = host.metrics.get(arguments.word(0))?;
    Ok(vec![Write::Long { at: arguments.word(1), value }])
}
