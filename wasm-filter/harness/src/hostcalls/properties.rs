//! Calls about attributes.

use super::{Answer, Arguments, Status};
use crate::host::Host;

pub(super) fn get(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let value = host.property(arguments.bytes(0)?).ok_or(Status::NotFound)?;
    let value = value.ok_or(Status::SerializationFailure)?;
    Ok(vec![arguments.block(2, value)])
}

/// The plugin itself has nowhere to write to.
pub(super) fn set(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (path, value) = (arguments.bytes(0)?, arguments.bytes(2)?);
    let context = host.context().ok_or(Status::NotFound)?;
    context.written.insert(path.to_vec(), value.to_vec());
    Ok(Vec::new())
}
