//! The file: lines of JSON. First the label, then for each table its name and columns, and each row as a list in the order
//! of these; at last how many rows there were, and the SHA-256 of all lines before. Bytes are `{"b":"base64"}`.

use std::io::{BufRead, Read as _, Write};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use stile_core::Micros;

use super::{BackupError, Counts, Label};
use crate::value::Value;

/// The number of this format.
const FORMAT: u32 = 1;
/// No line is longer, in bytes.
const MAX_LINE: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct First {
    stile_backup: u32,
    version: String,
    made_at: Micros,
    key_check: String,
    schema: Vec<(i64, i64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Row(Vec<Field>),
    Table(Table),
    End(End),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    table: String,
    columns: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    rows: u64,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Field {
    Null,
    Int(i64),
    Text(String),
    Bytes { b: String },
}

impl From<Value> for Field {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(n) => Self::Int(n),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Bytes { b: STANDARD.encode(bytes) },
        }
    }
}

impl TryFrom<Field> for Value {
    type Error = BackupError;

    fn try_from(field: Field) -> Result<Self, BackupError> {
        Ok(match field {
            Field::Null => Self::Null,
            Field::Int(n) => Self::Int(n),
            Field::Text(text) => Self::Text(text),
            Field::Bytes { b } => Self::Blob(decoded(&b)?),
        })
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, BackupError> {
    STANDARD.decode(text).map_err(|_| unfit("some of its bytes are no base64"))
}

fn unfit(why: impl Into<String>) -> BackupError {
    BackupError::Unfit(why.into())
}

/// Writes a backup.
pub(crate) struct Sink {
    file: Box<dyn Write + Send>,
    label: Label,
    digest: Context,
    counts: Counts,
}

impl Sink {
    pub(super) fn new(file: Box<dyn Write + Send>, label: Label) -> Self {
        Self { file, label, digest: Context::new(&SHA256), counts: Vec::new() }
    }

    /// The label, with the migrations as they are at the moment of the backup.
    pub(crate) fn begin(&mut self, schema: Vec<(i64, i64)>) -> Result<(), BackupError> {
        self.label.schema = schema;
        let first = First {
            stile_backup: FORMAT,
            version: self.label.version.clone(),
            made_at: self.label.made_at,
            key_check: STANDARD.encode(&self.label.key_check),
            schema: self.label.schema.clone(),
        };
        self.line(&first)
    }

    /// Begins a table.
    pub(crate) fn table(&mut self, table: &'static str, columns: Vec<String>) -> Result<(), BackupError> {
        self.counts.push((table, 0));
        self.line(&Table { table: table.to_owned(), columns })
    }

    /// A row of the table that was begun.
    pub(crate) fn row(&mut self, values: Vec<Value>) -> Result<(), BackupError> {
        if let Some((_, count)) = self.counts.last_mut() {
            *count += 1;
        }
        self.line(&values.into_iter().map(Field::from).collect::<Vec<_>>())
    }

    /// Ends the backup: without this line it is not whole.
    pub(crate) fn end(mut self) -> Result<Counts, BackupError> {
        let rows = self.counts.iter().map(|(_, count)| count).sum();
        let sha256 = STANDARD.encode(self.digest.clone().finish());
        self.line(&End { rows, sha256 })?;
        self.file.flush()?;
        Ok(self.counts)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), BackupError> {
        let mut text = serde_json::to_vec(line).map_err(std::io::Error::from)?;
        text.push(b'\n');
        self.digest.update(&text);
        Ok(self.file.write_all(&text)?)
    }
}

/// Reads a backup.
pub(crate) struct Source {
    file: Box<dyn BufRead + Send>,
    pub(crate) label: Label,
    digest: Context,
    rows: u64,
}

/// What comes next in a backup.
pub(crate) enum Next {
    /// A table with its columns.
    Table(String, Vec<String>),
    /// A row of that table.
    Row(Vec<Value>),
    /// All was read, and it is whole.
    End,
}

impl Source {
    pub(super) fn open(file: Box<dyn BufRead + Send>) -> Result<Self, BackupError> {
        let label = Label {
            version: String::new(),
            made_at: Micros::new(0),
            key_check: Vec::new(),
            schema: Vec::new(),
        };
        let mut source = Self { file, label, digest: Context::new(&SHA256), rows: 0 };
        let line = source.line()?;
        let first: First =
            serde_json::from_slice(&line).map_err(|_| unfit("its first line is not that of a backup"))?;
        if first.stile_backup != FORMAT {
            return Err(unfit(format!("its format {} is not known to this version", first.stile_backup)));
        }
        source.digest.update(&line);
        source.label = Label {
            version: first.version,
            made_at: first.made_at,
            key_check: decoded(&first.key_check)?,
            schema: first.schema,
        };
        Ok(source)
    }

    /// The next line.
    pub(crate) fn next(&mut self) -> Result<Next, BackupError> {
        let line = self.line()?;
        if line.is_empty() {
            return Err(unfit("it is cut off"));
        }
        let parsed: Line = serde_json::from_slice(&line).map_err(|_| unfit("a line of it cannot be read"))?;
        match parsed {
            Line::Row(fields) => {
                self.digest.update(&line);
                self.rows += 1;
                Ok(Next::Row(fields.into_iter().map(Value::try_from).collect::<Result<_, _>>()?))
            }
            Line::Table(Table { table, columns }) => {
                self.digest.update(&line);
                Ok(Next::Table(table, columns))
            }
            Line::End(End { rows, sha256 }) => {
                let is_whole = rows == self.rows && sha256 == STANDARD.encode(self.digest.clone().finish());
                if !is_whole || !self.line()?.is_empty() {
                    return Err(unfit("it was changed after it was made"));
                }
                Ok(Next::End)
            }
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut line = Vec::new();
        self.file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn values() -> Vec<Value> {
        let text = "a \"line\"\nand a \u{1f511}".to_owned();
        vec![
            Value::Null,
            Value::Int(i64::MIN),
            Value::Int(i64::MAX),
            Value::Text(text),
            Value::Blob(vec![0, 255]),
        ]
    }

    fn made() -> Vec<u8> {
        let memory = Memory::default();
        let label = Label {
            version: "1".into(),
            made_at: Micros::new(5),
            key_check: vec![7; 32],
            schema: Vec::new(),
        };
        let mut sink = Sink::new(Box::new(memory.clone()), label);
        sink.begin(vec![(1, -9)]).unwrap();
        sink.table("users", vec!["a".into(), "b".into()]).unwrap();
        sink.row(values()).unwrap();
        sink.row(Vec::new()).unwrap();
        assert_eq!(sink.end().unwrap(), [("users", 2)]);
        memory.0.lock().unwrap().clone()
    }

    fn read(bytes: Vec<u8>) -> Result<Vec<Value>, BackupError> {
        let mut source = Source::open(Box::new(std::io::Cursor::new(bytes)))?;
        let mut all = Vec::new();
        loop {
            match source.next()? {
                Next::Table(..) => {}
                Next::Row(values) => all.extend(values),
                Next::End => return Ok(all),
            }
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(read(made()).unwrap(), values());
        let source = Source::open(Box::new(std::io::Cursor::new(made()))).unwrap();
        assert_eq!((source.label.made_at, source.label.schema), (Micros::new(5), vec![(1, -9)]));
        assert_eq!(source.label.key_check, [7; 32]);
    }

    #[test]
    fn a_backup_that_is_cut_off_or_changed_is_refused() {
        let whole = made();
        for length in 0..whole.len() - 1 {
            assert!(read(whole[..length].to_vec()).is_err(), "{length}");
        }
        for at in 0..whole.len() - 1 {
            for bit in [1, 4, 32] {
                let mut changed = whole.clone();
                changed[at] ^= bit;
                assert!(read(changed).is_err(), "{at} {bit}");
            }
        }
        assert!(read([&whole[..], b"\n"].concat()).is_err());
        assert!(read(b"SQLite format 3".to_vec()).is_err());
    }
}
