//! Calls about attributes, configuration and shared data.

use super::{Answer, Arguments, Status, Write};
use crate::host::{Host, Phase};

/// The buffers of the ABI that this host fills, and the last number that names a buffer.
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const LAST_BUFFER: u32 = 8;

pub(super) fn get_property(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let value = host.property(arguments.bytes(0)?).ok_or(Status::NotFound)?;
    let value = value.ok_or(Status::SerializationFailure)?;
    Ok(vec![arguments.block(2, value)])
}

pub(super) fn set_property(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (path, value) = (arguments.bytes(0)?, arguments.bytes(2)?);
    let stream = host.stream().ok_or(Status::NotFound)?;
    stream.written.insert(path.to_vec(), value.to_vec());
    Ok(Vec::new())
}

/// A configuration can be read while the callback runs that is about it.
fn buffer<'a>(host: &'a Host, arguments: &Arguments<'_>) -> Result<&'a [u8], Status> {
    match arguments.word(0) {
        VM_CONFIGURATION => Ok(&host.plugin.vm_configuration),
        PLUGIN_CONFIGURATION if host.phase == Phase::Configure => Ok(&host.plugin.configuration),
        0..=LAST_BUFFER => Err(Status::NotFound),
        _ => Err(Status::BadArgument),
    }
}

/// A length beyond the end means "up to the end"; nothing is written for no bytes.
pub(super) fn get_buffer(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let buffer = buffer(host, arguments)?;
    let start = arguments.word(1);
    let end = start.checked_add(arguments.word(2)).ok_or(Status::BadArgument)?;
    let end = (end as usize).min(buffer.len());
    let bytes = buffer.get(start as usize..end).unwrap_or_default();
    Ok(vec![arguments.block(3, bytes.to_vec())])
}

pub(super) fn buffer_status(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let length = u32::try_from(buffer(host, arguments)?.len()).map_err(|_| Status::InternalFailure)?;
    Ok(vec![
        Write::Word { at: arguments.word(1), value: length },
        Write::Word { at: arguments.word(2), value: 0 },
    ])
}

/// A configuration cannot be changed, and there is no other buffer.
pub(super) fn set_buffer(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    buffer(host, arguments)?;
    Err(Status::BadArgument)
}

pub(super) fn get_shared(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (value, change) = host.shared.get(arguments.bytes(0)?).ok_or(Status::NotFound)?;
    Ok(vec![arguments.block(2, value.clone()), Write::Word { at: arguments.word(4), value: *change }])
}

/// The number of the last change has to be given back, or 0 to overwrite whatever is there.
pub(super) fn set_shared(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (key, value, expected) = (arguments.bytes(0)?, arguments.bytes(2)?, arguments.word(4));
    let present = host.shared.get(key).map_or(0, |(_, change)| *change);
    if expected != 0 && expected != present {
        return Err(Status::CasMismatch);
    }
    host.shared.insert(key.to_vec(), (value.to_vec(), present.wrapping_add(1).max(1)));
    Ok(Vec::new())
}
