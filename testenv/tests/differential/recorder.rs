//! A plugin that tells everything it can see, in every callback.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The marker of its lines among those of others.
const MARK: &str = "@recorder ";

/// What the plugin does in one callback, beside recording.
#[derive(Debug, Clone, Default)]
pub(crate) struct Act {
    /// Calls whose statuses are recorded: import and arguments.
    pub(crate) calls: Vec<Probe>,
    /// What the callback answers.
    pub(crate) action: u32,
}

/// A hostcall with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    pub(crate) arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
pub(crate) enum Argument {
    Word(i32),
    Long(i64),
    /// An address and a length.
    Text(Vec<u8>),
}

/// One callback, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) callback: String,
    /// What was seen by name: a status and the bytes, in hexadecimal.
    pub(crate) seen: BTreeMap<String, String>,
}

/// The callbacks and how many parameters they have; those that answer an action.
const CALLBACKS: [(&str, usize, bool); 17] = [
    ("proxy_on_request_headers", 3, true),
    ("proxy_on_request_body", 3, true),
    ("proxy_on_request_trailers", 2, true),
    ("proxy_on_response_headers", 3, true),
    ("proxy_on_response_body", 3, true),
    ("proxy_on_response_trailers", 2, true),
    ("proxy_on_new_connection", 1, true),
    ("proxy_on_downstream_data", 3, true),
    ("proxy_on_upstream_data", 3, true),
    ("proxy_on_downstream_connection_close", 2, false),
    ("proxy_on_upstream_connection_close", 2, false),
    ("proxy_on_done", 1, true),
    ("proxy_on_log", 1, false),
    ("proxy_on_delete", 1, false),
    ("proxy_on_configure", 2, true),
    ("proxy_on_context_create", 2, false),
    ("proxy_on_http_call_response", 5, false),
];

const IMPORTS: [(&str, &str); 31] = [
    ("proxy_log", "iii"),
    ("proxy_get_log_level", "i"),
    ("proxy_set_tick_period_milliseconds", "i"),
    ("proxy_set_effective_context", "i"),
    ("proxy_done", ""),
    ("proxy_get_status", "iii"),
    ("proxy_define_metric", "iiii"),
    ("proxy_increment_metric", "iI"),
    ("proxy_record_metric", "iI"),
    ("proxy_get_metric", "ii"),
    ("proxy_call_foreign_function", "iiiiii"),
    ("proxy_get_property", "iiii"),
    ("proxy_set_property", "iiii"),
    ("proxy_get_buffer_bytes", "iiiii"),
    ("proxy_get_buffer_status", "iii"),
    ("proxy_set_buffer_bytes", "iiiii"),
    ("proxy_get_shared_data", "iiiii"),
    ("proxy_set_shared_data", "iiiii"),
    ("proxy_resolve_shared_queue", "iiiii"),
    ("proxy_dequeue_shared_queue", "iii"),
    ("proxy_get_header_map_pairs", "iii"),
    ("proxy_set_header_map_pairs", "iii"),
    ("proxy_get_header_map_size", "ii"),
    ("proxy_get_header_map_value", "iiiii"),
    ("proxy_add_header_map_value", "iiiii"),
    ("proxy_replace_header_map_value", "iiiii"),
    ("proxy_remove_header_map_value", "iii"),
    ("proxy_send_local_response", "iiiiiiii"),
    ("proxy_continue_stream", "i"),
    ("proxy_close_stream", "i"),
    ("proxy_http_call", "iiiiiiiiii"),
];

/// Memory: results at 0 and 4, texts from `TEXTS`, the output from `OUTPUT`; what the host allocates comes from 0x200000.
const OUTPUT: usize = 0x1_0000;
const TEXTS: usize = 0x8;

/// Functions that write to the output.
const COMMON: &str = r#"
  (memory (export "memory") 96)
  (global $next (mut i32) (i32.const 0x200000))
  (global $out (mut i32) (i32.const 0x10000))
  (func (export "malloc") (param $size i32) (result i32)
    global.get $next
    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -8)))))
  (func (export "proxy_abi_version_0_2_1"))
  (func $put (param $byte i32)
    (i32.store8 (global.get $out) (local.get $byte))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))
  (func $digit (param $value i32)
    (call $put (i32.add (local.get $value)
      (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $value) (i32.const 10))))))
  (func $hex (param $byte i32)
    (call $digit (i32.shr_u (local.get $byte) (i32.const 4)))
    (call $digit (i32.and (local.get $byte) (i32.const 15))))
  (func $text (param $at i32) (param $size i32)
    (block $end (loop $more
      (br_if $end (i32.eqz (local.get $size)))
      (call $put (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $size (i32.sub (local.get $size) (i32.const 1)))
      (br $more))))
  (func $bytes (param $at i32) (param $size i32)
    (block $end (loop $more
      (br_if $end (i32.eqz (local.get $size)))
      (call $hex (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $size (i32.sub (local.get $size) (i32.const 1)))
      (br $more))))
  (func $word (param $value i32)
    (call $hex (i32.and (i32.shr_u (local.get $value) (i32.const 24)) (i32.const 255)))
    (call $hex (i32.and (i32.shr_u (local.get $value) (i32.const 16)) (i32.const 255)))
    (call $hex (i32.and (i32.shr_u (local.get $value) (i32.const 8)) (i32.const 255)))
    (call $hex (i32.and (local.get $value) (i32.const 255))))
  (func $clear (i32.store (i32.const 0) (i32.const -1)) (i32.store (i32.const 4) (i32.const -1)))
  ;; A status, and the block that the results at 0 and 4 name, or `none` where nothing was written.
  (func $answer (param $status i32)
    (call $hex (local.get $status))
    (call $put (i32.const 58))
    (if (i32.eqz (local.get $status)) (then
      (if (i32.eq (i32.load (i32.const 4)) (i32.const -1))
        (then (call $put (i32.const 45)))
        (else (call $bytes (i32.load (i32.const 0)) (i32.load (i32.const 4)))))))
    (call $put (i32.const 32)))
  (func $begin
    (global.set $next (i32.const 0x200000))
    (global.set $out (i32.const 0x10000)))
  (func $end
    (drop (call $proxy_log (i32.const 3) (i32.const 0x10000) (i32.sub (global.get $out) (i32.const 0x10000)))))
"#;

/// Texts that the plugin holds.
#[derive(Default)]
struct Texts {
    data: Vec<u8>,
}

impl Texts {
    /// The address and the length, as two constants.
    fn keep(&mut self, text: &[u8]) -> String {
        let at = TEXTS + self.data.len();
        self.data.extend_from_slice(text);
        assert!(TEXTS + self.data.len() < OUTPUT, "the texts fit");
        format!("(i32.const {at}) (i32.const {})", text.len())
    }
}

/// The plugin, in binary form. It reads these properties, segment by segment, and acts as it is told in the callbacks
/// that are named.
pub(crate) fn plugin(properties: &[&[&str]], acts: &BTreeMap<&str, Act>) -> Vec<u8> {
    let mut texts = Texts::default();
    let mut module = String::from("(module\n");
    for (name, parameters) in IMPORTS {
        let types: String = parameters.chars().map(|c| if c == 'I' { " i64" } else { " i32" }).collect();
        let _ = writeln!(module, "(import \"env\" \"{name}\" (func ${name} (param{types}) (result i32)))");
    }
    module.push_str(COMMON);
    let look = look(properties, &mut texts);
    let _ = writeln!(module, "(func $look {look})");
    for (name, parameters, answers) in CALLBACKS {
        let act = acts.get(name).cloned().unwrap_or_default();
        let mark = texts.keep(format!("{MARK}{name} ").as_bytes());
        let mut body = format!("(call $begin) (call $text {mark})\n");
        // The numbers of contexts differ between proxies that count other streams, too.
        for parameter in 1..parameters {
            let label = texts.keep(format!("argument{parameter}=00:").as_bytes());
            let _ = writeln!(
                body,
                "(call $text {label}) (call $word (local.get {parameter})) (call $put (i32.const 32))"
            );
        }
        if !name.ends_with("context_create") {
            body.push_str("(call $look)\n");
        }
        for (number, probe) in act.calls.iter().enumerate() {
            let label = texts.keep(format!("{number}.{}=", probe.name).as_bytes());
            let arguments: String = probe.arguments.iter().map(|it| it.text(&mut texts)).collect();
            let _ = writeln!(
                body,
                "(call $clear) (call $text {label}) (call $answer (call ${} {arguments}))",
                probe.name
            );
        }
        body.push_str("(call $end)\n");
        let kind = if answers { " (result i32)" } else { "" };
        let always = matches!(name, "proxy_on_configure" | "proxy_on_done");
        let action = if always { 1 } else { act.action };
        let answer = if answers { format!("(i32.const {action})") } else { String::new() };
        let _ = writeln!(
            module,
            "(func (export \"{name}\") (param{}){kind} {body} {answer})",
            " i32".repeat(parameters)
        );
    }
    let data: String = texts.data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let _ = writeln!(module, "(data (i32.const {TEXTS}) \"{data}\"))");
    wat::parse_str(&module).expect("the recorder's text is well formed")
}

/// Records every map, every buffer and these properties.
fn look(properties: &[&[&str]], texts: &mut Texts) -> String {
    let mut body = String::new();
    for (map, name) in
        ["request-headers", "request-trailers", "response-headers", "response-trailers"].iter().enumerate()
    {
        let label = texts.keep(format!("{name}=").as_bytes());
        let _ = writeln!(
            body,
            "(call $clear) (call $text {label})
             (call $answer (call $proxy_get_header_map_pairs (i32.const {map}) (i32.const 0) (i32.const 4)))"
        );
    }
    for (buffer, name) in
        ["request-body", "response-body", "downstream-data", "upstream-data"].iter().enumerate()
    {
        let label = texts.keep(format!("{name}=").as_bytes());
        let _ = writeln!(
            body,
            "(call $clear) (call $text {label})
             (call $answer (call $proxy_get_buffer_bytes (i32.const {buffer}) (i32.const 0) (i32.const -1)
               (i32.const 0) (i32.const 4)))"
        );
    }
    for path in properties {
        let label = texts.keep(format!("{}=", path.join("/").replace(' ', "_")).as_bytes());
        let path = texts.keep(path.join("\0").as_bytes());
        let _ = writeln!(
            body,
            "(call $clear) (call $text {label})
             (call $answer (call $proxy_get_property {path} (i32.const 0) (i32.const 4)))"
        );
    }
    body
}

impl Argument {
    fn text(&self, texts: &mut Texts) -> String {
        match self {
            Self::Word(word) => format!(" (i32.const {word})"),
            Self::Long(long) => format!(" (i64.const {long})"),
            Self::Text(text) => format!(" {}", texts.keep(text)),
        }
    }
}

/// The records in a log.
pub(crate) fn records<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<Record> {
    let marked = lines.into_iter().filter_map(|line| line.split_once(MARK));
    let records = marked.map(|(_, text)| {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let callback = words.next().unwrap_or_default().to_owned();
        let seen = words
            .filter_map(|word| word.split_once('='))
            .map(|(name, seen)| (name.to_owned(), seen.to_owned()));
        Record { callback, seen: seen.collect() }
    });
    records.collect()
}

/// What a status and bytes in hexadecimal say, for people.
pub(crate) fn readable(seen: &str) -> String {
    let (status, bytes) = seen.split_once(':').unwrap_or((seen, ""));
    let decoded: Vec<u8> = bytes
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    format!(
        "{status} `{}`",
        if bytes == "-" { "(nothing written)".to_owned() } else { decoded.escape_ascii().to_string() }
    )
}
