//! A map of bounded size, so that no flood of made-up addresses makes it grow.
//!
//! Keys are spread over sets by a hash that nobody outside can predict. When the set of a new key is full, the entry that
//! weighs least is forgotten: whoever has used up most is remembered longest.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

/// Sets of a map. Few, because each environment has some ten maps and most of them stay empty.
const SETS: usize = 256;
/// Keys in a set.
const WAYS: usize = 64;
/// The most keys that a map holds.
#[cfg(test)]
pub const MOST: usize = SETS * WAYS;

type Set<K, V> = Mutex<Vec<(K, V)>>;

/// At most 16,384 keys with a value each.
pub struct Bounded<K, V> {
    sets: Box<[Set<K, V>]>,
    hasher: RandomState,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl<K: Hash + Eq + Copy, V: Copy> Bounded<K, V> {
    /// The value of this key.
    pub fn get(&self, key: &K) -> Option<V> {
        self.set(key).iter().find(|(k, _)| k == key).map(|(_, value)| *value)
    }

    /// Changes the value of this key, or keeps it when the change fails. `weight` says what is forgotten first when there
    /// is no room: the least.
    pub fn change<T, E, W: PartialOrd>(
        &self,
        key: &K,
        change: impl FnOnce(Option<V>) -> Result<(T, V), E>,
        weight: impl Fn(V) -> W,
    ) -> Result<T, E> {
        let mut set = self.set(key);
        if let Some((_, kept)) = set.iter_mut().find(|(k, _)| k == key) {
            let (outcome, value) = change(Some(*kept))?;
            *kept = value;
            return Ok(outcome);
        }
        let (outcome, value) = change(None)?;
        if set.len() < WAYS {
            set.push((*key, value));
            return Ok(outcome);
        }
        let lightest = set.iter_mut().reduce(|a, b| if weight(b.1) < weight(a.1) { b } else { a });
        if let Some(entry) = lightest {
            *entry = (*key, value);
        }
        Ok(outcome)
    }

    /// Forgets the entries that are not worth keeping.
    pub fn retain(&self, worth: impl Fn(V) -> bool) {
        for set in &self.sets {
            let mut set = held(set);
            set.retain(|(_, value)| worth(*value));
            set.shrink_to_fit();
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.sets.iter().map(|set| held(set).len()).sum()
    }

    fn set(&self, key: &K) -> MutexGuard<'_, Vec<(K, V)>> {
        let hash = self.hasher.hash_one(key);
        // The remainder fits every size of `usize`.
        held(&self.sets[(hash % SETS as u64) as usize])
    }
}

fn held<T>(set: &Mutex<T>) -> MutexGuard<'_, T> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For governor, which keeps the moment at which a bucket is full again: the earliest is forgotten first.
impl<K: Hash + Eq + Copy> StateStore for Bounded<K, Nanos> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.change(key, f, |full_again| full_again)
    }
}

impl<K: Hash + Eq + Copy> ShrinkableKeyedStateStore<K> for Bounded<K, Nanos> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.retain(|full_again| full_again > drop_below);
    }

    fn len(&self) -> usize {
        Bounded::len(self)
    }

    fn is_empty(&self) -> bool {
        Bounded::len(self) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(map: &Bounded<u32, u32>, key: u32, value: u32) {
        map.change(&key, |_| Ok::<_, ()>(((), value)), |v| v).unwrap();
    }

    #[test]
    fn it_never_grows_beyond_its_bound() {
        let map = Bounded::default();
        for key in 0..200_000 {
            put(&map, key, 1);
        }
        assert!(map.len() <= MOST, "{}", map.len());
        assert!(map.len() > MOST / 2);
        map.retain(|_| false);
        assert_eq!(map.len(), 0);
    }

    #[test]
    fn the_lightest_are_forgotten_first() {
        let map = Bounded::default();
        for key in 0..100 {
            put(&map, key, 1_000);
        }
        for key in 100..200_000 {
            put(&map, key, key % 7);
        }
        assert!((0..100).all(|key| map.get(&key) == Some(1_000)));
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let map = Bounded::default();
        put(&map, 1, 5);
        assert_eq!(map.change(&1, |_| Err::<((), u32), _>("no"), |v| v), Err("no"));
        assert_eq!(map.change(&2, |_| Err::<((), u32), _>("no"), |v| v), Err("no"));
        assert_eq!((map.get(&1), map.get(&2)), (Some(5), None));
    }
}
