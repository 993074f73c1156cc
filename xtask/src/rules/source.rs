//! Just enough of Rust's grammar to tell code, strings and comments apart.

/// What a piece of a source file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Code between strings and comments, at most a line of it.
    Code,
    /// The inside of a string literal, escapes as written.
    Text,
}

/// A piece with the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) text: String,
}

/// The source up to its test module, which by custom is the last item of a file.
pub(super) fn without_tests(source: &str) -> &str {
    source.find("#[cfg(test)]\nmod ").map_or(source, |at| &source[..at])
}

/// Takes a source file apart; comments are dropped.
pub(super) fn pieces(source: &str) -> Vec<Piece> {
    let mut reader = Reader { rest: source, line: 1, found: Vec::new(), code: String::new() };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.end_code();
    reader.found
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Piece>,
    code: String,
}

impl Reader<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let inside_word = self.code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.take(block_comment(rest));
        } else if let Some(inside) = rest.strip_prefix('"') {
            self.string(1, closing_quote(inside), 1);
        } else if let Some(hashes) = raw_string(rest).filter(|_| !inside_word) {
            let start = rest.find('"').unwrap_or(0) + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let length = rest[start..].find(&end).unwrap_or(rest.len() - start);
            self.string(start, length, end.len());
        } else if let Some(length) = character(rest) {
            self.take(length);
        } else {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            if rest.starts_with('\n') {
                self.end_code();
            } else {
                self.code.push_str(&rest[..first]);
            }
            self.take(first);
        }
    }

    fn take(&mut self, length: usize) {
        let length = length.min(self.rest.len());
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }

    fn string(&mut self, start: usize, length: usize, end: usize) {
        self.end_code();
        let text = self.rest[start..start + length].to_owned();
        self.found.push(Piece { kind: Kind::Text, line: self.line, text });
        self.take(start + length + end);
    }

    fn end_code(&mut self) {
        let text = std::mem::take(&mut self.code);
        if !text.trim().is_empty() {
            self.found.push(Piece { kind: Kind::Code, line: self.line, text });
        }
    }
}

/// Length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if here.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                break;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// Length of a string's inside, up to the quote that ends it.
fn closing_quote(inside: &str) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    inside.len()
}

/// The number of `#` of a raw string that begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// Length of a character literal that begins here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut chars = inside.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        chars.next();
        return Some(1 + chars.find(|(_, c)| *c == '\'')?.0 + 1);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(1 + at + 1)
}

#[test]
fn strings_comments_and_code_are_told_apart() {
    let source = "let a = \"x \\\" y\"; // \"no\"\n/* \"no\" /* */ \"no\" */ let b = br#\"raw \" z\"#;\nlet c: &'a str = f('\"', '\\'');\n";
    let found = pieces(source);
    let texts: Vec<(usize, &str)> =
        found.iter().filter(|p| p.kind == Kind::Text).map(|p| (p.line, p.text.as_str())).collect();
    assert_eq!(texts, [(1, "x \\\" y"), (2, "raw \" z")]);
    let code: String = found.iter().filter(|p| p.kind == Kind::Code).map(|p| p.text.as_str()).collect();
    assert!(code.contains("let c: &'a str = f(, )"), "{code}");
    assert!(!code.contains("no"));
}

#[test]
fn tests_are_left_out() {
    assert_eq!(without_tests("code\n#[cfg(test)]\nmod tests {}\n"), "code\n");
}
