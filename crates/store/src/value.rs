//! Arguments and rows, the same for every engine.

use stile_core::{
    ApiTokenId, AuditId, CredentialId, EnvironmentId, Micros, OutboxId, SessionId, UserId, VerificationId,
};

use crate::error::StoreError;

/// A value as the engines store it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

macro_rules! from_id {
    ($($name:ident),*) => { $(
        impl From<$name> for Value {
            fn from(id: $name) -> Self {
                Self::Blob(id.as_bytes().to_vec())
            }
        }
    )* };
}
from_id!(ApiTokenId, AuditId, CredentialId, EnvironmentId, OutboxId, SessionId, UserId, VerificationId);

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}
impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Int(b.into())
    }
}
impl From<Micros> for Value {
    fn from(at: Micros) -> Self {
        Self::Int(at.get())
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}
impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer; columns are taken by position, left to right.
pub(crate) struct Row {
    values: std::vec::IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self { values: values.into_iter() }
    }

    /// The next column as `T`.
    pub(crate) fn take<T: FromValue>(&mut self) -> Result<T, StoreError> {
        T::from_value(self.values.next().unwrap_or(Value::Null))
    }

    /// All columns that were not taken.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values.collect()
    }

    /// Passes over the next `columns`.
    pub(crate) fn skip(&mut self, columns: usize) {
        self.values.by_ref().take(columns).for_each(drop);
    }

    /// The next column as JSON text of `T`.
    pub(crate) fn take_json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text: String = self.take()?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("not the JSON that its column promises"))
    }
}

pub(crate) trait FromValue: Sized {
    fn from_value(value: Value) -> Result<Self, StoreError>;
}

impl FromValue for i64 {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Int(n) => Ok(n),
            _ => Err(StoreError::Corrupt("not a number")),
        }
    }
}
impl FromValue for u32 {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        i64::from_value(value)?.try_into().map_err(|_| StoreError::Corrupt("a number out of range"))
    }
}
impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        Ok(i64::from_value(value)? != 0)
    }
}
impl FromValue for Micros {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        i64::from_value(value).map(Self::new)
    }
}
impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Text(text) => Ok(text),
            _ => Err(StoreError::Corrupt("not a text")),
        }
    }
}
impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(StoreError::Corrupt("not bytes")),
        }
    }
}
impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        Vec::from_value(value)?.try_into().map_err(|_| StoreError::Corrupt("bytes of another length"))
    }
}
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

macro_rules! take_id {
    ($($name:ident),*) => { $(
        impl FromValue for $name {
            fn from_value(value: Value) -> Result<Self, StoreError> {
                <[u8; 16]>::from_value(value).map($name::from_bytes)
            }
        }
    )* };
}
take_id!(ApiTokenId, AuditId, CredentialId, EnvironmentId, OutboxId, SessionId, UserId, VerificationId);
