//! Calls about what the workers of a proxy share.

use super::{Answer, Arguments, Status, Write};
use crate::host::Host;

pub(super) fn get(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let key = arguments.bytes(0)?;
    let store = host.plugin.shared.lock();
    let (value, change) = store.get(&host.plugin.vm_id, key).ok_or(Status::NotFound)?;
    Ok(vec![arguments.block(2, value.clone()), Write::Word { at: arguments.word(4), value: *change }])
}

/// The number of the last change has to be given back, or 0 to overwrite whatever is there.
pub(super) fn set(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (key, value, expected) = (arguments.bytes(0)?, arguments.bytes(2)?, arguments.word(4));
    match host.plugin.shared.lock().set(&host.plugin.vm_id, key, value, expected) {
        true => Ok(Vec::new()),
        false => Err(Status::CasMismatch),
    }
}

pub(super) fn register_queue(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let token = host.plugin.shared.lock().register(&host.plugin.vm_id, arguments.bytes(0)?);
    host.queues.insert(token);
    Ok(vec![Write::Word { at: arguments.word(2), value: token }])
}

/// Without the name of a VM, that of the module's own is meant.
pub(super) fn resolve_queue(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let (vm, name) = (arguments.bytes(0)?, arguments.bytes(2)?);
    let vm = String::from_utf8_lossy(vm);
    let vm = if vm.is_empty() { host.plugin.vm_id.as_str() } else { &vm };
    let token = host.plugin.shared.lock().resolve(vm, name).ok_or(Status::NotFound)?;
    Ok(vec![Write::Word { at: arguments.word(4), value: token }])
}

pub(super) fn dequeue(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let entry = host.plugin.shared.lock().dequeue(arguments.word(0)).ok_or(Status::NotFound)?;
    Ok(vec![arguments.block(1, entry.ok_or(Status::Empty)?)])
}

/// Whoever registered the queue hears of it, a moment later.
pub(super) fn enqueue(host: &mut Host, arguments: &Arguments<'_>) -> Answer {
    let entry = arguments.bytes(1)?;
    match host.plugin.shared.lock().enqueue(arguments.word(0), entry) {
        true => Ok(Vec::new()),
        false => Err(Status::NotFound),
    }
}
