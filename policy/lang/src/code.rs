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
    NotFormattable = 1009, Error, "cannot be formatted", "The source cannot be laid out anew without losing a comment or a directive, or changing what it says. Nothing was changed. Comments on lines of their own, before the entry they are about, can always be kept.";
    WrongType = 1101, Error, "wrong type", "The field holds a value of another type than it should. A plain `80`, `true`, `null` or `1.0` is not a string: quote it where a string is meant.";
    WrongApiVersion = 1102, Error, "wrong apiVersion", "The `apiVersion` does not belong to the `kind`. Bookend's documents are `bookend.dev/v1alpha1`.";
    UnknownKind = 1103, Error, "unknown kind", "The document is of a kind Bookend does not know. Policies of other systems are refused rather than ignored, because ignoring a policy changes what is allowed.";
    MissingField = 1104, Error, "missing field", "A field that the document needs is missing.";
    UnknownField = 1105, Error, "unknown field", "The field does not exist there. Unknown fields are never ignored: a misspelt condition would widen a rule.";
    EmptyList = 1106, Error, "empty list", "An empty list could mean everything or nothing. Leave the field out to mean everything, or remove the rule to mean nothing.";
    BadName = 1107, Error, "bad name", "Names are lower case DNS labels (RFC 1123): letters, digits and `-`, starting and ending with a letter or digit, at most 63 characters; metadata names may hold dots and 253 characters.";
    UnknownWord = 1108, Error, "unknown word", "The field takes one of a few words, which the message names; they are compared with regard to case.";
    OutOfRange = 1109, Error, "number out of range", "The field takes a whole number in a range, which the message names, in decimal digits: `010` and `0x10` are octal and hexadecimal to some readers.";
    EmptyMapping = 1110, Error, "empty mapping", "An empty mapping could mean everything or nothing. Leave the field out to mean everything. (`workloads: {}` and `namespaces: {}` are fine: every workload, every namespace.)";
    DuplicateEntry = 1111, Error, "duplicate entry", "The list says the same twice. Nobody does so on purpose; one of the two was probably meant to say something else.";
    BadLength = 1112, Error, "bad length", "The text is empty or longer than the limit that the message names.";
    Conflict = 1113, Error, "fields that exclude each other", "Two fields are written of which only one can be: they say the same thing in two ways, or one takes away what the other needs.";
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
    BadHost = 1211, Error, "bad host", "A host is a name (`example.com`), a pattern for all names below one (`*.example.com`) or an address (`192.0.2.1`, `[2001:db8::1]`), in lower case, and with a port only where the port must be there (`example.com:8443`). Names in other scripts are written in their ASCII form (`xn--…`).";
    BadHeader = 1212, Error, "bad header", "The name of a header is a token of RFC 9110, section 5.1, and is compared without regard to case. The host, the path and the method are conditions of their own: `hosts`, `paths` and `methods`.";
    BadComparison = 1213, Error, "bad comparison", "A value is compared by `exact`, `prefix`, `suffix` and `regex`, each a string or a list of which one must fit, or by `present: true` or `present: false` alone. Only printable ASCII can be compared with certainty (docs/semantics.md, S49).";
    BadRegex = 1214, Error, "bad regular expression", "A regular expression must match the whole value, in linear time: characters, `.`, classes such as `[a-z]` and `\\d`, groups, `|`, `*`, `+`, `?` and `{2,5}`, as RE2 reads them, without anchors, flags, look-around and back references. It has at most 256 bytes, and what it is compiled to is limited too (docs/semantics.md, S58).";
    BadGrpc = 1215, Error, "bad gRPC condition", "A gRPC condition names a service by its full name (`package.Service`) and, if only one is meant, a method.";
    BadToken = 1216, Error, "bad JWT condition", "A JWT condition says something about one verified token: `issuer`, `subject`, `audiences` or `claims`.";
    BadWhen = 1217, Error, "bad `when`", "`when` compares attributes of the request, the token and both ends with each other, in the syntax of CEL: `jwt.claims.sub == path.user`. docs/policy.md lists the attributes and operators.";
    BadPrincipal = 1218, Error, "bad principal", "A principal is a SPIFFE id (`spiffe://trust-domain/path`), or one with a `*` at its end or at its start (`spiffe://partner.example/*`, `*/sa/web`).";
    BadPortName = 1219, Error, "bad port name", "The name of a port is an IANA service name: 1 to 15 of `a`–`z`, `0`–`9` and `-`, with at least one letter, without `-` at either end or twice in a row (RFC 6335, section 5.1).";
    BadIcmp = 1220, Error, "bad ICMP type", "ICMP has types from 0 to 255 and codes from 0 to 255. Errors pass iff they belong to a known connection (docs/semantics.md, S17), and neighbour discovery as far as own addresses need it (S20), so no rule can name them.";
    PrincipalOfDestination = 1221, Error, "principal of a destination", "Principals are proved by the certificate of whoever opens a connection. Who accepts it proves nothing to the filter that stands before it, so `principals` belongs into `from` (docs/semantics.md, S59).";
    UnnamedSegment = 1222, Error, "segment that is not named", "`path.NAME` in `when` means the segment `{NAME}` of the path pattern that matched, so every pattern in `paths` of the same condition must have it.";
    NeverHolds = 1223, Error, "condition that never holds", "The parts contradict each other, so that nothing can satisfy all of them. A deny rule that never matches protects nothing, and an allow rule that never matches misleads its reader.";
    BadAnswer = 1224, Error, "bad answer", "A deny rule may say what a proxy answers to a request that it refuses: a `status` from 300 to 599, a `body`, and `headers` with names that are tokens (RFC 9110, 5.1) and values of printable ASCII (5.5). Headers that concern one hop, the length of the message, gRPC, or that the proxy writes itself are refused; so is a status without the header that gives it its meaning, such as 401 without `www-authenticate`.";
    IdleAnswer = 1225, Error, "answer of a rule that does not deny", "Only a deny rule refuses anything, so only it has an `answer`. Whom no rule allows and an isolation denies gets the usual answer; a deny rule of a lower priority can give another one.";
    BadLimit = 1230, Error, "bad limit", "A limit has a `rate`, so many for each second, minute or hour (`100/s`, `600/m`, `10/h`; 1 to 1000000000), and may have a `burst`, how many may come at once after a silence (1 to 1000000; as many as a second allows when left out).";
    IdleLimits = 1231, Error, "limits of a rule that lets nothing pass", "Only an allow rule that is enforced lets anything pass, so only such a rule has `limits`. What a deny rule matches does not pass at all, a pass rule leaves the decision to another rule, and a rule in audit mode is only rehearsed.";
    IdleLimit = 1232, Warning, "limit that never acts", "Another limit of the rule is always reached first, because all that counts to the one counts to the other: every connection is opened by a packet, and what one source does is part of what all do. Or the limit is per source in a rule that governs sources only: each workload is then the only source at its own interface, so the limit is the same as that of all together.";
    DuplicateInterface = 1250, Error, "interface named twice", "Each interface of a `Host` is named once, with all the addresses that the host is reached at by it. An address may stand at several interfaces of the same host.";
    HostName = 1251, Error, "bad name of a host", "The name of a `Host` is also the value of its label `bookend.dev/host`, by which policies can mean this host alone; so it has at most 63 characters.";
    HostAddress = 1252, Error, "address of somebody else", "An address of a `Host` belongs to another host or to a workload as well, so nobody could tell which one a packet belongs to. Pods with `hostNetwork: true` are no others: they are part of the host whose address they use.";
    BadFailsafe = 1253, Error, "bad failsafe", "A failsafe names ports of TCP, UDP or SCTP by number, and may be narrowed to the peers in one block: `{ port: 22, cidr: 192.0.2.0/24 }`.";
    NoFailsafe = 1254, Warning, "no failsafe", "An empty list in `failsafe` means that nothing in this direction is safe from policies, so a policy that is wrong can lock everybody out, its author too (docs/operations.md, \"Lock-out rescue\"). Leave the list out to have the default.";
    HostLabel = 1255, Warning, "label of hosts", "The label `bookend.dev/host` tells which host a workload is, and failsafe rules go by it. On anything else it is left out, so that nobody can take a host's failsafe for himself.";
    LoopbackInterface = 1256, Error, "loopback is not policed", "What a host says to itself goes over `lo` and is not judged (docs/semantics.md, S48).";
    ServiceAtWorkload = 1240, Error, "address of a Service and of a workload", "Who dials an address of a Service reaches somebody behind it, and who dials a workload's own address reaches the workload. No address can be both. Behind the address of a load balancer there may be a node: leave out whichever of the two packets do not go to. Of a Service in a manifest, B1521 warns instead.";
    SharedServicePort = 1241, Error, "two Services in one place", "Two Services have the same address and, on it, the same port of the same protocol, or a Service has a port twice, so nobody could tell who is reached there. Services may share an address if their ports differ. Of one address of two manifests, B1521 warns instead.";
    DuplicateRule = 1301, Error, "duplicate rule name", "Rule names are unique within a policy, because a verdict names the rule.";
    DuplicatePolicy = 1302, Error, "duplicate policy", "Two policies have the same namespace and name.";
    GovernsNothing = 1303, Error, "rule governs nothing", "A policy governs only the ends of a connection that lie in its own namespace. A rule that names other namespaces at both ends would have no effect; it belongs into a policy of one of those namespaces.";
    ForeignIsolation = 1304, Error, "isolation of another namespace", "A policy isolates workloads of its own namespace only.";
    TooMany = 1305, Error, "too many", "A limit of the language is exceeded. The message has the numbers.";
    UnknownTier = 1306, Error, "unknown tier", "The policy names a tier that no document describes. Built in are `admin`, `default` and `baseline`, `network-admin`, `network`, `network-baseline` and `network-profiles`, and `mesh`; a `Tier` document adds another.";
    ClusterTier = 1307, Error, "tier for cluster policies only", "Only a `ClusterPolicy` may be in this tier. A `Tier` document says `namespaced: true` to let policies of namespaces in.";
    UnknownNetwork = 1308, Error, "unknown network", "The peer names a network that no `Network` document describes.";
    UnknownEntity = 1309, Error, "entity without addresses", "The rule names `node` or `kube-apiserver`, and no inventory says which addresses those have. Add `nodes` or `kubeApiserver` to an `Inventory`, or a manifest of a Node.";
    NoNetwork = 1310, Warning, "no network selected", "No `Network` document has these labels, so the peer is nobody.";
    DuplicateWorkload = 1401, Error, "duplicate workload", "Two documents describe the same workload and contradict each other. A manifest gives labels and service account; an `Inventory` may add addresses, interfaces and whether there is a proxy.";
    DuplicateAddress = 1402, Error, "duplicate address", "Two instances have the same address or the same interface, so nobody could tell which one a packet belongs to.";
    BadAddress = 1403, Error, "bad address", "An address is an IPv4 or IPv6 address without a prefix length, of one host: not unspecified, multicast, loopback or IPv4-mapped.";
    DuplicateObject = 1404, Error, "duplicate object", "Two documents describe the same object.";
    AmbiguousWorkload = 1405, Error, "ambiguous workload", "Manifests of several kinds describe workloads of this name and namespace, and an entry of an `Inventory` does not say which of them it means. Add `kind`, as the manifest has it.";
    HostNetwork = 1406, Warning, "workload on the network of its node", "Pods with `hostNetwork: true` have no address of their own: all their packets come from the node's address and go to it. They are known by their certificates and to the proxies in front of others, but at the packet layer rules about them hold nowhere and their isolation protects nothing. `entities: [node]` means the packets of all of them and of the node itself.";
    HostNetworkAddress = 1407, Error, "address of a workload on the network of its node", "A workload with `hostNetwork: true` has no address of its own, so an `Inventory` cannot give it one: everything on the node would be taken for that workload. Addresses of nodes belong into `nodes`.";
    NetworkOfNames = 1408, Error, "network of DNS names", "`dnsNames` is reserved. Nothing resolves names yet in a way that both the kernel and the proxies could trust, so a network is made of addresses.";
    BuiltInTier = 1409, Error, "built-in tier", "The tiers `admin` (order 100), `default` (order 1000) and `baseline` (order 10000) of the plane `bookend`, `network-admin`, `network`, `network-baseline` and `network-profiles` of the plane `network`, and `mesh` are always there and cannot be described again.";
    TierOrder = 1410, Error, "two tiers in one place", "Tiers of a plane are gone through by their `order`, so no two have the same. Built in are 100, 1000 and 10000 in the plane `bookend`; 1000, 1000000, 10000000 and 100000000 in `network`; 1000 in `mesh`.";
    AmbiguousPort = 1411, Error, "ambiguous port name", "Within a workload a port name means one number of a protocol. Two containers of a pod that give the same name to different ports leave open which one a policy means.";
    JwtWithoutProxy = 1412, Error, "tokens without a proxy", "`jwt: true` says that the proxy in front of the workload verifies JSON web tokens. Without a proxy nobody does.";
    NamespaceName = 1413, Error, "false name of a namespace", "Kubernetes gives every namespace the label `kubernetes.io/metadata.name`, and its value is the name. A document that says otherwise would let policies mean another namespace.";
    SelectsNothing = 1501, Warning, "selects nothing", "The selector matches no workload of the inventory. Either a label is misspelt, or the workloads do not exist yet.";
    NoProxy = 1502, Warning, "HTTP conditions toward a workload without a proxy", "The rule has HTTP conditions, and no Bookend filter stands in front of these destinations, so nobody could enforce the conditions. An allow rule does not match there and a deny rule denies the whole connection (docs/semantics.md, S9).";
    HalfOpen = 1503, Warning, "one end allows what the other denies", "The rule allows a connection at one end, but its other end lies in another namespace or is otherwise denied, so the connection is not made. The other namespace needs a policy of its own.";
    Unread = 1504, Warning, "document not used", "Bookend does not read documents of this kind, so it was not used. Workloads that only it runs are unknown.";
    Duplicate = 1505, Warning, "rule said twice", "Another rule says exactly the same. A verdict names only the one that is tried first, so the other never decides.";
    Unreachable = 1506, Warning, "rule never decides", "Wherever this rule could decide, with the workloads of the inventory and every address outside, something that is tried before it has decided already: an earlier tier, a lower priority, a deny rule, or another rule for the same connections. Remove it, or narrow what comes before it.";
    Moot = 1507, Warning, "HTTP conditions without effect", "The rule allows some requests, but requests that do not meet its conditions are allowed as well: by a rule without conditions for the same connections, or because no isolation denies them. So the conditions keep nobody out.";
    NoDns = 1508, Warning, "isolation cuts off DNS", "The isolation denies what these workloads send to port 53, and no rule allows it, so they cannot look up any name. Allow UDP and TCP 53 to the cluster's DNS.";
    UnverifiedTokens = 1509, Warning, "tokens that nobody verifies", "The rule asks for claims of a JSON web token, but the destination's proxy verifies none (`jwt: true` in the inventory says that it does). Such a condition is in doubt there: an allow rule does not match, and a deny rule denies (docs/semantics.md, S54).";
    NoSuchPort = 1510, Warning, "named port that nobody has", "The rule names a port that no destination in the inventory gives one of its ports (docs/semantics.md, S44). Write the number, or check the spelling against the `ports` of the containers. The same is said of a container's probe that names a port the container does not have.";
    Indistinct = 1511, Warning, "peers that a proxy cannot tell apart", "Labels come from the inventory, not from the peer: a proxy knows the peer's account from its certificate, and which of the workloads under that account it is only from its address (docs/semantics.md, S22). Where the inventory does not have the address and the rule means only some of them, it is in doubt. Give the workloads accounts of their own, or their addresses to the inventory.";
    NoAddress = 1512, Warning, "isolated workload without an address", "The packet layer knows workloads by their addresses. It protects a workload only once its address is known, and takes it for somebody outside until then. The inventory has addresses of other workloads, so these are probably missing.";
    WiderThanTraffic = 1513, Warning, "wider than its traffic", "The audit trail has traffic that this rule allowed, but none for part of what it allows. That part may be removed, if the trail is long enough to have seen everything that is needed.";
    NoProbes = 1514, Warning, "isolation cuts off probes", "The isolation denies what the kubelet of the workload's node asks it, and no rule allows it, so the pod is taken for broken: it gets no traffic, or is restarted again and again. A node has no privilege (docs/semantics.md, S48). Allow the port `from: [{ entities: [node] }]`, and name the nodes' addresses in the inventory. Probes are read from manifests; those of a pod that gets Istio's proxy by injection go to the proxy's agent, at port 15020, unless annotations say otherwise. Istio's proxy is also asked for its own readiness, at port 15021, which stands in no manifest before the injection: allow that too.";
    UnseenAnswer = 1515, Warning, "answer that nobody gets", "The kernel drops the connections that this rule denies, before any request could be read and answered: the rule has no HTTP condition, and nothing that is tried before it depends on a request. Give it conditions (`http: [{ paths: [\"/*\"] }]` means every request with a path) and isolate the destination against the rest, or remove the answer.";
    DeniesStreams = 1516, Warning, "streams are denied too", "What travels on a TCP stream that the proxy does not take for HTTP is not known, so a deny rule with HTTP conditions denies it (docs/semantics.md, S34). Without `ports` that is so on every port, databases included. Name the ports on which requests are expected.";
    MixedService = 1517, Warning, "Service of which only a part is allowed", "Some of those who are behind the Service may be reached by a workload and others may not. Whoever dials the Service cannot choose, so the kernel at the source denies it all (docs/semantics.md, S71). Allow everybody who is behind it, or select fewer by the Service.";
    UnknownBackends = 1518, Warning, "Service with nobody behind it", "Nothing says who is behind the Service, so whoever dials it is judged as if the Service's address were somebody outside (docs/semantics.md, S74), and rules about the workloads that are really there do not hold at the source. A Service with a selector needs workloads whose addresses are known; one without needs its EndpointSlices, or `backends` in an `Inventory`.";
    NoTargetPort = 1519, Warning, "target port that nobody has", "The Service sends to a port by a name that nobody behind it gives one of its ports. Kubernetes sends nothing there, so nobody is reached.";
    ForeignServiceAddress = 1520, Warning, "external address of a Service", "Who may write a Service may write any address into its `externalIPs`, and whether a node translates them, or the addresses of a load balancer, before a packet leaves is not known. Where it does not, the packet goes to whoever really has the address. So these are addresses outside, judged by the blocks they lie in, and rules about the workloads behind the Service hold only at the destination (docs/semantics.md, S70). An operator who knows that all nodes translate an address can say so by a service in an `Inventory`.";
    ContestedServiceAddress = 1521, Warning, "contested address of a Service", "A manifest gives a Service an address that a workload has, or a port of an address that another Service has as well. Whoever may write a Service must not take an address from others by it, nor keep all policies from being applied. So the address is the workload's, or the Service's that an inventory describes; between manifests it is no Service's, and is judged as an address outside (docs/semantics.md, S70).";
    DroppedRequests = 1530, Warning, "requests that the network drops", "The mesh allows these requests (an AuthorizationPolicy), and the network drops their packets (a NetworkPolicy or the like), for everybody whom one peer of the rule means and on each of its ports. So nobody can make the requests. Both must allow: add the peers and the port to a policy of the network, or take them out of the rule.";
    Unnarrowed = 1531, Warning, "admitted and not authorized", "The network admits connections to these workloads, which have a proxy, and no AuthorizationPolicy speaks of them, though most workloads of their namespace that the network admits anybody to have one. So whoever is admitted may send any request. Perhaps a label in a `selector` is misspelt.";
    NoRequests = 1532, Warning, "requests on a port that carries none", "Istio goes by the name of a Service's port, and this one says that it carries something other than HTTP in the clear (`tcp`, `tls`, `https`, `mongo`, `mysql`, `redis`). There conditions on requests never hold: an ALLOW rule allows nothing, and of a DENY rule only the rest counts, which denies more. Rename the port (`http-…`, `grpc-…`) if it does carry requests, or take the conditions away.";
    PodBlock = 1533, Warning, "block with pods in it", "Pods have addresses in this block. Bookend takes a block for all addresses in it, as Calico does (docs/semantics.md, S13), but network plugins differ: Cilium takes it for what is outside of the cluster only, and where addresses are translated on the way nobody can tell. Name pods by `podSelector` and `namespaceSelector`, and leave their addresses out by `except`. Nothing is said of `0.0.0.0/0` and `::/0`.";
    ServicePortNumber = 1534, Warning, "port of a Service", "Policies speak of the port that the pod listens on, and this is the port of a Service, which sends to another one of the pod. Nothing that is known listens on it, so the rule means no traffic. Write the target port, or its name.";
    NoSidecar = 1535, Warning, "policy of a mesh for a workload outside of it", "An AuthorizationPolicy is enforced by the proxy in front of a workload, and this one selects a workload that has none. In Istio it would do nothing there. Bookend enforces it all the same, as far as packets tell (docs/semantics.md, S9). Give the workload a proxy, or write a NetworkPolicy.";
    ForgottenRoot = 1536, Warning, "path without its root", "`/a/{**}` and `/a/*` mean what is below `/a/`, and not `/a` itself (docs/semantics.md, S32). Many servers answer both alike, so whoever is kept away from `/a/` may ask for `/a`. Add `/a` to the paths, or write `/a*` if nothing else begins so.";
    BadTest = 1601, Error, "bad test", "A test in a `PolicyTest` says who connects to whom (`from`, `to`), with what (`port`, `protocol`, `request`), and what should become of it (`expect`). What cannot be asked that way is refused, so that no test passes because it asked something else.";
    DuplicateTest = 1602, Error, "duplicate test", "The names of tests are unique within their document, because a report names the test.";
    InexactKubernetes = 1700, Error, "not said exactly (Kubernetes)", "The policy says something that Bookend cannot express, or that depends on what it cannot know, so it would not mean the same. `--best-effort` reads the rest: an allow rule with such a part is left out, a deny rule or an isolation loses the part and so denies more, and never does anything become allowed that was not.";
    EqualPriority = 1701, Warning, "policies of equal priority", "Two policies of administrators have the same priority in the same tier, and Kubernetes does not say which of them is asked first. Here the rule that stands earlier in its own policy is, and of those that stand alike deny before pass before accept (docs/semantics.md, S89); another implementation may choose otherwise. Give each policy a priority of its own.";
    LeftOutDirection = 1702, Warning, "rules of a direction that is left out", "The policy has rules for a direction that `policyTypes` does not name. Kubernetes does not apply them: the policy neither isolates its pods in that direction nor allows anything in it (docs/semantics.md, S87). Name the direction, or remove the rules.";
    NoRules = 1703, Warning, "policy without rules", "A policy of an administrator that has no rules does nothing: unlike a NetworkPolicy it isolates nobody. Give it rules, or leave it out.";
    InexactIstio = 1720, Error, "not said exactly (Istio)", "The policy says something that Bookend cannot express, or that depends on what it cannot know, so it would not mean the same. `--best-effort` reads the rest: an allow rule with such a part is left out, a deny rule or an isolation loses the part and so denies more, and never does anything become allowed that was not.";
    BadIstioValue = 1721, Error, "value that Istio refuses or drops", "The value is not of the form that Istio takes. Istio's API server refuses some such values; what reaches the control plane all the same is dropped there, which makes a deny policy wider and an allow policy narrower than it reads. So it is refused here.";
    UnknownAttribute = 1722, Error, "unknown attribute", "The `key` of a `when` names no attribute of a connection or a request. Istio's control plane leaves out the rule.";
    IstioNeverMatches = 1723, Warning, "never matches", "Nothing is ever equal to the value, or nothing in the policy can ever match. Istio accepts it, so it is read as it is: of a deny policy nothing remains, and an allow policy allows nothing by it. It was probably meant to say something else.";
    RivalAuthentications = 1724, Warning, "two PeerAuthentications for the same workloads", "Two documents say which peers the same workloads accept. Istio takes the older one, and Bookend the stricter mode (docs/semantics.md, S94), because it does not know which is older. Keep one of them.";
    HostWithoutPort = 1725, Warning, "host that a port gets around", "Istio compares hosts with the port as the client sends it, and a client may send one or leave it out. So a deny policy for `shop.example` does not deny `shop.example:80`, and an allow policy for everything but `shop.example` allows it. Write `shop.example:*` beside it.";
    InexactCalico = 1740, Error, "not said exactly (Calico)", "The policy says something that Bookend cannot express, or that depends on what it cannot know, so it would not mean the same. `--best-effort` reads the rest: an allow rule with such a part is left out, a deny rule or an isolation loses the part and so denies more, and never does anything become allowed that was not.";
    BadSelector = 1741, Error, "bad selector (Calico)", "A selector of Calico is an expression over labels: `role == 'db'`, `role in {'db', 'cache'}`, `has(role)`, `role starts with 'd'`, joined by `&&`, `||`, `!` and parentheses. Values are in quotes, single or double, without escapes.";
    SelectorTooLarge = 1742, Error, "selector too large (Calico)", "A selector becomes a list of alternatives, in each of which everything must hold. `(a == '1' || b == '1') && (c == '1' || d == '1')` has four, and every further factor multiplies them. 128 are the most, and 1,000 peers of one rule.";
    TierRoom = 1743, Error, "no room for a tier (Calico)", "Orders of tiers are whole numbers here, and fractions to Calico. A tier gets a number between its neighbours, and here there is none left.";
    UnknownService = 1744, Error, "Service that nobody describes (Calico)", "The rule means whoever is behind a Service, and no document describes it. Without it a rule that denies would deny nobody.";
    IdleCalico = 1745, Warning, "rule without effect (Calico)", "Calico accepts the rule, and it changes no verdict: it only logs, its direction is not among the policy's `types`, or it is about messages that no rule decides about. It is left out.";
    HostInterfaces = 1746, Warning, "host endpoint without an interface (Calico)", "The endpoint is for all interfaces of its machine, or for one that only its addresses tell. Verdicts about the host are right all the same, but an enforcer on the machine polices the interfaces that a `Host` document names, and here nobody names one.";
    AccountLabels = 1747, Warning, "service accounts without labels (Calico)", "The selector asks for labels of service accounts, and some workload runs under an account of which there is no manifest. Such an account has no labels but its name, so the policy may apply to fewer workloads, or a rule mean fewer, than in the cluster.";
    ReservedTier = 1748, Error, "reserved tier (Calico)", "Calico keeps the tiers `kube-admin`, `adminnetworkpolicy`, `kube-baseline` and `baselineadminnetworkpolicy` for policies of Kubernetes, and `default` for those that name none. It neither takes other policies there nor lets anybody change them.";
    Forwarded = 1749, Error, "policy for what hosts forward (Calico)", "`applyOnForward: true` applies a policy also to what a host forwards for others. Bookend does not judge that: the pods and machines behind a router have enforcers of their own (docs/semantics.md, S77). So a rule that denies it would be lost, and the policy is refused where it applies to an endpoint of a host.";
    ImportDiffers = 1760, Error, "import would change the meaning", "What `bookend import` writes is read again and compared with what was read. Here the two do not say the same, so nothing is written. That is a mistake of Bookend's and not of your documents: please tell its authors, with the documents if you may. With `--no-merge` rules stay as they are, which may help meanwhile.";
    ImportUnsayable = 1761, Error, "not to be said natively", "Bookend enforces this part of the policy as it is, but its own documents cannot say it: they refuse what is easily mistaken, such as the start of a trust domain, which other domains start with too. Or the policy means nobody today, because nobody says which service accounts have the labels it asks for, or which hosts there are: then nothing of it would be left, and nobody would notice when it is missing. Add these documents; leave the policy in its own language, where it goes on to be enforced, or say it otherwise there.";
    NoSighting = 1800, Error, "no manifest of a Pod", "Workloads that are seen to run on a cluster are described by manifests of Pods, which Bookend writes itself. One of them is none: this is a mistake in Bookend; please tell its authors, with the object that is named.";
}

impl Code {
    /// Whether it is about something of another system's policy that Bookend cannot say. That refuses the documents, unless they are to
    /// be read as well as may be, which never allows more than they do.
    pub fn is_inexact(self) -> bool {
        matches!(self, Self::InexactKubernetes | Self::InexactIstio | Self::InexactCalico)
    }
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
