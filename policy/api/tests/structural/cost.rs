//! What rules cost at most, estimated from above in the way of an API server: one rule as often as its place can occur
//! in a document, 10,000,000 at most (`celconfig`, StaticEstimatedCostLimit), and all rules of a definition 100,000,000
//! (StaticEstimatedCRDCostLimit). How often is the product of `maxItems` and `maxProperties` on the way to it
//! (`schema/cel/compilation.go`, CELSchemaContext.MaxCardinality).

use serde_json::Value;

const RULE: u64 = 10_000_000;
const DEFINITION: u64 = 100_000_000;

/// What costs too much.
pub(crate) fn excess(schema: &Value) -> Option<String> {
    let mut total = 0;
    let found = walk(schema, 1, "", &mut total);
    found.or_else(|| (total > DEFINITION).then(|| format!("all rules together cost {total}")))
}

fn walk(schema: &Value, times: u64, path: &str, total: &mut u64) -> Option<String> {
    for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        let text = rule["rule"].as_str().unwrap();
        let cost = cost(text, schema).saturating_mul(times);
        *total = total.saturating_add(cost);
        if cost > RULE {
            return Some(format!("{path}: `{text}` costs {cost}"));
        }
    }
    let many = |keyword: &str| schema.get(keyword).and_then(Value::as_u64).unwrap_or(3 << 20);
    if let Some(items) = schema.get("items")
        && let Some(found) = walk(items, times.saturating_mul(many("maxItems")), &format!("{path}[]"), total)
    {
        return Some(found);
    }
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, inner) in fields {
        if let Some(found) = walk(inner, times, &format!("{path}.{name}"), total) {
            return Some(found);
        }
    }
    None
}

/// Each operator, name and literal costs one, and a text as much as a tenth of its characters; what is inside of `all`
/// costs that for each entry, and `in` for each entry of what is searched.
fn cost(text: &str, schema: &Value) -> u64 {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let steps = u64::try_from(words.count() + text.len() / 10).unwrap();
    let property = |name: &str, bound: &str| {
        schema.pointer(&format!("/properties/{name}/{bound}")).and_then(Value::as_u64)
    };
    let mut times = 1;
    if let Some((before, _)) = text.split_once(".all(") {
        let list = before.rsplit("self.").next().unwrap();
        times = property(list, "maxItems").unwrap();
    }
    // A map without a bound has an entry for every four bytes of the largest request.
    let searched = if text.contains(" in self.") { 3 << 20 >> 2 } else { 0 };
    steps.saturating_mul(times).saturating_add(searched)
}
