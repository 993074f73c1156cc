//! One spelling for codes that people type, so that no code has two (CVE-2025-6014, CVE-2025-6015).

/// No spaces or hyphens, ASCII digits, upper case, and the letters that Crockford's alphabet leaves out read as the
/// digits that they look like. At most 64 characters are looked at.
pub fn normalise(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(64)
        .map(|c| match c {
            '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10).unwrap_or(c),
            'o' | 'O' => '0',
            'i' | 'I' | 'l' | 'L' => '1',
            c => c.to_ascii_uppercase(),
        })
        .collect()
}
