//! A small generator of pseudo-random edits, the same for the same seed on every machine.

/// A function to be fuzzed, under its name in `fuzz_targets` and in `corpus`. It says whether it took the input.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut out = self.0;
        out = (out ^ (out >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        out = (out ^ (out >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out ^ (out >> 31)
    }

    /// Below `bound`, which is not zero. Slightly uneven, which does not matter here.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One to four edits; the result has at most `limit` bytes.
    pub fn edit(&mut self, bytes: &mut Vec<u8>, limit: usize) {
        for _ in 0..=self.below(4) {
            self.edit_once(bytes);
        }
        bytes.truncate(limit);
    }

    fn edit_once(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let here = at.min(bytes.len().saturating_sub(1));
        match self.below(8) {
            0 | 1 if !bytes.is_empty() => bytes[here] ^= 1 << self.below(8),
            2 if !bytes.is_empty() => bytes[here] = self.interesting(),
            3 if !bytes.is_empty() => drop(bytes.remove(here)),
            4 => {
                let byte = self.interesting();
                bytes.insert(at, byte);
            }
            5 => {
                let end = (at + 1 + self.below(16)).min(bytes.len());
                let piece = bytes[at.min(end)..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            6 => {
                let end = (at + 1 + self.below(16)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
            7 => bytes.truncate(at),
            _ => bytes.push(self.next() as u8),
        }
    }

    /// Any byte, or one that means something to the formats here.
    fn interesting(&mut self) -> u8 {
        const BYTES: &[u8] = b"\x00\x01\x17\x18\x1f\x20\x3f\x40\x58\x59\x5f\x60\x7f\x80\x9f\xa0\xbf\xc0\xf6\xff\"{}[]:,.=-_+/\\@*% ";
        match self.below(2) {
            0 => self.next() as u8,
            _ => BYTES[self.below(BYTES.len())],
        }
    }
}

/// The committed inputs of a target, in the order of their names.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    // From the root of the workspace, or from beside it.
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.ancestors().map(|it| it.join("fuzz/corpus").join(target)).find(|it| it.is_dir());
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder).ok()) else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files.iter().filter_map(|file| std::fs::read(file).ok()).collect()
}

/// Runs a target on every input, and then on `edits` edited ones. Tells whether any input of the corpus was taken.
pub fn run(target: fn(&[u8]) -> bool, corpus: &[Vec<u8>], edits: u64) -> bool {
    let taken = corpus.iter().filter(|input| target(input)).count() > 0;
    for seed in 0..edits {
        let mut random = Random::new(seed);
        let mut input = corpus[random.below(corpus.len())].clone();
        random.edit(&mut input, 16 * 1024);
        target(&input);
    }
    taken
}
