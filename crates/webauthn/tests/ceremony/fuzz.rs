//! The fuzz targets of this crate, run on stable: the committed corpus, then seeded edits of it.

#[path = "../../../../fuzz/src/webauthn.rs"]
mod entry;
#[path = "../../../../fuzz/src/mutate.rs"]
pub(crate) mod mutate;

#[test]
fn corpus_and_its_edits_keep_every_promise() {
    for (name, target) in entry::TARGETS {
        let corpus = mutate::corpus(name);
        assert!(!corpus.is_empty(), "{name} has no corpus");
        assert!(mutate::run(*target, &corpus, 50_000), "{name} has no good input");
    }
}
