//! Network configurations of a node, as texts: with the plugin at the end of its list, and without it.
//!
//! Everything else stays as it is written, to the byte: others compare these files, and people read them.

use serde_json::Value;
use std::ops::Range;

/// The plugin's name in configurations and in the directory of plugins.
pub(super) const PLUGIN: &str = "bookend-cni";

/// Why a text is no list of plugins that another could be added to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// It is not JSON.
    #[error("it is not JSON ({0})")]
    Unreadable(String),
    /// It has no plugins.
    #[error("it has no `plugins`")]
    Empty,
    /// It says something twice.
    #[error("it says `plugins` twice")]
    Twice,
}

/// The text of a list with `entry` as its last plugin, and in no other place; `None` if it is so already.
///
/// # Errors
/// See [`Unfit`].
pub(super) fn with(text: &str, entry: &Value) -> Result<Option<String>, Unfit> {
    let list = List::read(text)?;
    if list.own == [list.plugins.len() - 1] && list.value(list.plugins.len() - 1).as_ref() == Some(entry) {
        return Ok(None);
    }
    let text = without(text)?.unwrap_or_else(|| text.to_owned());
    let list = List::read(&text)?;
    let Some(last) = list.plugins.last() else { return Err(Unfit::Empty) };
    // As the one before it is set off, so is this.
    let space = list.before(list.plugins.len() - 1);
    let (head, tail) = (text.get(..last.end), text.get(last.end..));
    Ok(head.zip(tail).map(|(head, tail)| format!("{head},{space}{entry}{tail}")))
}

/// The text of a list without the plugin; `None` if it is not in it.
///
/// # Errors
/// See [`Unfit`].
pub(super) fn without(text: &str) -> Result<Option<String>, Unfit> {
    let list = List::read(text)?;
    if list.own.is_empty() {
        return Ok(None);
    }
    if list.own.len() == list.plugins.len() {
        return Err(Unfit::Empty);
    }
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for (place, number) in list.own.iter().enumerate() {
        let Some(plugin) = list.plugins.get(*number) else { continue };
        // Nothing that stays is before it.
        let leads = place == *number;
        let goes = match number.checked_sub(1).and_then(|before| list.plugins.get(before)) {
            // With the comma before it.
            Some(before) if !leads => before.end..plugin.end,
            // With the comma behind it.
            _ => plugin.start..list.plugins.get(number + 1).map_or(plugin.end, |next| next.start),
        };
        let start = goes.start.max(from);
        kept.push_str(text.get(from..start).unwrap_or_default());
        from = goes.end.max(from);
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    Ok(Some(kept))
}

/// The text of a list that has the one plugin of a plain configuration, and `entry` behind it.
///
/// # Errors
/// See [`Unfit`].
pub(super) fn converted(text: &str, entry: &Value) -> Result<String, Unfit> {
    let value: Value = serde_json::from_str(text).map_err(|error| Unfit::Unreadable(error.to_string()))?;
    if !value.get("type").is_some_and(Value::is_string) {
        return Err(Unfit::Empty);
    }
    // Those before 0.3.0 know no lists of plugins.
    let version = value.get("cniVersion").cloned().unwrap_or_else(|| "0.3.1".into());
    let name = value.get("name").cloned().unwrap_or_else(|| "k8s-pod-network".into());
    let plugin = text.trim().replace('\n', "\n    ");
    Ok(format!(
        "{{\n  \"cniVersion\": {version},\n  \"name\": {name},\n  \"plugins\": [\n    {plugin},\n    {entry}\n  ]\n}}\n"
    ))
}

/// Where in a text the plugins of a list are.
struct List<'t> {
    text: &'t str,
    /// The begin of what is in the list.
    start: usize,
    plugins: Vec<Range<usize>>,
    /// Which of them are this plugin, ascending.
    own: Vec<usize>,
}

impl<'t> List<'t> {
    fn read(text: &'t str) -> Result<Self, Unfit> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| Unfit::Unreadable(error.to_string()))?;
        let plugins = value.get("plugins").and_then(Value::as_array);
        let Some(plugins) = plugins.filter(|plugins| !plugins.is_empty()) else { return Err(Unfit::Empty) };
        let is_own = |plugin: &Value| plugin.get("type").and_then(Value::as_str) == Some(PLUGIN);
        let own = plugins.iter().enumerate().filter(|(_, plugin)| is_own(plugin));
        let own = own.map(|(number, _)| number).collect();
        // It is JSON, so that from here on only brackets, commas and strings matter.
        let mut members = parts(text, text.find('{').unwrap_or_default()).into_iter().filter(|member| {
            let member = text.get(member.clone()).unwrap_or_default();
            let end = string_end(member, 0);
            serde_json::from_str::<String>(member.get(..end).unwrap_or_default())
                .is_ok_and(|key| key == "plugins")
        });
        let (member, second) = (members.next().unwrap_or_default(), members.next());
        if second.is_some() {
            return Err(Unfit::Twice);
        }
        let key = member.start + string_end(text.get(member.clone()).unwrap_or_default(), 0);
        let start = key + text.get(key..).and_then(|rest| rest.find('[')).unwrap_or_default();
        let found = parts(text, start);
        match found.len() == plugins.len() {
            true => Ok(Self { text, start: start + 1, plugins: found, own }),
            false => Err(Unfit::Empty),
        }
    }

    fn value(&self, number: usize) -> Option<Value> {
        serde_json::from_str(self.text.get(self.plugins.get(number)?.clone())?).ok()
    }

    /// The space before a plugin.
    fn before(&self, number: usize) -> &'t str {
        let Some(plugin) = self.plugins.get(number) else { return "" };
        let end = number.checked_sub(1).and_then(|before| self.plugins.get(before));
        let from = end.map_or(self.start, |before| before.end);
        let between = self.text.get(from..plugin.start).unwrap_or_default();
        between.rsplit(',').next().unwrap_or_default()
    }
}

/// What is between the commas of the array or object that begins at `start`, without the space around it.
fn parts(text: &str, start: usize) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut parts, mut depth, mut begin, mut end) = (Vec::new(), 0_usize, None, start);
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let next = if *byte == b'"' { string_end(text, at) } else { at + 1 };
        let opens = matches!(byte, b'{' | b'[');
        let closes = matches!(byte, b'}' | b']');
        if (closes || *byte == b',') && depth == 1 {
            parts.extend(begin.take().map(|begin| begin..end));
        } else if depth >= 1 && !byte.is_ascii_whitespace() {
            begin = begin.or(Some(at));
            end = next;
        }
        depth = if opens { depth + 1 } else { depth - usize::from(closes) };
        if depth == 0 {
            break;
        }
        at = next;
    }
    parts
}

/// The end of the string that begins at `start`.
fn string_end(text: &str, start: usize) -> usize {
    let mut escaped = false;
    let rest = text.as_bytes().get(start + 1..).unwrap_or_default();
    let length = rest.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    length.map_or(text.len(), |length| start + length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry() -> Value {
        json!({ "type": PLUGIN, "timeoutSeconds": 10 })
    }

    const CALICO: &str = "{\n  \"name\": \"k8s-pod-network\",\n  \"cniVersion\": \"0.3.1\",\n  \"plugins\": [\n    {\n      \"type\": \"calico\",\n      \"note\": \"a ] , \\\" plugins\"\n    },\n    {\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}}\n  ]\n}\n";

    #[test]
    fn the_plugin_comes_last_and_everything_else_stays_as_it_was() {
        for text in [
            CALICO,
            r#"{"plugins":[{"type":"ptp"}]}"#,
            "{\"plugins\" : [ {\"type\":\"a\"} ,\t{\"type\":\"b\"} ], \"name\":\"[x\"}",
        ] {
            let added = with(text, &entry()).unwrap().unwrap();
            let (value, before): (Value, Value) =
                (serde_json::from_str(&added).unwrap(), serde_json::from_str(text).unwrap());
            let plugins = value["plugins"].as_array().unwrap();
            assert_eq!(plugins.last(), Some(&entry()));
            assert_eq!(plugins[..plugins.len() - 1], before["plugins"].as_array().unwrap()[..]);
            assert_eq!(with(&added, &entry()).unwrap(), None);
            assert_eq!(without(&added).unwrap().as_deref(), Some(text));
            assert_eq!(without(text).unwrap(), None);
        }
        let added = with(CALICO, &entry()).unwrap().unwrap();
        assert!(
            added.contains("true}},\n    {\"timeoutSeconds\":10,\"type\":\"bookend-cni\"}\n  ]"),
            "{added}"
        );
    }

    #[test]
    fn it_is_never_there_twice_nor_in_front_nor_of_old() {
        let old = r#"{"type":"bookend-cni","timeoutSeconds":3}"#;
        for text in [
            format!(r#"{{"plugins":[{{"type":"ptp"}},{old}]}}"#),
            format!(r#"{{"plugins":[{old},{{"type":"ptp"}}]}}"#),
            format!(r#"{{"plugins":[{old}, {old}, {{"type":"ptp"}}, {old}]}}"#),
            format!(r#"{{"plugins":[{{"type":"ptp"}},{old},{old}]}}"#),
        ] {
            let added = with(&text, &entry()).unwrap().unwrap();
            let value: Value = serde_json::from_str(&added).unwrap();
            assert_eq!(value["plugins"], json!([{ "type": "ptp" }, entry()]), "{text}");
            let value: Value = serde_json::from_str(&without(&text).unwrap().unwrap()).unwrap();
            assert_eq!(value["plugins"], json!([{ "type": "ptp" }]), "{text}");
        }
    }

    #[test]
    fn a_plain_configuration_becomes_a_list() {
        let plain = "{\n  \"cniVersion\": \"0.4.0\",\n  \"name\": \"mynet\",\n  \"type\": \"bridge\"\n}\n";
        let list: Value = serde_json::from_str(&converted(plain, &entry()).unwrap()).unwrap();
        let before: Value = serde_json::from_str(plain).unwrap();
        assert_eq!(list, json!({ "cniVersion": "0.4.0", "name": "mynet", "plugins": [before, entry()] }));
        assert!(converted(r#"{"name":"x"}"#, &entry()).is_err());
    }

    #[test]
    fn what_is_no_list_is_left_alone() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"plugins\":[]}",
            "{\"plugins\":{}}",
            "{",
            r#"{"plugins":[{"type":"bookend-cni"}]}"#,
        ] {
            assert!(with(text, &entry()).is_err() || text.contains(PLUGIN), "{text}");
        }
        assert_eq!(without(r#"{"plugins":[{"type":"bookend-cni"}]}"#), Err(Unfit::Empty));
        assert_eq!(
            with(r#"{"plugins":[{"type":"a"}],"plugins":[{"type":"b"}]}"#, &entry()),
            Err(Unfit::Twice)
        );
    }
}
