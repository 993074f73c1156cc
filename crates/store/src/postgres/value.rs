//! Values on their way to the server and back. What type a parameter has, the server said when the
//! statement was prepared.

use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::error::StoreError;
use crate::value::{Row, Value};

/// A parameter. It shows nothing of itself: the driver writes parameters into its debug log.
pub(super) struct Param<'a>(pub(super) &'a Value);

impl fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.0, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(n), &Type::INT8) => n.to_sql(ty, out),
            (Value::Int(n), &Type::INT4) => i32::try_from(*n)?.to_sql(ty, out),
            (Value::Text(text), &Type::TEXT) => text.to_sql(ty, out),
            (Value::Blob(bytes), &Type::BYTEA) => bytes.to_sql(ty, out),
            _ => Err(format!("a parameter is not of the type {ty}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The parameters of a statement, as the driver takes them.
pub(super) fn params(args: &[Value]) -> Vec<Param<'_>> {
    args.iter().map(Param).collect()
}

/// A row of an answer.
pub(super) fn row(found: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let columns = found.columns().iter().enumerate();
    columns.map(|(at, column)| value(found, at, column.type_())).collect::<Result<_, _>>().map(Row::new)
}

fn value(row: &tokio_postgres::Row, at: usize, ty: &Type) -> Result<Value, StoreError> {
    let value = match *ty {
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(Value::from),
        // A constant, such as that of `SELECT 1`.
        Type::INT4 => row.try_get::<_, Option<i32>>(at).map(|n| n.map(i64::from).into()),
        Type::TEXT => row.try_get::<_, Option<String>>(at).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(Value::from),
        _ => return Err(StoreError::Corrupt("a column of a type that is not stored")),
    };
    value.map_err(|_| StoreError::Corrupt("a value that is not of its column's type"))
}
