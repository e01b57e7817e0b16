//! Laying one object over another, telling them apart, and taking fields out.

use serde_json::{Map, Value};

use super::{Element, FieldSet, Relation, Shape};

/// What became different.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// New or other than before.
    pub(crate) set: FieldSet,
    /// There no more.
    pub(crate) removed: FieldSet,
}

/// `live` with all that `applied` says. Elements that are new in a list come last.
pub(crate) fn lay_over(live: &Value, applied: &Value, shape: Shape<'_>) -> Value {
    match (shape.relation(applied), live, applied) {
        (Relation::Granular, Value::Object(old), Value::Object(new)) => {
            let mut fields = old.clone();
            for (name, value) in new {
                let merged = match old.get(name) {
                    Some(old) => lay_over(old, value, shape.field(name)),
                    None => value.clone(),
                };
                fields.insert(name.clone(), merged);
            }
            Value::Object(fields)
        }
        (relation @ (Relation::Set | Relation::Keyed(_)), Value::Array(old), Value::Array(new)) => {
            let mut items = old.clone();
            for item in new {
                let element = relation.element(item);
                match items.iter_mut().find(|known| relation.element(known) == element) {
                    Some(known) => *known = lay_over(known, item, shape.element()),
                    None => items.push(item.clone()),
                }
            }
            Value::Array(items)
        }
        _ => applied.clone(),
    }
}

/// What tells `new` from `old`.
pub(crate) fn compare(old: &Value, new: &Value, shape: Shape<'_>) -> Difference {
    let mut difference = Difference::default();
    if old == new {
        return difference;
    }
    let (relation, before) = (shape.relation(new), shape.relation(old));
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if relation == Relation::Granular && before == relation => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                let field = Element::Field(name.clone());
                difference.note(field, old.get(name), new.get(name), shape.field(name), shape.is_free(name));
            }
        }
        (Value::Array(old), Value::Array(new)) if relation != Relation::Atomic => {
            let find = |items: &[Value], element: &Element| {
                items.iter().find(|item| relation.element(item) == *element).cloned()
            };
            let mut elements: Vec<_> = old.iter().chain(new).map(|item| relation.element(item)).collect();
            elements.sort();
            elements.dedup();
            for element in elements {
                let (old, new) = (find(old, &element), find(new, &element));
                difference.note(element, old.as_ref(), new.as_ref(), shape.element(), true);
            }
        }
        _ => {
            difference.set = FieldSet::of(new, shape);
            difference.set.add(&FieldSet::leaf());
        }
    }
    difference
}

impl Difference {
    fn note(
        &mut self,
        element: Element,
        old: Option<&Value>,
        new: Option<&Value>,
        shape: Shape<'_>,
        member: bool,
    ) {
        let whole = |value: &Value| {
            let mut set = FieldSet::of(value, shape);
            if member || value.as_object().is_some_and(Map::is_empty) {
                set.add(&FieldSet::leaf());
            }
            set
        };
        match (old, new) {
            (None, Some(new)) => self.set.insert(element, whole(new)),
            (Some(old), None) => self.removed.insert(element, whole(old)),
            (Some(old), Some(new)) => {
                let below = compare(old, new, shape);
                self.set.insert(element.clone(), below.set);
                self.removed.insert(element, below.removed);
            }
            (None, None) => {}
        }
    }
}

/// `value` without what is in `dropped`, but for what has a part in `kept`. `None` if nothing is left of what had something.
pub(crate) fn take_out(
    value: &Value,
    dropped: &FieldSet,
    kept: Option<&FieldSet>,
    shape: Shape<'_>,
) -> Option<Value> {
    if dropped.is_member() && kept.is_none_or(FieldSet::is_empty) {
        return None;
    }
    match (shape.relation(value), value) {
        (Relation::Granular, Value::Object(fields)) => {
            let mut left = Map::new();
            for (name, value) in fields {
                let element = Element::Field(name.clone());
                let value = match dropped.below(&element) {
                    None => Some(value.clone()),
                    Some(dropped) => take_out(
                        value,
                        dropped,
                        kept.and_then(|kept| kept.below(&element)),
                        shape.field(name),
                    ),
                };
                left.extend(value.map(|value| (name.clone(), value)));
            }
            (!left.is_empty() || fields.is_empty()).then_some(Value::Object(left))
        }
        (relation @ (Relation::Set | Relation::Keyed(_)), Value::Array(items)) => {
            let left: Vec<_> = items
                .iter()
                .filter_map(|item| {
                    let element = relation.element(item);
                    match dropped.below(&element) {
                        None => Some(item.clone()),
                        Some(dropped) => {
                            let kept = kept.and_then(|kept| kept.below(&element));
                            let left = take_out(item, dropped, kept, shape.element())?;
                            Some(with_keys(left, item, &relation))
                        }
                    }
                })
                .collect();
            (!left.is_empty() || items.is_empty()).then_some(Value::Array(left))
        }
        _ => Some(value.clone()),
    }
}

/// An element keeps the fields that tell it from others as long as anything of it is left.
fn with_keys(mut left: Value, whole: &Value, relation: &Relation) -> Value {
    if let (Relation::Keyed(keys), Value::Object(fields)) = (relation, &mut left) {
        for key in keys {
            if let Some(value) = whole.get(key) {
                fields.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    left
}

/// What of a set is there in `value`.
pub(crate) fn present(fields: &FieldSet, value: &Value, shape: Shape<'_>) -> FieldSet {
    let relation = shape.relation(value);
    let mut found = FieldSet { member: fields.member, ..FieldSet::default() };
    for (element, below) in &fields.below {
        let child = match (element, value) {
            (Element::Field(name), Value::Object(fields)) => {
                fields.get(name).map(|child| (child, shape.field(name)))
            }
            (_, Value::Array(items)) => {
                let item = items.iter().find(|item| relation.element(item) == *element);
                item.map(|item| (item, shape.element()))
            }
            _ => None,
        };
        if let Some((child, shape)) = child {
            found.insert(element.clone(), present(below, child, shape));
        }
    }
    found
}
