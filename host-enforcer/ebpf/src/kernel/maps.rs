//! The maps, and the tables over them. The names are those the daemon looks for and pins.

use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::maps::{Array, HashMap, LpmTrie, LruHashMap, LruPerCpuHashMap, PerCpuArray, RingBuf};
use bookend_abi::table::{
    BlockKey, BucketKey, Config, Counter, FlowKey, FlowValue, FragmentKey, FragmentValue, Interface, Limit, NO_BLOCK, NO_RULE, OUTSIDE, OwnedKey,
    PolicyHead, RingKey, SlotState, TraceFilter, VerdictKey, VerdictValue, capacity,
};
use bookend_abi::{Address, Event, Outcome, Packet, Reason, Tables};

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
#[map(name = "flows")]
static FLOWS: HashMap<FlowKey, FlowValue> = HashMap::with_max_entries(capacity::FLOWS, BPF_F_NO_PREALLOC);
#[map(name = "ring")]
static RING: HashMap<RingKey, FlowKey> = HashMap::with_max_entries(capacity::FLOWS, BPF_F_NO_PREALLOC);
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
    pub(super) packet: Packet,
    pub(super) outcome: Outcome,
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
    type Slot = *mut FlowValue;

    #[inline(always)]
    fn config(&self) -> Config {
        CONFIG.get(0).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn interface(&self, ifindex: u32) -> Option<Interface> {
        // SAFETY: a `u32`, copied at once.
        let slot = unsafe { SLOTS.get(ifindex) }.copied()?;
        INTERFACES.get(slot).copied().filter(|interface| interface.ifindex == ifindex)
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
    fn read_flow(&self, slot: &*mut FlowValue) -> FlowValue {
        // SAFETY: the kernel keeps the memory of an element until the program ends. It may hold another flow by
        // then; every flow in the table was allowed on some interface, and the next packet finds its own again.
        let flow = unsafe { &**slot };
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
    fn refresh_flow(&mut self, slot: &*mut FlowValue, flow: &FlowValue) {
        // SAFETY: as in `read_flow`; these three fields decide only how long the flow lives.
        unsafe {
            (**slot).last_seen = flow.last_seen;
            (**slot).state = flow.state;
            (**slot).flags = flow.flags;
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
}

/// Counts a packet of `length` bytes under its reason, its rule and what an audit says of it.
#[inline(always)]
pub(super) fn count(outcome: &Outcome, length: u32) {
    count_reason(outcome.reason, length);
    count_rule(&RULES, outcome.rule, length);
    count_rule(&AUDITS, outcome.audit_rule, length);
}

#[inline(always)]
fn count_rule(counters: &LruPerCpuHashMap<u64, Counter>, rule: u64, length: u32) {
    if rule == NO_RULE {
        return;
    }
    if let Some(counter) = counters.get_ptr_mut(rule) {
        add(counter, length);
    } else {
        // If there is no room the rule goes uncounted; the verdict stands.
        let _ = counters.insert(rule, Counter { packets: 1, bytes: u64::from(length) }, 0);
    }
}

/// Puts `event` into the ring; counts it as lost if the ring is full.
#[inline(always)]
pub(super) fn emit(event: Event) {
    match EVENTS.reserve::<Event>(0) {
        Some(mut entry) => {
            entry.write(event);
            entry.submit(0);
        }
        None => count_reason(Reason::EVENT_LOST, 0),
    }
}

#[inline(always)]
fn count_reason(reason: Reason, length: u32) {
    if let Some(counter) = COUNTERS.get_ptr_mut(u32::from(reason.0)) {
        add(counter, length);
    }
}

#[inline(always)]
fn add(counter: *mut Counter, length: u32) {
    // SAFETY: the element belongs to this CPU, and the program is not preempted by itself.
    unsafe {
        (*counter).packets += 1;
        (*counter).bytes += u64::from(length);
    }
}
