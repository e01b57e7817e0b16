//! The form of nftables' messages (linux/netfilter/nf_tables.h), gathered to a transaction.

use super::GuardError;
use super::expression::{Expression, Set};
use crate::netlink::{ACKNOWLEDGE, APPEND, Attributes, CREATE, Draft, NetlinkSocket};
use rustix::net::netlink::NETFILTER;

/// `NFNL_SUBSYS_NFTABLES` (linux/netfilter/nfnetlink.h), in the upper half of a message's kind.
pub(super) const SUBSYSTEM: u16 = 10;
/// `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`.
const BEGIN: u16 = 16;
const END: u16 = 17;
/// `NFT_MSG_…`.
const NEW_TABLE: u16 = 0;
pub(super) const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const DELETE_CHAIN: u16 = 5;
const NEW_RULE: u16 = 6;
const DELETE_RULE: u16 = 8;
const NEW_SET: u16 = 9;
const NEW_ELEMENTS: u16 = 12;
const DELETE_ELEMENTS: u16 = 14;
const NEW_OBJECT: u16 = 18;
/// The table's name has this number in messages of every kind.
pub(super) const TABLE: u16 = 1;
/// `NFTA_LIST_ELEM`.
const ELEMENT: u16 = 1;
/// `NFT_OBJECT_COUNTER`.
const COUNTER: u32 = 1;
/// `NF_ACCEPT`.
const ACCEPT: u32 = 1;
/// How nft shows the elements of a set: the type `iface_index`, in the order of the host.
const IFACE_INDEX: u32 = 0x14;
const HOST_ORDER: [u8; 6] = [0, 4, 1, 0, 0, 0];
/// Bytes of an interface's index.
const INDEX: u32 = 4;
/// Elements of a message: the length of an attribute has 16 bits.
const ELEMENTS: usize = 2048;

/// A family of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// What is routed or delivered here.
    Inet,
    /// Ports of a bridge.
    Bridge,
    /// ARP.
    Arp,
}

impl Family {
    /// `NFPROTO_…`.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Arp => 3,
            Self::Bridge => 7,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
        }
    }
}

/// A hook, where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Prerouting,
    Input,
    Output,
    Postrouting,
}

impl Hook {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }

    /// `NF_INET_…`, `NF_BR_…` or `NF_ARP_…`.
    fn number(self, family: Family) -> u32 {
        match (family, self) {
            (Family::Arp, Self::Output) => 1,
            (Family::Arp, _) | (_, Self::Prerouting) => 0,
            (_, Self::Input) => 1,
            (_, Self::Output) => 3,
            (_, Self::Postrouting) => 4,
        }
    }
}

/// A transaction: everything in it is done, or nothing.
pub(super) struct Batch<'t> {
    draft: Draft,
    table: &'t str,
    family: Family,
    /// What each message is about.
    about: Vec<String>,
}

impl<'t> Batch<'t> {
    /// Nothing to be done yet, in tables of this name.
    pub(super) fn new(table: &'t str) -> Self {
        let mut batch = Self { draft: Draft::default(), table, family: Family::Inet, about: Vec::new() };
        batch.limit(BEGIN);
        batch
    }

    /// What follows is about the table of this family.
    pub(super) fn of(&mut self, family: Family) -> &mut Self {
        self.family = family;
        self
    }

    /// The begin or the end.
    fn limit(&mut self, kind: u16) {
        self.about.push("the transaction".to_owned());
        let [high, low] = SUBSYSTEM.to_be_bytes();
        self.draft.message(kind, 0, &[0, 0, high, low], |_| {});
    }

    fn message(
        &mut self,
        kind: u16,
        flags: u16,
        about: String,
        fill: impl FnOnce(&mut Attributes<'_>),
    ) -> &mut Self {
        self.about.push(format!("{about} of the family {}", self.family.name()));
        let fixed = [self.family.number(), 0, 0, 0];
        // Acknowledged each, for it is not known which is the last; nothing else says that all of it was done.
        self.draft.message(SUBSYSTEM << 8 | kind, flags | ACKNOWLEDGE, &fixed, |attributes| {
            attributes.text(TABLE, self.table);
            fill(attributes);
        });
        self
    }

    /// Adds the table, if it is not there.
    pub(super) fn add_table(&mut self) -> &mut Self {
        self.message(NEW_TABLE, 0, "the table".to_owned(), |table| {
            table.big(2, 0);
        })
    }

    /// Deletes the table, which must be there.
    pub(super) fn delete_table(&mut self) -> &mut Self {
        self.message(DELETE_TABLE, 0, "the table".to_owned(), |_| {})
    }

    /// Adds a counter, if it is not there; one that is goes on.
    pub(super) fn add_counter(&mut self, name: &str) -> &mut Self {
        self.message(NEW_OBJECT, CREATE, format!("the counter `{name}`"), |object| {
            object.text(2, name).big(3, COUNTER).nest(4, |data| {
                data.put(1, &[0; 8]).put(2, &[0; 8]);
            });
        })
    }

    /// Makes a set of interfaces have these elements and no others. With a size the kernel takes its fastest form of a set.
    pub(super) fn fill_set(&mut self, set: Set, most: u32, elements: &[u32]) -> &mut Self {
        let about = || format!("the set `{}`", set.name());
        self.message(NEW_SET, CREATE, about(), |attributes| {
            attributes.text(2, set.name()).big(3, 0).big(4, IFACE_INDEX).big(5, INDEX);
            attributes.big(10, set.number()).nest(9, |description| {
                description.big(1, most);
            });
            attributes.put(13, &HOST_ORDER);
        });
        self.message(DELETE_ELEMENTS, 0, about(), |attributes| {
            attributes.text(2, set.name());
        });
        for some in elements.chunks(ELEMENTS) {
            self.message(NEW_ELEMENTS, CREATE, about(), |attributes| {
                attributes.text(2, set.name()).big(4, set.number()).nest(3, |list| {
                    for index in some {
                        list.nest(ELEMENT, |element| {
                            element.nest(1, |key| {
                                key.number(1, *index);
                            });
                        });
                    }
                });
            });
        }
        self
    }

    /// Makes a chain be there, without rules. Its hook is passed at this priority.
    pub(super) fn empty_chain(&mut self, chain: &str, hook: Hook, priority: i32) -> &mut Self {
        let (about, number) = (format!("the chain `{chain}`"), hook.number(self.family));
        self.message(NEW_CHAIN, CREATE, about.clone(), |attributes| {
            attributes.text(3, chain).text(7, "filter").big(5, ACCEPT).nest(4, |hook| {
                hook.big(1, number).big(2, priority.cast_unsigned());
            });
        });
        self.message(DELETE_RULE, 0, about, |attributes| {
            attributes.text(2, chain);
        })
    }

    /// Deletes a chain, which must be there.
    pub(super) fn delete_chain(&mut self, chain: &str) -> &mut Self {
        self.message(DELETE_CHAIN, 0, format!("the chain `{chain}`"), |attributes| {
            attributes.text(3, chain);
        })
    }

    /// Adds a rule at the end of a chain.
    pub(super) fn add_rule(&mut self, chain: &str, rule: &[Expression]) -> &mut Self {
        let about = format!("a rule of the chain `{chain}`");
        self.message(NEW_RULE, CREATE | APPEND, about, |attributes| {
            attributes.text(2, chain).nest(4, |list| {
                for expression in rule {
                    list.nest(ELEMENT, |element| {
                        element.text(1, expression.name()).nest(2, |data| expression.write(data));
                    });
                }
            });
        })
    }

    /// Does everything.
    ///
    /// # Errors
    /// If anything cannot be done; then nothing was.
    pub(super) fn commit(mut self) -> Result<(), GuardError> {
        self.limit(END);
        self.send()
    }

    /// Whether everything could be done. The kernel drops a transaction that does not end.
    ///
    /// # Errors
    /// If anything could not.
    pub(super) fn rehearse(self) -> Result<(), GuardError> {
        self.send()
    }

    fn send(self) -> Result<(), GuardError> {
        // Of its own: answers must not come between notices.
        let socket = NetlinkSocket::new(Some(NETFILTER), 0).map_err(GuardError::Unheard)?;
        let failed = socket.transact(&self.draft).map_err(GuardError::Unheard)?;
        let Some((number, error)) = failed.into_iter().next() else { return Ok(()) };
        let about = usize::try_from(number).ok().and_then(|number| self.about.get(number));
        Err(GuardError::Refused { what: about.cloned().unwrap_or_default(), error })
    }
}
