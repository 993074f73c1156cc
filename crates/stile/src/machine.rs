//! What the machine gives: the time, and paths as they were given and as they are shown.

use std::path::{Path, PathBuf};

use stile_core::Micros;
use stile_server::clock::Clock;

/// The time now.
pub fn now() -> Micros {
    Clock::default().now()
}

/// A path as it can be pasted into a shell.
pub fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A path that says something; an empty one comes from an empty variable.
pub fn given(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted() {
        assert_eq!(shown(Path::new("/srv/stile-1")), "/srv/stile-1");
        assert_eq!(shown(Path::new("/srv/it's mine")), r"'/srv/it'\''s mine'");
        assert_eq!(shown(Path::new("")), "''");
    }
}
