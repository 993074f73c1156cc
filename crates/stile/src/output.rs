//! The only way to the standard streams.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::error::Failure;

/// How answers are written.
#[derive(Clone, Copy)]
pub struct Output {
    /// As JSON instead of text.
    pub json: bool,
}

impl Output {
    /// Writes an answer to standard output: the text for people, or the value on one line.
    pub fn answer(self, text: &str, value: &Value) -> Result<(), Failure> {
        let line = if self.json { value.to_string() } else { text.trim_end().to_owned() };
        raw(&format!("{line}\n"))
    }

    /// Says why a command failed: to people on standard error, and with `--json` to programs on standard output.
    pub fn failure(self, failure: &Failure) {
        if matches!(failure, Failure::Shown) {
            return;
        }
        // When nobody can be told, the exit code still tells.
        let _unheard = writeln!(io::stderr().lock(), "{failure}");
        if self.json {
            let intro = match failure {
                Failure::Problems { intro, .. } => intro.clone(),
                other => other.to_string(),
            };
            let value = json!({ "error": intro, "problems": failure.problems() });
            let _unheard = raw(&format!("{value}\n"));
        }
    }
}

/// Writes text to standard output as it is. A reader that has gone, as in `stile … | head`, is no failure.
pub fn raw(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("The answer cannot be written: {error}."), ""))
        }
        _ => Ok(()),
    }
}
