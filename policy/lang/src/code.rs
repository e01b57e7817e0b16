//! Diagnostic codes. A code keeps its meaning for ever; new meanings get new codes.

macro_rules! codes {
    ($($name:ident = $number:literal, $severity:ident, $title:literal, $long:literal;)*) => {
        /// What a diagnostic is about. The number is stable across versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name = $number,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is printed: `B0105`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => concat!("B", stringify!($number)),)* }
            }

            /// In a few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What it means and what to do, in sentences.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $long,)* }
            }

            /// Whether it refuses the documents.
            pub fn severity(self) -> crate::Severity {
                match self { $(Self::$name => crate::Severity::$severity,)* }
            }
        }
    };
}

codes! {
    NotYaml = 1001, Error, "not YAML", "The text cannot be read as YAML 1.2. The message says where the reader gave up; the mistake is there or just before it, most often an indentation, a missing space after `:`, or an unclosed quote or bracket.";
    TooLarge = 1002, Error, "source too large", "A source may have 16 MiB. Split a larger one into several files.";
    Anchor = 1003, Error, "YAML anchor or alias", "Anchors and aliases are refused: a few of them can describe a document of astronomical size, and a reader of a policy should not have to follow references. Write the value where it is used.";
    Tag = 1004, Error, "YAML tag", "Explicit tags such as `!!str` are refused: every field has exactly one type. Remove the tag, and quote the value if it should be a string.";
    TooDeep = 1005, Error, "nested too deeply", "Documents are nested at most 64 levels deep. No valid document needs more than a dozen.";
    DuplicateKey = 1006, Error, "duplicate key", "The same key is written twice in one mapping. YAML readers disagree about which one counts, so neither does.";
    NotUtf8 = 1007, Error, "not UTF-8", "Sources are UTF-8 text. Convert the file, or check that it is not a binary file.";
    NoDocument = 1008, Error, "no document", "The source holds no document. An empty policy file would silently allow everything that no other file governs, so it is refused.";
    WrongType = 1101, Error, "wrong type", "The field holds a value of another type than it should. A plain `80`, `true`, `null` or `1.0` is not a string: quote it where a string is meant.";
    WrongApiVersion = 1102, Error, "wrong apiVersion", "The `apiVersion` does not belong to the `kind`. Bookend's documents are `bookend.dev/v1alpha1`.";
    UnknownKind = 1103, Error, "unknown kind", "The document is of a kind Bookend does not know. Policies of other systems are refused rather than ignored, because ignoring a policy changes what is allowed.";
    MissingField = 1104, Error, "missing field", "A field that the document needs is missing.";
    UnknownField = 1105, Error, "unknown field", "The field does not exist there. Unknown fields are never ignored: a misspelt condition would widen a rule.";
    EmptyList = 1106, Error, "empty list", "An empty list could mean everything or nothing. Leave the field out to mean everything, or remove the rule to mean nothing.";
    BadName = 1107, Error, "bad name", "Names are lower case DNS labels (RFC 1123): letters, digits and `-`, starting and ending with a letter or digit, at most 63 characters; metadata names may hold dots and 253 characters.";
    BadCidr = 1201, Error, "bad CIDR", "A block of addresses is written `address/prefix length` with no bits set after the prefix: `10.0.0.0/8`, `2001:db8::/32`, or a single address as `192.0.2.1/32`.";
    ExceptOutside = 1202, Error, "exception outside its block", "Every block in `except` lies strictly inside the `cidr` it is taken from (as Kubernetes `ipBlock.except`).";
    BadPort = 1203, Error, "bad port", "Ports are numbers from 1 to 65535 (RFC 6335, section 6), and `endPort` is not below `port`.";
    BadProtocol = 1204, Error, "bad protocol", "The protocol of a port is `TCP` (the default) or `UDP`, in capitals.";
    BadMethod = 1205, Error, "bad method", "A method is a token of RFC 9110, section 5.6.2, and is compared with regard to case; the registered methods are upper case.";
    BadPath = 1206, Error, "bad path pattern", "A path pattern is an exact path (`/a`), a prefix (`/a/*`) or a template (`/a/{id}`, `/a/{**}`), written decoded and in the canonical form of section `Paths` in docs/semantics.md.";
    BadLabel = 1207, Error, "bad label", "Label keys and values follow the syntax of Kubernetes labels: a key is an optional DNS prefix, `/`, and a name of at most 63 characters of letters, digits, `-`, `_` and `.`; a value is such a name or empty.";
    BadPeer = 1208, Error, "bad peer", "A peer says exactly one thing: `workloads` or `cidr`. Write two entries in the list to mean either.";
    HttpOverOther = 1209, Error, "HTTP conditions without TCP", "HTTP conditions can only be met over TCP (QUIC is opaque to the proxy). Remove the other port, or write a rule of its own for it.";
    UnknownOperator = 1210, Error, "unknown label operator", "The operators of a label expression are `In`, `NotIn`, `Exists` and `DoesNotExist`. `In` and `NotIn` need `values`; the others have none.";
    DuplicateRule = 1301, Error, "duplicate rule name", "Rule names are unique within a policy, because a verdict names the rule.";
    DuplicatePolicy = 1302, Error, "duplicate policy", "Two policies have the same namespace and name.";
    GovernsNothing = 1303, Error, "rule governs nothing", "A policy governs only the ends of a connection that lie in its own namespace. A rule that names other namespaces at both ends would have no effect; it belongs into a policy of one of those namespaces.";
    ForeignIsolation = 1304, Error, "isolation of another namespace", "A policy isolates workloads of its own namespace only.";
    TooMany = 1305, Error, "too many", "A limit of the language is exceeded. The message has the numbers.";
    DuplicateWorkload = 1401, Error, "duplicate workload", "Two documents describe the same workload and contradict each other. A manifest gives labels and service account; an `Inventory` may add addresses, interfaces and whether there is a proxy.";
    DuplicateAddress = 1402, Error, "duplicate address", "Two instances have the same address or the same interface, so nobody could tell which one a packet belongs to.";
    BadAddress = 1403, Error, "bad address", "An address is an IPv4 or IPv6 address without a prefix length, of one host: not unspecified, multicast, loopback or IPv4-mapped.";
    DuplicateObject = 1404, Error, "duplicate object", "Two documents describe the same object.";
    SelectsNothing = 1501, Warning, "selects nothing", "The selector matches no workload of the inventory. Either a label is misspelt, or the workloads do not exist yet.";
    NoProxy = 1502, Warning, "HTTP conditions toward a workload without a proxy", "The rule has HTTP conditions, and no Bookend filter stands in front of these destinations, so nobody could enforce the conditions. An allow rule does not match there and a deny rule denies the whole connection (docs/semantics.md, S9).";
    HalfOpen = 1503, Warning, "one end allows what the other denies", "The rule allows a connection at one end, but its other end lies in another namespace or is otherwise denied, so the connection is not made. The other namespace needs a policy of its own.";
    Unread = 1504, Warning, "document not used", "Bookend does not read documents of this kind, so it was not used. Workloads that only it runs are unknown.";
}

impl core::fmt::Display for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text)).ok_or(())
    }
}
