//! Questions that make no sense, whatever the documents say.

/// Why a question makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unaskable {
    /// The port stands behind the destination's name, and for itself.
    PortTwice,
    /// It is neither the number nor the name of a port.
    NotAPort(String),
    /// ICMP has none.
    NoPorts,
    /// It cannot be told which port of this destination is meant.
    WhichPort(String),
    /// An HTTP request over something else than TCP.
    NotOverTcp,
    /// An ICMP message over something else.
    NotIcmp,
    /// A name or an id that is not written as it must be.
    Written {
        /// Which part of the question it is.
        part: &'static str,
        /// What to write.
        cure: String,
    },
    /// More connections than anybody reads: this many, and the most that are explained.
    TooMany(usize, usize),
}

impl Unaskable {
    /// What is wrong, where the part of the question that is called `port` is shown as `name("port")`.
    #[must_use]
    pub fn told(&self, name: impl Fn(&str) -> String) -> String {
        match self {
            Self::PortTwice => {
                format!("the port is given twice, in `{}` and in `{}`", name("to"), name("port"))
            }
            Self::NotAPort(text) => format!("`{text}` is neither the number nor the name of a port"),
            Self::NoPorts => format!("ICMP has no ports; leave `{}` out", name("port")),
            Self::WhichPort(called) => format!("which port of `{called}`? Say it with `{}`", name("port")),
            Self::NotOverTcp => {
                format!(
                    "HTTP requests travel over TCP; leave `{}` or `{}` out",
                    name("protocol"),
                    name("path")
                )
            }
            Self::NotIcmp => {
                let (icmp, protocol) = (name("icmp"), name("protocol"));
                format!("`{icmp}` is about ICMP; leave `{protocol}` or `{icmp}` out")
            }
            Self::Written { part, cure } => format!("`{}` makes no sense; {cure}", name(part)),
            Self::TooMany(number, most) => format!(
                "that is about {number} connections, and {most} are the most; name fewer workloads, or draw all of \
                 them with `bookend graph`"
            ),
        }
    }
}

impl std::fmt::Display for Unaskable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.told(str::to_owned))
    }
}

impl std::error::Error for Unaskable {}
