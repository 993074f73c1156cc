//! The fuzz targets of this crate and of `stile-core`, run on stable: the committed corpus, then seeded edits of it.

#[path = "../../../../fuzz/src/keys.rs"]
mod entry;
#[path = "../../../../fuzz/src/mutate.rs"]
mod mutate;
#[path = "../../../../fuzz/src/parsers.rs"]
mod parsers;

#[test]
fn corpus_and_its_edits_keep_every_promise() {
    for (name, target) in entry::TARGETS.iter().chain(parsers::TARGETS) {
        let corpus = mutate::corpus(name);
        assert!(!corpus.is_empty(), "{name} has no corpus");
        // Nothing can be made up that opens; of all the others the corpus must have a good one.
        assert_eq!(mutate::run(*target, &corpus, 50_000), *name != "sealed", "{name}");
    }
}
