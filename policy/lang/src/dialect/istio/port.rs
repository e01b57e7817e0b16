//! Ports.

use super::{attribute::refusing, values::Read};
use crate::{diagnostic::Report, document::Spanned};

/// Numbers in quotes.
pub(super) fn ports(values: &[Spanned<String>], report: &mut Report) -> Option<Read<u16>> {
    refusing(values, report, |text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>()
            .ok()
            .filter(|port| digits && *port > 0)
            .ok_or_else(|| ("is not a port", "write a number from 1 to 65535, in quotes".to_owned()))
    })
}
