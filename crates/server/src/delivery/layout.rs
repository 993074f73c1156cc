//! The one HTML page of all letters: styled inline, as most mail programs read nothing else, with a
//! style sheet for those that show dark. No images or anything else that loads or tracks, and no link but the one that undoes an addition.

use super::render::Draft;
use super::text::escape;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
"#;

const STYLE: &str = r#"<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #15181d !important; }
  .card { background: #1f242b !important; border-color: #39414c !important; }
  .ink { color: #f2f4f7 !important; }
  .soft { color: #c3cad4 !important; }
  .code { background: #2b323c !important; color: #ffffff !important; }
}
</style>
"#;

const FONT: &str =
    "font-family: -apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

pub(super) fn html(draft: &Draft) -> String {
    let heading = escape(&draft.heading);
    let code = if draft.groups.is_empty() { String::new() } else { code(&draft.groups) };
    let paragraphs: String = draft.paragraphs.iter().map(|text| paragraph(text)).collect();
    let undo = draft.undo.as_deref().map(link).unwrap_or_default();
    format!(
        r#"{HEAD}<title>{heading}</title>
{STYLE}</head>
<body class="page" style="margin: 0; padding: 24px 12px; background: #f3f5f8">
<main class="card" style="max-width: 480px; margin: 0 auto; padding: 28px; background: #ffffff; border: 1px solid #dde2e9; border-radius: 12px; {FONT}">
<h1 class="ink" style="margin: 0 0 16px; font-size: 20px; line-height: 28px; font-weight: 600; color: #15181d">{heading}</h1>
{code}{paragraphs}{undo}</main>
</body>
</html>
"#
    )
}

fn paragraph(text: &str) -> String {
    let text = escape(text);
    format!(
        "<p class=\"soft\" style=\"margin: 0 0 16px; font-size: 15px; line-height: 23px; color: #3d4652; overflow-wrap: break-word\">{text}</p>\n"
    )
}

fn link(to: &str) -> String {
    let to = escape(to);
    format!(
        "<p style=\"margin: 0; font-size: 15px; line-height: 23px\"><a class=\"ink\" href=\"{to}\" style=\"color: #15181d; font-weight: 600\">Remove the address</a></p>\n"
    )
}

/// The groups stand apart by padding, not by a space, so that the code is copied without one.
fn code(groups: &[String]) -> String {
    let mut spans = String::new();
    for (index, group) in groups.iter().enumerate() {
        let apart = if index == 0 { "" } else { " style=\"padding-left: 12px\"" };
        spans.push_str(&format!("<span{apart}>{}</span>", escape(group)));
    }
    format!(
        "<p class=\"code\" style=\"margin: 0 0 20px; padding: 16px; border-radius: 8px; text-align: center; font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace; font-size: 34px; line-height: 42px; font-weight: 700; letter-spacing: 3px; background: #eef1f5; color: #15181d\">{spans}</p>\n"
    )
}
