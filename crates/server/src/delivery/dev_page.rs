//! The page of the development outbox. It asks its own address for JSON and shows what comes.

use super::text::escape;

const STYLE: &str = include_str!("dev_page.css");
const SCRIPT: &str = include_str!("dev_page.js");

/// The page. `nonce` is that of the response's Content-Security-Policy, which must allow with it one
/// style sheet and one script, and `connect-src 'self'`. The script asks the address of the page itself
/// (query included) with `Accept: application/json` for the array of [`super::DevMail`].
pub fn page(nonce: &str) -> String {
    let nonce = escape(nonce);
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Outbox – Stile</title>
<style nonce="{nonce}">
{STYLE}</style>
</head>
<body>
<header>
<h1>Outbox</h1>
<p>Every message that this development server delivered, newest first.</p>
<p id="status" role="status"></p>
</header>
<main>
<noscript><p class="empty">This page needs JavaScript. The same messages are here as JSON.</p></noscript>
<p id="empty" class="empty" hidden>No mail yet</p>
<ol id="mails" aria-live="polite" aria-relevant="additions" aria-label="Messages"></ol>
</main>
<script nonce="{nonce}">
{SCRIPT}</script>
</body>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_the_nonce_and_nothing_from_elsewhere() {
        let page = page("abc\"><script>");
        assert_eq!(page.matches("nonce=\"abc&quot;&gt;&lt;script&gt;\"").count(), 2);
        for thing in ["http:", "https:", "src=", "style=", "onclick", "innerHTML", "{nonce}"] {
            assert!(!page.contains(thing), "{thing}");
        }
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(page.contains("No mail yet") && page.contains("aria-live=\"polite\""));
    }
}
