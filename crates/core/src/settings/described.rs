//! How settings are declared, and what each declaration says of itself.

use crate::factor::Format;
use crate::origin::OriginPattern;
use crate::strength::Strength;

/// A group of settings: every field has a default, and unknown fields are refused.
macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $ty),* }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }
        impl $crate::settings::described::Described for $name {
            const SHAPE: $crate::settings::described::Shape = $crate::settings::described::Shape::Fields(|| vec![$(
                $crate::settings::described::Field {
                    name: stringify!($field),
                    docs: &[$($fdoc),*],
                    shape: <$ty as $crate::settings::described::Described>::SHAPE,
                }
            ),*]);
        }
    };
}

/// An entry of a list of settings. A field must be there unless it says otherwise.
macro_rules! entry {
    ($(#[$doc:meta])* $name:ident {
        $($(#[doc = $fdoc:literal])* $(#[serde($($how:tt)*)])? $field:ident as $text:literal : $ty:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[doc = $fdoc])* #[serde(rename = $text)] $(#[serde($($how)*)])? pub $field: $ty),* }
        impl $crate::settings::described::Described for $name {
            const SHAPE: $crate::settings::described::Shape = $crate::settings::described::Shape::Fields(|| vec![$(
                $crate::settings::described::Field {
                    name: $text,
                    docs: &[$($fdoc),*],
                    shape: <$ty as $crate::settings::described::Described>::SHAPE,
                }
            ),*]);
        }
    };
}

/// A setting that is one of a few texts.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),* }
        impl $name {
            /// The text on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl $crate::settings::described::Described for $name {
            const SHAPE: $crate::settings::described::Shape = $crate::settings::described::Shape::OneOf(&[$($text),*]);
        }
    };
}

/// What a setting can hold.
pub enum Shape {
    /// A single value, in words.
    Value(&'static str),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of the kinds of second factors.
    SecondFactor,
    /// The same, or nothing.
    Optional(&'static Self),
    /// Any number of them.
    List(&'static Self),
    /// A group of settings.
    Fields(fn() -> Vec<Field>),
}

/// One setting of a group.
pub struct Field {
    /// Its name in Rust.
    pub name: &'static str,
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
    /// What it can hold.
    pub shape: Shape,
}

/// A type that settings are made of.
pub trait Described {
    /// What it can hold.
    const SHAPE: Shape;
}

impl Described for bool {
    const SHAPE: Shape = Shape::OneOf(&["true", "false"]);
}
impl Described for u32 {
    const SHAPE: Shape = Shape::Value("number");
}
impl Described for String {
    const SHAPE: Shape = Shape::Value("text");
}
impl Described for OriginPattern {
    const SHAPE: Shape = Shape::Value("origin");
}
impl Described for Strength {
    const SHAPE: Shape =
        Shape::OneOf(&["reauthentication", "mfa", "phishing_resistant", "phishing_resistant_verified"]);
}
impl Described for Format {
    const SHAPE: Shape = Shape::SecondFactor;
}
impl<T: Described> Described for Option<T> {
    const SHAPE: Shape = Shape::Optional(&T::SHAPE);
}
impl<T: Described> Described for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}
