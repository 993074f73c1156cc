//! Every setting with its values, its default and its meaning, as the declarations have them.

use serde_json::Value;

use super::Settings;
use super::described::{Described as _, Shape};
use crate::factor::Format;

/// One row of the table of settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Where it is: `security.mfa.enabled`. A name after `[]` belongs to each entry of a list.
    pub path: String,
    /// What it can be, in words.
    pub values: String,
    /// What it is when nothing was set, as JSON. Fields of an entry have none.
    pub default: Option<String>,
    /// What it does.
    pub meaning: String,
}

/// All settings, in the order in which they are declared.
pub fn table() -> Vec<Setting> {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut rows = Vec::new();
    collect("", &Settings::SHAPE, &[], Some(&defaults), &mut rows);
    rows
}

fn collect(path: &str, shape: &Shape, docs: &[&str], default: Option<&Value>, rows: &mut Vec<Setting>) {
    if let Shape::Fields(fields) = shape {
        for field in fields() {
            let name = camel_case(field.name);
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(&below, &field.shape, field.docs, default.map(|d| &d[&name]), rows);
        }
        return;
    }
    rows.push(Setting {
        path: path.to_owned(),
        values: values(shape),
        default: default.map(Value::to_string),
        meaning: docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
    });
    if let Shape::List(entry @ Shape::Fields(_)) = shape {
        collect(&format!("{path}[]"), entry, &[], None, rows);
    }
}

fn values(shape: &Shape) -> String {
    match shape {
        Shape::Value(text) => (*text).to_owned(),
        Shape::OneOf(texts) => one_of(texts.iter().copied()),
        Shape::SecondFactor => one_of(Format::second_factors().map(Format::as_str)),
        Shape::Optional(inner) => format!("{}; may be missing", values(inner)),
        Shape::List(Shape::Fields(_)) => "list".to_owned(),
        Shape::List(inner) => format!("list of: {}", values(inner)),
        Shape::Fields(_) => "group".to_owned(),
    }
}

fn one_of(texts: impl Iterator<Item = &'static str>) -> String {
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        text.push_str(&first.to_ascii_uppercase());
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    /// The paths of the leaves of a JSON object.
    fn leaves(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) if !fields.contains_key("requests") && !fields.contains_key("amount") => {
                for (name, inner) in fields {
                    let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    leaves(&below, inner, found);
                }
            }
            _ => {
                found.insert(path.to_owned());
            }
        }
    }

    #[test]
    fn the_table_names_every_setting_and_no_other() {
        let mut expected = BTreeSet::new();
        leaves("", &serde_json::to_value(Settings::default()).unwrap(), &mut expected);
        let rows = table();
        let named = rows.iter().map(|row| row.path.clone()).filter(|path| !path.contains("[]")).collect();
        assert_eq!(expected, named);
        for row in &rows {
            assert!(row.meaning.ends_with('.'), "{row:?}");
            assert!(!row.values.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn the_table_names_the_fields_of_every_entry() {
        let settings: Settings = serde_json::from_value(json!({
            "scopes": [{
                "scope": "vault:open", "strength": "mfa", "maxAgeSeconds": 60, "tokenBehavior": "single_use",
                "tokenExpirySeconds": 60,
            }],
            "security": { "mfa": { "actions": [{
                "action": "user.update", "required": true, "tokenBehavior": "time_bound", "tokenExpirySeconds": 60,
            }] } },
        }))
        .unwrap();
        let value = serde_json::to_value(settings).unwrap();
        for (path, pointer) in [
            ("scopes[].", "/scopes/0"),
            ("security.mfa.actions[].", "/security/mfa/actions/0"),
            ("security.mfa.methods[].", "/security/mfa/methods/0"),
        ] {
            let mut expected = BTreeSet::new();
            leaves("", value.pointer(pointer).unwrap(), &mut expected);
            let named =
                table().iter().filter_map(|row| row.path.strip_prefix(path).map(str::to_owned)).collect();
            assert_eq!(expected, named, "{path}");
        }
    }
}
