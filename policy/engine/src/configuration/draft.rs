//! A configuration while it is being read: one rule or workload at a time, so that no more than one is in memory in two forms.

use alloc::{string::String, vec::Vec};
use core::fmt;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::Configuration;
use crate::{
    Inventory, Isolation, Namespaces, Program, Rule, Settings, Workload,
    tape::{Mismatch, Read, Tape, Value},
};

/// What was read so far.
pub(super) struct Draft<'r> {
    retained: &'r dyn Fn(&Rule, Option<&Settings>) -> bool,
    revision: Option<String>,
    settings: Option<Settings>,
    program: Option<()>,
    rules: Option<Vec<Rule>>,
    isolations: Option<Vec<Isolation>>,
    inventory: Option<()>,
    trust_domain: Option<String>,
    trust_addresses: Option<bool>,
    namespaces: Option<Namespaces>,
    workloads: Option<Vec<Workload>>,
}

/// The fields that are read one at a time, and those that hold them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Whole,
    Revision,
    Settings,
    Program,
    Rules,
    Isolations,
    Inventory,
    TrustDomain,
    TrustAddresses,
    Namespaces,
    Workloads,
}

impl Field {
    /// The field `name` of this one.
    fn inside(self, name: &str) -> Option<Self> {
        Some(match (self, name) {
            (Self::Whole, "revision") => Self::Revision,
            (Self::Whole, "settings") => Self::Settings,
            (Self::Whole, "program") => Self::Program,
            (Self::Whole, "inventory") => Self::Inventory,
            (Self::Program, "rules") => Self::Rules,
            (Self::Program, "isolations") => Self::Isolations,
            (Self::Inventory, "trustDomain") => Self::TrustDomain,
            (Self::Inventory, "trustAddresses") => Self::TrustAddresses,
            (Self::Inventory, "namespaces") => Self::Namespaces,
            (Self::Inventory, "workloads") => Self::Workloads,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Whole => "the configuration",
            Self::Revision => "revision",
            Self::Settings => "settings",
            Self::Program => "program",
            Self::Rules => "rules",
            Self::Isolations => "isolations",
            Self::Inventory => "inventory",
            Self::TrustDomain => "trustDomain",
            Self::TrustAddresses => "trustAddresses",
            Self::Namespaces => "namespaces",
            Self::Workloads => "workloads",
        }
    }

    /// Whether it is read element by element.
    fn is_list(self) -> bool {
        matches!(self, Self::Rules | Self::Isolations | Self::Workloads)
    }

    /// What it must be.
    fn kind(self) -> &'static str {
        if self.is_list() { "a list" } else { "an object" }
    }

    /// Whether it is read in parts.
    fn has_parts(self) -> bool {
        self.is_list() || matches!(self, Self::Whole | Self::Program | Self::Inventory)
    }
}

impl<'r> Draft<'r> {
    pub(super) fn new(retained: &'r dyn Fn(&Rule, Option<&Settings>) -> bool) -> Self {
        Self {
            retained,
            revision: None,
            settings: None,
            program: None,
            rules: None,
            isolations: None,
            inventory: None,
            trust_domain: None,
            trust_addresses: None,
            namespaces: None,
            workloads: None,
        }
    }

    /// Notes that a field with parts begins.
    fn begin(&mut self, field: Field) -> Result<(), Mismatch> {
        match field {
            Field::Program => set(&mut self.program, (), field),
            Field::Inventory => set(&mut self.inventory, (), field),
            Field::Rules => set(&mut self.rules, Vec::new(), field),
            Field::Isolations => set(&mut self.isolations, Vec::new(), field),
            Field::Workloads => set(&mut self.workloads, Vec::new(), field),
            _ => Ok(()),
        }
    }

    /// Takes a field as a whole, or the next element of a list.
    fn take(&mut self, field: Field, value: Value<'_>) -> Result<(), Mismatch> {
        match field {
            Field::Revision => set(&mut self.revision, Read::read(value)?, field),
            Field::Settings => set(&mut self.settings, Read::read(value)?, field),
            Field::TrustDomain => set(&mut self.trust_domain, Read::read(value)?, field),
            Field::TrustAddresses => set(&mut self.trust_addresses, Read::read(value)?, field),
            Field::Namespaces => set(&mut self.namespaces, Read::read(value)?, field),
            Field::Rules => {
                let rule = Read::read(value)?;
                if (self.retained)(&rule, self.settings.as_ref()) {
                    self.rules.get_or_insert_default().push(rule);
                }
                Ok(())
            }
            Field::Isolations => {
                self.isolations.get_or_insert_default().push(Read::read(value)?);
                Ok(())
            }
            Field::Workloads => {
                self.workloads.get_or_insert_default().push(Read::read(value)?);
                Ok(())
            }
            Field::Whole | Field::Program | Field::Inventory => Err(value.unlike(field.kind())),
        }
    }

    /// The configuration, once all of it was read.
    ///
    /// # Errors
    /// When a field is missing.
    pub(super) fn finished(self) -> Result<Configuration, Mismatch> {
        let Self { revision, settings, program, rules, isolations, inventory, .. } = self;
        let Self { trust_domain, trust_addresses, namespaces, workloads, .. } = self;
        let revision = present(revision, Field::Revision)?;
        present(program, Field::Program)?;
        let rules = present(rules, Field::Rules)?;
        let isolations = present(isolations, Field::Isolations)?;
        present(inventory, Field::Inventory)?;
        let trust_domain = present(trust_domain, Field::TrustDomain)?;
        let namespaces = present(namespaces, Field::Namespaces)?;
        let workloads = present(workloads, Field::Workloads)?;
        Ok(Configuration {
            revision,
            settings: settings.unwrap_or_default(),
            program: Program::new(rules, isolations),
            inventory: Inventory::new(trust_domain, trust_addresses.unwrap_or(false), namespaces, workloads),
        })
    }
}

fn set<T>(slot: &mut Option<T>, value: T, field: Field) -> Result<(), Mismatch> {
    if slot.replace(value).is_some() { Err(Mismatch::twice(field.name())) } else { Ok(()) }
}

fn present<T>(slot: Option<T>, field: Field) -> Result<T, Mismatch> {
    slot.ok_or_else(|| Mismatch::missing(field.name()))
}

/// A field with parts, as it is parsed.
pub(super) struct Part<'d, 'r, 'j> {
    field: Field,
    draft: &'d mut Draft<'r>,
    tape: Tape<'j>,
}

impl<'d, 'r> Part<'d, 'r, '_> {
    pub(super) fn whole(draft: &'d mut Draft<'r>) -> Self {
        Self { field: Field::Whole, draft, tape: Tape::default() }
    }
}

impl Part<'_, '_, '_> {
    fn refuse<E: Error>(&self) -> Result<(), E> {
        Err(E::custom(Mismatch::kind("another value", self.field.kind()).inside(self.field.name())))
    }
}

impl<'j> DeserializeSeed<'j> for Part<'_, '_, 'j> {
    type Value = ();

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'j> Visitor<'j> for Part<'_, '_, 'j> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.kind())
    }

    // Not left to serde, whose own refusal would show what it found, and bring the code along that shows numbers with fractions.

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.refuse()
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.refuse()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.refuse()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.refuse()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.refuse()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.refuse()
    }

    fn visit_map<A: MapAccess<'j>>(mut self, mut object: A) -> Result<(), A::Error> {
        if self.field.is_list() {
            return self.refuse();
        }
        let Self { field, draft, .. } = self;
        while object.next_key_seed(self.tape.record())?.is_some() {
            let name = self.tape.value().text().map_err(Error::custom)?;
            let inner = field.inside(name).ok_or_else(|| Error::custom(Mismatch::unknown(name)))?;
            if inner.has_parts() {
                draft.begin(inner).map_err(Error::custom)?;
                object.next_value_seed(Part { field: inner, draft, tape: Tape::default() })?;
            } else {
                object.next_value_seed(self.tape.record())?;
                let taken = draft.take(inner, self.tape.value());
                taken.map_err(|mismatch| Error::custom(mismatch.inside(inner.name())))?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'j>>(mut self, mut list: A) -> Result<(), A::Error> {
        if !self.field.is_list() {
            return self.refuse();
        }
        let mut position = 0;
        while list.next_element_seed(self.tape.record())?.is_some() {
            let taken = self.draft.take(self.field, self.tape.value());
            taken.map_err(|mismatch| Error::custom(mismatch.at(position).inside(self.field.name())))?;
            position += 1;
        }
        Ok(())
    }
}
