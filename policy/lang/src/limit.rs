//! How much a policy may hold. Whoever writes by hand stays far below; whoever generates policies finds out here and not
//! in a proxy that takes seconds to load. docs/policy.md has the same table.

/// Rules of one policy, over `allow`, `deny` and `pass`.
pub(crate) const RULES: usize = 10_000;
/// Entries of `isolate`.
pub(crate) const ISOLATIONS: usize = 1_000;
/// Entries of `from`, of `to`, and of a peer's `not`.
pub(crate) const PEERS: usize = 1_000;
/// Entries of `ports` and of `notPorts`.
pub(crate) const PORTS: usize = 1_000;
/// Entries of `http`, and of a condition's `not`.
pub(crate) const CONDITIONS: usize = 100;
/// Entries of a list of names, labels, blocks, methods, hosts, paths or values.
pub(crate) const VALUES: usize = 1_000;
/// Entries of `headers`, `query`, `grpc`, `jwt`, `claims` and `matchExpressions`.
pub(crate) const PARTS: usize = 100;
/// How deeply `not` may be nested.
pub(crate) const NOT_DEPTH: usize = 4;
/// Keys on the way to a nested claim.
pub(crate) const CLAIM_DEPTH: usize = 8;
/// Bytes of a path pattern, and of a value that is compared.
pub(crate) const TEXT: usize = 2_048;
/// Bytes of the name of a header, a query parameter or a claim.
pub(crate) const NAME: usize = 256;
/// Bytes of a principal: the longest SPIFFE id (SPIFFE-ID, 2.3).
pub(crate) const PRINCIPAL: usize = 2_048;
/// Bytes of a host with its port: a name has 253 (RFC 1035, 2.3.4).
pub(crate) const HOST: usize = 270;
/// Bytes of a method.
pub(crate) const METHOD: usize = 64;
/// Bytes of the full name of a gRPC service, and of a method of it.
pub(crate) const GRPC: usize = 512;
/// Bytes of a regular expression (S58).
pub(crate) const REGEX: usize = 256;
/// Bytes of `when` (S55).
pub(crate) const WHEN: usize = 1_024;
/// Either side of a priority.
pub(crate) const PRIORITY: i64 = 1_000_000;
/// Bytes of the body of a rule's `answer`.
pub(crate) const BODY: usize = 4_096;
/// Entries of the `headers` of a rule's `answer`.
pub(crate) const ANSWER_HEADERS: usize = 16;
/// Of a `Reporting` document: one in how many decisions is logged.
pub(crate) const SAMPLE: i64 = 1_000_000;
/// Of a `Reporting` document: lines of decisions a second.
pub(crate) const LINES: i64 = 10_000;
/// Of a `Reporting` document: rules with counters of their own.
pub(crate) const COUNTED: i64 = 10_000;
