//! Texts of which only some are sound. The patterns refuse no text that `bookend-lang` takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares types that are texts.
macro_rules! texts {
    ($($(#[$meta:meta])* $name:ident: $($rule:meta),+;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name($(#[schemars($rule)])+ pub String);
    )*};
}

texts! {
    /// The name of a namespace or a rule (RFC 1123, a label).
    DnsLabel: length(max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$");
    /// The name of nearly everything else (RFC 1123, a subdomain).
    Subdomain: length(max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$");
    /// The key of a label.
    LabelKey: length(max = 317), regex(pattern = "^([-a-z0-9.]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$");
    /// The value of a label.
    LabelValue: length(max = 63), regex(pattern = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$");
    /// A block of addresses without host bits.
    Cidr: length(max = 49), regex(pattern = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)/(0|[1-9][0-9]{0,2})$");
    /// An IPv4 or IPv6 address.
    Address: length(max = 45), regex(pattern = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$");
    /// An address or a block of addresses.
    AddressOrCidr: length(max = 49), regex(pattern = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(/(0|[1-9][0-9]{0,2}))?$");
    /// A SPIFFE id, or one with `*` at its start or its end (S41).
    Principal: length(max = 2048), regex(pattern = "^(spiffe://[*]|spiffe://[a-z0-9._-]+(/[A-Za-z0-9._/-]*[*]?)?|[*][A-Za-z0-9._/-]+)$");
    /// A name that the destination gives one of its ports (S44).
    PortName: length(min = 1, max = 15), regex(pattern = "^([a-z0-9]+-)*[a-z0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$");
    /// A value that is compared, perhaps empty.
    Value: length(max = 2048), regex(pattern = "^[\\t -~]*$");
    /// A value that is compared.
    SomeValue: length(min = 1, max = 2048), regex(pattern = "^[\\t -~]*$");
    /// A regular expression that matches the whole value (S58).
    Regex: length(min = 1, max = 256), regex(pattern = "^[\\t -~]*$");
    /// The name of a header.
    HeaderName: length(min = 1, max = 256), regex(pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$");
    /// The name of a query parameter.
    ParameterName: length(min = 1, max = 256), regex(pattern = "^[\\t -~]*$");
    /// The key of a claim.
    ClaimKey: length(min = 1, max = 256);
    /// A method, compared with regard to case (S31).
    Method: length(max = 64), regex(pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$");
    /// A host, perhaps with `*.` before it or a port behind it (S50).
    HostPattern: length(min = 1, max = 270), regex(pattern = "^[A-Za-z0-9*._:\\[\\]-]+$");
    /// A pattern of paths (S32).
    PathPattern: length(max = 2048), regex(pattern = "^[/*][^?%]*$");
    /// The full name of a gRPC service.
    RpcService: length(max = 512), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$");
    /// The name of a gRPC method.
    RpcMethod: length(max = 512), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$");
    /// A comparison of attributes in the syntax of CEL (S55).
    WhenExpression: length(min = 1, max = 1024);
    /// So many for each second, minute or hour: `100/s`, `600/m`, `10/h`.
    RatePerTime: length(max = 12), regex(pattern = "^([1-9][0-9]{0,8}|1000000000)/[smh]$");
    /// The name of a network interface, as `ip link` shows it.
    InterfaceName: length(min = 1, max = 15), regex(pattern = "^[^/:\\s]+$");
    /// Any text but an empty one.
    SomeText: length(min = 1);
}
