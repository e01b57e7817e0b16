//! JSON web tokens (S54).

use alloc::{borrow::Cow, string::String, vec::Vec};
use serde::Serialize;
use serde_json::Value;

use super::{all, value::is};
use crate::{
    Clause, TextMatch, Truth, ValueMatch,
    tape::{Mismatch, Read, object},
    text::is_plain,
};

/// Conditions on one verified token; every part that is present must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenMatch {
    /// `iss` is one of these.
    pub issuer: Clause<String>,
    /// `sub` is one of these.
    pub subject: Option<TextMatch>,
    /// `aud` names one of these.
    pub audiences: Clause<String>,
    /// Other claims; all of them must hold.
    pub claims: Vec<ClaimMatch>,
}

/// A condition on one claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimMatch {
    claim: Vec<String>,
    value: ValueMatch,
}

/// A claim without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim has a name, and so has each claim that it is nested in")]
pub struct ClaimNameError;

impl TokenMatch {
    /// Whether the conditions hold for the claims of a verified token.
    pub fn holds(&self, token: &Value) -> Truth {
        let named = |name: &str, wanted: &str| {
            Found::at(token, [name]).holds(|text| (text == wanted.as_bytes()).into())
        };
        self.issuer
            .holds(|issuer| named("iss", issuer))
            .and(
                self.subject.as_ref().map_or(Truth::Yes, |subject| {
                    Found::at(token, ["sub"]).holds(|text| subject.holds(text))
                }),
            )
            .and(self.audiences.holds(|audience| named("aud", audience)))
            .and(all(&self.claims, |claim| claim.holds(token)))
    }
}

impl ClaimMatch {
    /// A condition on the claim that is found by going down this list of names.
    ///
    /// # Errors
    /// When the list or a name is empty.
    pub fn new(claim: Vec<String>, value: ValueMatch) -> Result<Self, ClaimNameError> {
        if claim.is_empty() || claim.iter().any(String::is_empty) {
            return Err(ClaimNameError);
        }
        Ok(Self { claim, value })
    }

    /// The names that lead to the claim.
    pub fn claim(&self) -> &[String] {
        &self.claim
    }

    /// What is asked of it.
    pub fn value(&self) -> &ValueMatch {
        &self.value
    }

    fn holds(&self, token: &Value) -> Truth {
        let found = Found::at(token, self.claim.iter().map(String::as_str));
        match &self.value {
            ValueMatch::Present(wanted) => is(found.present(), *wanted),
            ValueMatch::Text(texts) => found.holds(|text| texts.holds(text)),
        }
    }
}

object!(TokenMatch { issuer: "issuer", subject: "subject", audiences: "audiences", claims: "claims" });

impl Read for ClaimMatch {
    fn read(value: crate::tape::Value<'_>) -> Result<Self, Mismatch> {
        let [claim, value] = value.members(["claim", "value"])?;
        Self::new(claim.read()?, value.read()?).map_err(|error| Mismatch::because(&error))
    }
}

/// What a token says of a claim.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'t> {
    /// It is not there.
    Absent,
    /// It cannot be told: `null`, or inside something that holds no claims.
    Doubt,
    /// It has this value.
    Value(&'t Value),
}

impl<'t> Found<'t> {
    /// What is found by going down these names.
    pub(crate) fn at<'n>(token: &'t Value, names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut value = token;
        for name in names {
            let Value::Object(claims) = value else { return Self::Doubt };
            match claims.get(name) {
                Some(inner) => value = inner,
                None => return Self::Absent,
            }
        }
        if value.is_null() { Self::Doubt } else { Self::Value(value) }
    }

    /// Whether it is there.
    pub(crate) fn present(self) -> Truth {
        match self {
            Self::Absent => Truth::No,
            Self::Doubt => Truth::Unknown,
            Self::Value(_) => Truth::Yes,
        }
    }

    /// Whether a condition holds for its text, or for that of one element where it is a list.
    fn holds(self, condition: impl Fn(&[u8]) -> Truth) -> Truth {
        let judge = |value: &Value| {
            let text = scalar(value).filter(|text| is_plain(text.as_bytes()));
            text.map_or(Truth::Unknown, |text| condition(text.as_bytes()))
        };
        match self {
            Self::Absent => Truth::No,
            Self::Doubt => Truth::Unknown,
            Self::Value(Value::Array(list)) => Truth::any(list, judge),
            Self::Value(value) => judge(value),
        }
    }
}

/// The text of a claim: a string, `true` or `false`, or an integer that every reader of JSON keeps exact (RFC 8259, 6).
pub(crate) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(_) => integer(value).map(|number| Cow::Owned(alloc::format!("{number}"))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An integer below 2^53. Envoy hands numbers over as floating point, so `7.0` is 7.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    const LIMIT: i64 = 1 << 53;
    let whole = value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        // What is cut off here is noticed on the way back, and what is not exact exceeds the limit.
        let whole = number as i64;
        let same = whole as f64 == number && !(whole == 0 && number.is_sign_negative());
        same.then_some(whole)
    })?;
    (-LIMIT < whole && whole < LIMIT).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TextPattern;
    use Truth::{No, Unknown, Yes};
    use alloc::vec;
    use serde_json::json;

    fn claim(names: &[&str], value: ValueMatch) -> ClaimMatch {
        ClaimMatch::new(names.iter().map(|name| String::from(*name)).collect(), value).unwrap()
    }

    fn exact(text: &str) -> ValueMatch {
        ValueMatch::Text(TextMatch::one_of(vec![TextPattern::exact(text).unwrap()]).unwrap())
    }

    #[test]
    fn claims_are_compared_by_their_text() {
        for (value, wanted, truth) in [
            (json!("admin"), "admin", Yes),
            (json!("Admin"), "admin", No),
            (json!(" admin"), "admin", No),
            (json!("ädmin"), "admin", Unknown),
            (json!("admin\0"), "admin", Unknown),
            (json!(["user", "admin"]), "admin", Yes),
            (json!(["user"]), "admin", No),
            (json!([]), "admin", No),
            (json!(["user", ["admin"]]), "admin", Unknown),
            (json!(["user", {"admin": true}]), "admin", Unknown),
            (json!({"admin": true}), "admin", Unknown),
            (json!(null), "admin", Unknown),
            (json!("user,admin"), "admin", No),
            (json!(true), "true", Yes),
            (json!(false), "true", No),
            (json!(7), "7", Yes),
            (json!(7.0), "7", Yes),
            (json!(-7), "-7", Yes),
            (json!(7.5), "7.5", Unknown),
            (json!(-0.0), "0", Unknown),
            (json!(9007199254740991_i64), "9007199254740991", Yes),
            (json!(9007199254740992_i64), "9007199254740992", Unknown),
            (json!(1e300), "1", Unknown),
            (json!(u64::MAX), "18446744073709551615", Unknown),
        ] {
            let token = json!({ "role": value });
            assert_eq!(claim(&["role"], exact(wanted)).holds(&token), truth, "{wanted} in {token}");
        }
    }

    #[test]
    fn claims_may_be_nested_and_absent() {
        let present = |wanted| claim(&["realm", "roles"], ValueMatch::Present(wanted));
        for (token, there, text) in [
            (json!({"realm": {"roles": ["admin"]}}), Yes, Yes),
            (json!({"realm": {"roles": "user"}}), Yes, No),
            (json!({"realm": {}}), No, No),
            (json!({}), No, No),
            (json!({"realm.roles": "admin"}), No, No),
            (json!({"realm": {"roles": null}}), Unknown, Unknown),
            (json!({"realm": "roles"}), Unknown, Unknown),
            (json!({"realm": [{"roles": "admin"}]}), Unknown, Unknown),
            (json!("admin"), Unknown, Unknown),
        ] {
            assert_eq!(present(true).holds(&token), there, "{token}");
            assert_eq!(present(false).holds(&token), there.negated(), "{token}");
            assert_eq!(claim(&["realm", "roles"], exact("admin")).holds(&token), text, "{token}");
        }
    }

    #[test]
    fn all_parts_must_hold_on_one_token() {
        let jwt = TokenMatch {
            issuer: Clause::one_of(vec!["https://a".into(), "https://b".into()]).unwrap(),
            subject: Some(TextMatch::one_of(vec![TextPattern::prefix("user-").unwrap()]).unwrap()),
            audiences: Clause::one_of(vec!["shop".into()]).unwrap(),
            claims: vec![claim(&["role"], exact("admin")), claim(&["exp"], ValueMatch::Present(true))],
        };
        let good =
            json!({"iss": "https://b", "sub": "user-1", "aud": ["x", "shop"], "role": "admin", "exp": 1});
        assert_eq!(jwt.holds(&good), Yes);
        for (key, value, truth) in [
            ("iss", json!("https://b/"), No),
            ("iss", json!(null), Unknown),
            ("sub", json!("1"), No),
            ("aud", json!("shops"), No),
            ("aud", json!("shop"), Yes),
            ("role", json!("user"), No),
        ] {
            let mut other = good.clone();
            other[key] = value;
            assert_eq!(jwt.holds(&other), truth, "{other}");
        }
        assert_eq!(jwt.holds(&json!({})), No);
    }

    #[test]
    fn a_claim_has_a_name() {
        assert_eq!(ClaimMatch::new(vec![], exact("a")), Err(ClaimNameError));
        assert_eq!(ClaimMatch::new(vec!["a".into(), String::new()], exact("a")), Err(ClaimNameError));
    }
}
