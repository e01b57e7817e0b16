//! The maps, and the tables over them. The names are those the daemon looks for and pins.

use super::atomic;
use aya_ebpf::bindings::{BPF_F_NO_PREALLOC, BPF_NOEXIST};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::maps::{Array, HashMap, LpmTrie, LruHashMap, LruPerCpuHashMap, PerCpuArray, RingBuf};
use bookend_abi::table::{
    BlockKey, BucketKey, Config, Counter, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit,
    NO_BLOCK, NO_SLOT, OUTSIDE, OwnedKey, PolicyHead, Rate, RingKey, SlotState, TraceFilter, VerdictKey,
    VerdictValue, capacity,
};
use bookend_abi::{Address, Event, Reason, Tables, Work, rate};

#[map(name = "config")]
static CONFIG: Array<Config> = Array::with_max_entries(1, 0);
#[map(name = "slots")]
static SLOTS: HashMap<u32, u32> = HashMap::with_max_entries(capacity::SLOTS, 0);
#[map(name = "interfaces")]
static INTERFACES: Array<Interface> = Array::with_max_entries(capacity::SLOTS, 0);
#[map(name = "slot_states")]
static SLOT_STATES: Array<SlotState> = Array::with_max_entries(capacity::SLOTS, 0);
#[map(name = "owned")]
static OWNED: HashMap<OwnedKey, u32> = HashMap::with_max_entries(capacity::OWNED, 0);
// Written by the daemon alone and rarely full: memory is taken as entries come.
#[map(name = "identities")]
static IDENTITIES: HashMap<Address, u64> = HashMap::with_max_entries(capacity::IDENTITIES, BPF_F_NO_PREALLOC);
#[map(name = "blocks")]
static BLOCKS: LpmTrie<[u8; 24], u32> = LpmTrie::with_max_entries(capacity::BLOCKS, 0);
#[map(name = "policies")]
static POLICIES: HashMap<u64, PolicyHead> = HashMap::with_max_entries(capacity::POLICIES, BPF_F_NO_PREALLOC);
#[map(name = "verdicts")]
static VERDICTS: HashMap<VerdictKey, VerdictValue> =
    HashMap::with_max_entries(capacity::VERDICTS, BPF_F_NO_PREALLOC);
#[map(name = "limits")]
static LIMITS: HashMap<u32, Limit> = HashMap::with_max_entries(capacity::LIMITS, BPF_F_NO_PREALLOC);
#[map(name = "buckets")]
static BUCKETS: LruHashMap<BucketKey, u64> = LruHashMap::with_max_entries(capacity::BUCKETS, 0);
// Made room for at once, 80 MB with `ring`: taking memory with every connection would cost it as much as all the rest.
#[map(name = "flows")]
static FLOWS: HashMap<FlowKey, FlowValue> = HashMap::with_max_entries(capacity::FLOWS, 0);
#[map(name = "ring")]
static RING: HashMap<RingKey, FlowKey> = HashMap::with_max_entries(capacity::FLOWS, 0);
#[map(name = "fragments")]
static FRAGMENTS: LruHashMap<FragmentKey, FragmentValue> =
    LruHashMap::with_max_entries(capacity::FRAGMENTS, 0);
#[map(name = "trace")]
static TRACE: Array<TraceFilter> = Array::with_max_entries(1, 0);
#[map(name = "traced")]
static TRACED: RingBuf = RingBuf::with_byte_size(capacity::TRACED, 0);
#[map(name = "counters")]
static COUNTERS: PerCpuArray<Counter> = PerCpuArray::with_max_entries(Reason::COUNT, 0);
#[map(name = "rules")]
static RULES: LruPerCpuHashMap<u64, Counter> = LruPerCpuHashMap::with_max_entries(capacity::RULES, 0);
#[map(name = "audits")]
static AUDITS: LruPerCpuHashMap<u64, Counter> = LruPerCpuHashMap::with_max_entries(capacity::RULES, 0);
#[map(name = "events")]
static EVENTS: RingBuf = RingBuf::with_byte_size(capacity::EVENTS, 0);

/// What one run of a program works on. It lies in a map because the verifier follows every value on the stack, and
/// nothing in a map.
pub(super) struct Scratch {
    pub(super) work: Work,
    /// The reason [`bookend_abi::parse`] refused the frame for, or [`NOT_REFUSED`].
    pub(super) refused: u8,
}

/// In [`Scratch::refused`]: the frame was parsed.
pub(super) const NOT_REFUSED: u8 = u8::MAX;

#[map(name = "scratch")]
static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// This CPU's scratch.
#[inline(always)]
pub(super) fn scratch() -> Option<&'static mut Scratch> {
    // SAFETY: one element per CPU, and classifiers run to the end before another begins on the same CPU. Zeroed
    // memory is a valid `Scratch`, and so is whatever the last run left.
    SCRATCH.get_ptr_mut(0).map(|scratch| unsafe { &mut *scratch })
}

/// The maps above as the tables of the decision.
pub(super) struct KernelTables;

impl Tables for KernelTables {
    type Place = *mut FlowValue;

    #[inline(always)]
    fn config(&self) -> Config {
        CONFIG.get(0).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn slot(&self, ifindex: u32) -> u32 {
        // SAFETY: a `u32`, copied at once.
        unsafe { SLOTS.get(ifindex) }.copied().unwrap_or(NO_SLOT)
    }

    #[inline(always)]
    fn interface(&self, slot: u32) -> Interface {
        // A write at the same time may tear the copy, as the daemon knows: it writes an interface with new epochs, so
        // what is read half-way is judged again with the next packet.
        INTERFACES.get(slot).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn owns(&self, key: &OwnedKey) -> bool {
        OWNED.get_ptr(key).is_some()
    }

    #[inline(always)]
    fn identity(&self, address: &Address) -> u64 {
        // SAFETY: a `u64`, copied at once.
        unsafe { IDENTITIES.get(address) }.copied().unwrap_or(OUTSIDE)
    }

    #[inline(always)]
    fn block(&self, key: &BlockKey) -> u32 {
        // An LPM key as the kernel reads it: the length, then the data.
        let [p0, p1, p2, p3, p4, p5, p6, p7] = key.policy;
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af] = key.address;
        let data =
            [p0, p1, p2, p3, p4, p5, p6, p7, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af];
        BLOCKS.get(Key::new(key.prefix_length, data)).copied().unwrap_or(NO_BLOCK)
    }

    #[inline(always)]
    fn policy(&self, handle: u64) -> Option<PolicyHead> {
        // SAFETY: heads are never rewritten: a handle is a hash of the contents.
        unsafe { POLICIES.get(handle) }.copied()
    }

    #[inline(always)]
    fn verdict(&self, key: &VerdictKey) -> Option<VerdictValue> {
        // SAFETY: as in `policy`.
        unsafe { VERDICTS.get(key) }.copied()
    }

    #[inline(always)]
    fn flow(&self, key: &FlowKey) -> Option<*mut FlowValue> {
        FLOWS.get_ptr_mut(key)
    }

    #[inline(always)]
    fn read_flow(&self, place: &*mut FlowValue) -> FlowValue {
        // SAFETY: the kernel keeps the memory of an element until the program ends. It may hold another flow by
        // then; every flow in the table was allowed on some interface, and the next packet finds its own again.
        let flow = unsafe { &**place };
        // Field by field: the copy of the whole would be a call, and a loop over bytes.
        FlowValue {
            rule: flow.rule,
            policy: flow.policy,
            last_seen: flow.last_seen,
            opened: flow.opened,
            bytes: flow.bytes,
            packets: flow.packets,
            slot: flow.slot,
            position: flow.position,
            limit: flow.limit,
            interface_epoch: flow.interface_epoch,
            epoch: flow.epoch,
            state: flow.state,
            initiator: flow.initiator,
            flags: flow.flags,
            reserved: 0,
        }
    }

    #[inline(always)]
    fn refresh_flow(&mut self, place: &*mut FlowValue, flow: &FlowValue) {
        // SAFETY: as in `read_flow`; these three fields decide only how long the flow lives.
        unsafe {
            (**place).last_seen = flow.last_seen;
            (**place).state = flow.state;
            (**place).flags = flow.flags;
        }
    }

    #[inline(always)]
    fn add_to_flow(&mut self, place: &*mut FlowValue, bytes: u32) {
        // SAFETY: as in `read_flow`; these two only count.
        unsafe {
            atomic::add(&raw mut (**place).bytes, u64::from(bytes));
            atomic::add(&raw mut (**place).packets, 1);
        }
    }

    #[inline(always)]
    fn clear_flow(&mut self, place: &*mut FlowValue) -> (u64, u64) {
        // SAFETY: as in `add_to_flow`.
        unsafe {
            let bytes = atomic::swap(&raw mut (**place).bytes, 0);
            let packets = atomic::swap(&raw mut (**place).packets, 0);
            (bytes, packets)
        }
    }

    #[inline(always)]
    fn insert_flow(&mut self, key: &FlowKey, flow: &FlowValue) -> bool {
        FLOWS.insert(key, flow, 0).is_ok()
    }

    #[inline(always)]
    fn remove_flow(&mut self, key: &FlowKey) {
        // Fails only if it is gone already.
        let _ = FLOWS.remove(key);
    }

    #[inline(always)]
    fn next_position(&mut self, slot: u32) -> u32 {
        // SAFETY: elements of an array stay where they are.
        SLOT_STATES
            .get_ptr_mut(slot)
            .map_or(0, |state| unsafe { atomic::add_u32(&raw mut (*state).cursor, 1) })
    }

    #[inline(always)]
    fn standing(&self, key: &RingKey) -> Option<FlowKey> {
        // SAFETY: copied at once. Torn by somebody who writes it at the same time, it is nobody's key.
        unsafe { RING.get(key) }.copied()
    }

    #[inline(always)]
    fn stand(&mut self, key: &RingKey, flow: &FlowKey) -> bool {
        RING.insert(key, flow, 0).is_ok()
    }

    #[inline(always)]
    fn limit(&self, limit: u32) -> Option<Limit> {
        // SAFETY: never rewritten: its number is a hash of the contents.
        unsafe { LIMITS.get(limit) }.copied()
    }

    #[inline(always)]
    fn take(&mut self, key: &BucketKey, rate: &Rate, now: u64) -> bool {
        if let Some(bucket) = BUCKETS.get_ptr_mut(key) {
            return take_from(bucket, rate, now);
        }
        match rate::conform(0, rate, now) {
            Some(next) if BUCKETS.insert(key, next, u64::from(BPF_NOEXIST)).is_ok() => true,
            // Somebody else was first.
            Some(_) => BUCKETS.get_ptr_mut(key).is_some_and(|bucket| take_from(bucket, rate, now)),
            None => false,
        }
    }

    #[inline(always)]
    fn take_event(&mut self, slot: u32, denial: bool, now: u64) -> bool {
        let Some(state) = SLOT_STATES.get_ptr_mut(slot) else { return false };
        // SAFETY: elements of an array stay where they are.
        unsafe {
            if denial {
                take_from(&raw mut (*state).denials, &rate::DENIALS, now)
            } else {
                take_from(&raw mut (*state).connections, &rate::CONNECTIONS, now)
            }
        }
    }

    #[inline(always)]
    fn fragment(&self, key: &FragmentKey) -> Option<FragmentValue> {
        // SAFETY: copied at once; torn, it is of another epoch or ends elsewhere in the same packet.
        unsafe { FRAGMENTS.get(key) }.copied()
    }

    #[inline(always)]
    fn remember_fragment(&mut self, key: &FragmentKey, value: &FragmentValue) -> bool {
        FRAGMENTS.insert(key, value, 0).is_ok()
    }

    #[inline(always)]
    fn count(&mut self, reason: Reason, packets: u64, bytes: u64) {
        if let Some(counter) = COUNTERS.get_ptr_mut(u32::from(reason.0)) {
            add(counter, packets, bytes);
        }
    }

    #[inline(always)]
    fn count_rule(&mut self, rule: u64, packets: u64, bytes: u64) {
        count_rule(&RULES, rule, packets, bytes);
    }

    #[inline(always)]
    fn count_audit(&mut self, rule: u64, packets: u64, bytes: u64) {
        count_rule(&AUDITS, rule, packets, bytes);
    }

    #[inline(always)]
    fn emit(&mut self, event: &Event) {
        match EVENTS.reserve::<Event>(0) {
            Some(mut entry) => {
                entry.write(*event);
                entry.submit(0);
            }
            None => self.count(Reason::EVENT_LOST, 1, 0),
        }
    }

    #[inline(always)]
    fn trace(&self) -> TraceFilter {
        TRACE.get(0).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn emit_traced(&mut self, event: &Event) {
        if let Some(mut entry) = TRACED.reserve::<Event>(0) {
            entry.write(*event);
            entry.submit(0);
        }
    }
}

/// Takes one out of a bucket that others take from at the same time.
#[inline(always)]
fn take_from(bucket: *mut u64, rate: &Rate, now: u64) -> bool {
    // SAFETY: as in `read_flow`: it lies in a map, at worst for somebody else by now.
    let mut theoretical = unsafe { bucket.read_volatile() };
    let mut attempt = 0;
    while attempt < rate::ATTEMPTS {
        let Some(next) = rate::conform(theoretical, rate, now) else { return false };
        // SAFETY: as above.
        match unsafe { atomic::compare_exchange(bucket, theoretical, next) } {
            Ok(()) => return true,
            Err(found) => theoretical = found,
        }
        attempt += 1;
    }
    false
}

#[inline(always)]
fn count_rule(counters: &LruPerCpuHashMap<u64, Counter>, rule: u64, packets: u64, bytes: u64) {
    if let Some(counter) = counters.get_ptr_mut(rule) {
        add(counter, packets, bytes);
    } else {
        // If there is no room the rule goes uncounted; the verdict stands.
        let _ = counters.insert(rule, Counter { packets, bytes }, 0);
    }
}

#[inline(always)]
fn add(counter: *mut Counter, packets: u64, bytes: u64) {
    // SAFETY: the element belongs to this CPU, and the program is not preempted by itself.
    unsafe {
        (*counter).packets += packets;
        (*counter).bytes += bytes;
    }
}
