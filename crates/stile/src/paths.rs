//! Settings by their dotted names: `general.displayName=Acme`.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::error::Failure;

/// One `path=value`.
#[derive(Clone, PartialEq, Debug)]
pub struct Assignment {
    path: Vec<String>,
    value: Value,
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write path=value, such as general.displayName=Acme";
        let (path, value) = text.split_once('=').ok_or(FORM)?;
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        if path.iter().any(|name| name.is_empty() || name.contains(char::is_whitespace)) {
            return Err(FORM);
        }
        Ok(Self { path, value: serde_json::from_str(value).unwrap_or_else(|_| value.into()) })
    }
}

/// Enters the assignments into a merge patch (RFC 7396). A later one overrides an earlier one.
pub fn assign(patch: &mut Value, assignments: &[Assignment]) -> Result<(), Failure> {
    for Assignment { path, value } in assignments {
        let mut place = &mut *patch;
        for name in path {
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(fields) = place else {
                return Err(Failure::usage(
                    format!("{} is set as a whole and in part.", path.join(".")),
                    "Set it one way only; the items of a list cannot be set one by one.",
                ));
            };
            place = fields.entry(name.clone()).or_insert(Value::Null);
        }
        *place = value.clone();
    }
    Ok(())
}

/// Drops every `null`, which in a patch of nothing means nothing.
pub fn without_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(without_nulls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(texts: &[&str]) -> Option<Value> {
        let parsed: Vec<Assignment> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let mut value = Value::Null;
        assign(&mut value, &parsed).ok().map(|()| value)
    }

    #[test]
    fn values_are_json_when_they_can_be() {
        let made = patch(&["a.b=1", "a.c=x y", "d=[\"e\"]", "f=null", "g=true", "h=", "i=\"1\"", "j=a=b"]);
        let expected = json!({
            "a": { "b": 1, "c": "x y" }, "d": ["e"], "f": null, "g": true, "h": "", "i": "1", "j": "a=b"
        });
        assert_eq!(made, Some(expected));
    }

    #[test]
    fn a_part_of_what_is_no_object_cannot_be_set() {
        assert_eq!(patch(&["a=1", "a.b=2"]), None);
        assert_eq!(patch(&["a=[1]", "a.0=2"]), None);
        assert_eq!(patch(&["a.b=2", "a=1"]), Some(json!({ "a": 1 })));
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for bad in ["", "a", "=1", "a.=1", ".a=1", "a..b=1", "a b=1"] {
            assert!(bad.parse::<Assignment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nulls_are_dropped() {
        let mut value = json!({ "a": null, "b": { "c": null, "d": 1 } });
        without_nulls(&mut value);
        assert_eq!(value, json!({ "b": { "d": 1 } }));
    }
}
