//! Making values that other people chose harmless: for headers, for lines of text, for HTML.

/// One line of at most `max` characters: white space of every kind becomes single spaces; control
/// characters, and those that turn the direction of writing or are not seen, go. So a value can neither
/// begin a header nor a paragraph of its own, nor make a line read as another.
pub(super) fn one_line(value: &str, max: usize) -> String {
    let words = value.split_whitespace().map(visible).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(max) {
        None => line,
        Some(_) => line.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A line that mail programs do not turn into a link. For names that users choose: whoever got into an
/// account could else make this server mail a link of theirs to its owner.
pub(super) fn unlinked(value: &str, max: usize) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = c == '.' && chars.peek().is_some_and(|next| next.is_alphabetic());
        out.push(if joins || matches!(c, ':' | '/' | '\\' | '@' | '。' | '．' | '｡') { ' ' } else { c });
    }
    one_line(&out, max)
}

/// The value for use in HTML, as text or inside a quoted attribute.
pub fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Joiners (U+200C, U+200D) stay: Persian, Hindi and emoji are written with them.
fn visible(word: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
            || matches!(c, '\u{00AD}' | '\u{061C}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
    };
    word.chars().filter(|&c| !hidden(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        for (value, line) in [
            ("Acme", "Acme"),
            (" Acme \t Ltd ", "Acme Ltd"),
            ("Acme\r\nBcc: eve@example.com", "Acme Bcc: eve@example.com"),
            ("a\u{2028}b\u{2029}c\u{85}d\u{b}e", "a b c d e"),
            ("a\0b\u{1b}[31mc", "ab[31mc"),
            ("a\u{202e}b\u{feff}c\u{200b}", "abc"),
            ("\u{200b} \u{200b}", ""),
            ("abcdefghijkl", "abcdefghi…"),
            ("éééééééééé", "éééééééééé"),
        ] {
            assert_eq!(one_line(value, 10.max(line.chars().count())), line, "{value:?}");
        }
    }

    #[test]
    fn names_do_not_become_links() {
        assert_eq!(unlinked("iPhone 15.2", 64), "iPhone 15.2");
        assert_eq!(unlinked("https://evil.example/x", 64), "https evil example x");
        assert_eq!(unlinked("eve@evil.example", 64), "eve evil example");
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(escape(r#"<a href="x" id='y'>&"#), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
    }
}
