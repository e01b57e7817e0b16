//! Classes of addresses that no rule tells apart: the contents of `blocks`.

use bookend_abi::address::{MAPPED_PREFIX_LENGTH, from_ip, mapped};
use bookend_abi::table::{BlockKey, NO_BLOCK};
use bookend_engine::{End, IpNet, Location, PeerMatch, Program};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::family::Family;
use crate::group::Said;
use crate::view::{Known, View};

/// An address in table form, as a number; so that addresses in order are numbers in order.
pub(crate) type Point = u128;

/// A set of addresses that no rule tells apart, by one of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// Its number in `blocks`.
    pub(crate) number: u32,
    /// Where its addresses are.
    pub(crate) location: Location,
    /// Their family; or one of them where it makes no difference.
    pub(crate) family: Family,
    /// The rules that speak of addresses there, by their position in the program; ascending. The others say of them what
    /// they say of addresses of which no rule speaks.
    pub(crate) rules: Vec<usize>,
}

impl Class {
    /// The class of addresses that no rule speaks of.
    pub(crate) fn nowhere() -> Self {
        Self { number: NO_BLOCK, location: Location::Elsewhere, family: Family::V4, rules: Vec::new() }
    }
}

/// The partition of all addresses into classes.
pub(crate) struct Classes {
    /// By number, from [`NO_BLOCK`]. That class may have no member.
    classes: Vec<Class>,
    cells: Vec<Cell>,
    runs: Arc<Runs>,
    /// The first and the last address of each run, by class.
    ranges: HashMap<u32, Vec<(Point, Point)>>,
}

/// Where runs of addresses of one class begin, ascending, and their class.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Runs(Vec<(Point, u32)>);

impl Runs {
    /// The number of the class of an address.
    pub(crate) fn of(&self, address: Point) -> u32 {
        let next = self.0.partition_point(|run| run.0 <= address);
        next.checked_sub(1).and_then(|i| self.0.get(i)).map_or(NO_BLOCK, |run| run.1)
    }

    /// The class of all addresses, if they are of one.
    pub(crate) fn only(&self) -> Option<u32> {
        let first = self.of(Point::MIN);
        self.0.iter().all(|run| run.1 == first).then_some(first)
    }
}

/// A prefix, without the smaller prefixes in it that are cells themselves.
struct Cell {
    first: Point,
    length: u32,
    class: u32,
}

/// A prefix that is named by rules.
struct Named {
    location: Location,
    family: Family,
    /// The positions of the rules that name it; ascending.
    rules: Vec<usize>,
}

impl Cell {
    fn last(&self) -> Point {
        self.first | Point::MAX.checked_shr(self.length).unwrap_or(0)
    }
}

impl Classes {
    /// The classes of the peers at `end` to the rules of `program`. `families_alike`: whether the other end is the same
    /// to IPv4 and to IPv6 peers; otherwise no class holds both.
    pub(crate) fn new(program: &Program, end: End, families_alike: bool) -> Self {
        let mut classes = vec![Class::nowhere()];
        let told_apart = |family| if families_alike { Family::V4 } else { family };
        // Two addresses are of one class if every rule says the same of whoever is at either.
        let rules = program.rules();
        let elsewhere: Vec<View> =
            rules.iter().map(|rule| View::of(rule.peers(end), Known::Where(Location::Elsewhere))).collect();
        let mut numbers = BTreeMap::from([((Vec::new(), Family::V4), NO_BLOCK)]);
        let mut cells: Vec<Cell> = Vec::new();
        let mut around: Vec<(Point, Vec<usize>)> = Vec::new();
        for ((first, length), named) in prefixes(program, end) {
            let mut cell = Cell { first, length, class: NO_BLOCK };
            while around.pop_if(|(last, _)| *last < first).is_some() {}
            around.push((cell.last(), named.rules));
            // Only a rule that names a prefix around this one can tell an address in it from others.
            let near: BTreeSet<usize> = around.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
            let speaks = |position: usize| {
                let view = View::of(rules.get(position)?.peers(end), Known::Where(named.location));
                (elsewhere.get(position) != Some(&view)).then_some((position, view))
            };
            let said: Said = near.into_iter().filter_map(speaks).collect();
            let rules = said.iter().map(|(position, _)| *position).collect();
            cell.class = *numbers.entry((said, told_apart(named.family))).or_insert_with(|| {
                // Fewer than 2³² prefixes fit in memory.
                let number = classes.len() as u32;
                classes.push(Class { number, location: named.location, family: named.family, rules });
                number
            });
            cells.push(cell);
        }
        let runs = runs(&cells);
        let mut ranges: HashMap<u32, Vec<(Point, Point)>> = HashMap::new();
        let ends = runs.iter().skip(1).map(|next| Some(next.0)).chain([None]);
        for ((first, class), next) in runs.iter().zip(ends) {
            // Of runs that begin at one address the last one counts.
            let last = next.map_or(Some(Point::MAX), |next| next.checked_sub(1));
            if let Some(last) = last.filter(|last| first <= last) {
                ranges.entry(*class).or_default().push((*first, last));
            }
        }
        Self { classes, cells, runs: Arc::new(Runs(runs)), ranges }
    }

    /// The classes that an address can be in, ascending by number.
    pub(crate) fn all(&self) -> Vec<&Class> {
        let occupied: BTreeSet<u32> = self.cells.iter().map(|cell| cell.class).collect();
        self.classes.iter().filter(|class| occupied.contains(&class.number)).collect()
    }

    /// The class with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Class> {
        // Numbers are positions.
        self.classes.get(usize::try_from(number).ok()?)
    }

    /// The number of the class of an address.
    pub(crate) fn of(&self, address: Point) -> u32 {
        self.runs.of(address)
    }

    /// Which addresses are of which class.
    pub(crate) fn runs(&self) -> &Arc<Runs> {
        &self.runs
    }

    /// The ranges of addresses that are in a class, first and last.
    pub(crate) fn ranges(&self, number: u32) -> &[(Point, Point)] {
        self.ranges.get(&number).map_or(&[], Vec::as_slice)
    }

    /// The entries of `blocks`, for policy 0: prefixes whose class is not that of the prefix around them.
    pub(crate) fn entries(&self) -> Vec<(BlockKey, u32)> {
        let mut around: Vec<&Cell> = Vec::new();
        let mut entries = Vec::new();
        for cell in &self.cells {
            while around.pop_if(|outer| outer.last() < cell.first).is_some() {}
            if around.last().map_or(NO_BLOCK, |outer| outer.class) != cell.class {
                entries.push((BlockKey::new(0, cell.first.to_be_bytes(), cell.length), cell.class));
            }
            around.push(cell);
        }
        entries
    }
}

/// The prefixes that rules name at `end`, outer before inner.
fn prefixes(program: &Program, end: End) -> BTreeMap<(Point, u32), Named> {
    let root = |family| Named { location: Location::Elsewhere, family, rules: Vec::new() };
    // The roots of both families are there in any case, so that an IPv6 block around `::ffff:0:0/96` does not mean
    // IPv4.
    let ipv4 = (Point::from_be_bytes(mapped([0; 4])), MAPPED_PREFIX_LENGTH);
    let mut prefixes = BTreeMap::from([((0, 0), root(Family::V6)), (ipv4, root(Family::V4))]);
    for (position, rule) in program.rules().iter().enumerate() {
        for net in rule.peers(end).alternatives().unwrap_or_default().iter().flat_map(PeerMatch::nets) {
            let named = prefixes.entry(prefix(net)).or_insert_with(|| root(family(net)));
            named.location = Location::Block(net);
            if named.rules.last() != Some(&position) {
                named.rules.push(position);
            }
        }
    }
    prefixes
}

/// Flattens nested cells, outer before inner, into runs. Where runs begin at one address the last one counts.
fn runs(cells: &[Cell]) -> Vec<(Point, u32)> {
    let mut runs = Vec::new();
    let mut around: Vec<&Cell> = Vec::new();
    let close = |around: &mut Vec<&Cell>, runs: &mut Vec<(Point, u32)>, before: Option<Point>| {
        while let Some(inner) = around.pop_if(|cell| before.is_none_or(|point| cell.last() < point)) {
            if let (Some(next), Some(outer)) = (inner.last().checked_add(1), around.last()) {
                runs.push((next, outer.class));
            }
        }
    };
    for cell in cells {
        close(&mut around, &mut runs, Some(cell.first));
        runs.push((cell.first, cell.class));
        around.push(cell);
    }
    close(&mut around, &mut runs, None);
    runs
}

/// A block in table form: its first address and its length, both of the 16-byte form.
fn prefix(net: IpNet) -> (Point, u32) {
    let first = Point::from_be_bytes(from_ip(net.network()));
    let length = u32::from(net.prefix_len());
    match family(net) {
        Family::V4 => (first, MAPPED_PREFIX_LENGTH + length),
        Family::V6 => (first, length),
    }
}

fn family(net: IpNet) -> Family {
    Family::of(net.addr())
}
