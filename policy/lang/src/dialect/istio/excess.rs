//! How much comes of multiplying out what must hold together, and what is too much.

use crate::limit;

/// How many rules come of the `from` and the `to` of one at the most.
pub(super) const PRODUCT: usize = 1_000;
/// How many conditions and values are copied for one rule that several things are asked of.
const COPIES: usize = 10_000;
/// The same for all rules of a policy.
const ALL_COPIES: usize = 200_000;

/// What multiplying out comes to, where that is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) found: usize,
    pub(super) most: usize,
}

/// What may still be copied to multiply out the rules of a policy.
pub(super) struct Budget {
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: ALL_COPIES }
    }
}

impl Budget {
    /// Takes so many copies at once.
    pub(super) fn spend(&mut self, copies: usize) -> Result<(), Excess> {
        if copies > COPIES {
            return Err(Excess { found: copies, most: COPIES });
        }
        let excess = Excess { found: ALL_COPIES - self.left + copies, most: ALL_COPIES };
        self.left = self.left.checked_sub(copies).ok_or(excess)?;
        Ok(())
    }
}

/// Why a rule is refused.
pub(super) enum TooMany {
    /// There would be at least so many rules of its groups of `from` and of `to`.
    Groups(usize, usize),
    /// There would be so many rules of the policy up to here.
    Rules(usize),
    /// So much would be copied.
    Copies(Excess),
}

impl From<Excess> for TooMany {
    fn from(excess: Excess) -> Self {
        Self::Copies(excess)
    }
}

impl TooMany {
    /// What is wrong, and the cure.
    pub(super) fn said(&self) -> (String, &'static str) {
        let alike = "write ports or request principals that are alike together, or split the rule";
        match self {
            Self::Groups(from, to) => {
                let product = from.saturating_mul(*to);
                let message = format!(
                    "`from` and `to` of the rule come to {from} × {to} = {product} rules, and {PRODUCT} are the most"
                );
                (message, alike)
            }
            Self::Rules(rules) => {
                let most = limit::RULES;
                let message =
                    format!("up to this rule the policy comes to {rules} rules, and {most} are the most");
                (message, "write ports or request principals that are alike together, or split the policy")
            }
            Self::Copies(Excess { found, most }) => {
                let message = format!(
                    "what the rule asks for together comes to {found} combinations, and {most} are the most"
                );
                (message, "name fewer values in conditions that must hold together, or split the policy")
            }
        }
    }
}
