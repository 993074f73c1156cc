use super::*;

const NOW: Micros = Micros::new(1_800_000_000_000_000);
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How many events pass when somebody tries at each of these seconds.
fn passed(allowance: Allowance, tries: impl IntoIterator<Item = i64>) -> usize {
    let mut stored = NOW;
    let mut passed = 0;
    for second in tries {
        if let Some(after) = allowance.spent(stored, NOW.plus_seconds(second)) {
            stored = after;
            passed += 1;
        }
    }
    passed
}

#[test]
fn ninety_pass_at_once_and_one_more_every_ten_hours() {
    assert_eq!(passed(STRANGERS, vec![0; 1_000]), 90);
    assert_eq!(passed(STRANGERS, (0..1_000).map(|n| n.min(999) * 9)), 90);
    let once_full = |second: i64| vec![0; 500].into_iter().chain(vec![second; 500]);
    assert_eq!(passed(STRANGERS, once_full(36_000 - 1)), 90);
    assert_eq!(passed(STRANGERS, once_full(36_000)), 91);
    assert_eq!(passed(STRANGERS, once_full(2 * 36_000)), 92);
    assert_eq!(passed(STRANGERS, once_full(90 * 36_000)), 180);
    assert_eq!(passed(STRANGERS, once_full(10 * YEAR)), 180, "no more than the bucket holds comes back");
}

#[test]
fn room_is_told_as_it_is_taken_and_told_when_it_comes_back() {
    for allowance in [STRANGERS, KNOWN_DEVICE, Allowance::of(Rate { requests: 20, seconds: 72_000 })] {
        let mut stored = NOW;
        while let Some(after) = allowance.spent(stored, NOW) {
            assert!(allowance.has_room(stored, NOW));
            stored = after;
        }
        assert!(!allowance.has_room(stored, NOW));
        let room = allowance.room_at(stored);
        assert_eq!(room.get() - NOW.get(), allowance.each());
        assert!(allowance.has_room(stored, room));
        assert!(!allowance.has_room(stored, Micros::new(room.get() - 1)));
    }
    assert_eq!(Allowance::of(Rate { requests: 20, seconds: 72_000 }), Allowance::new(20, 3_600));
}

/// A clock that was ahead and is set back leaves a full bucket, not one that is shut for as long as the clock was wrong. What
/// a node stores whose clock is less than an hour ahead of another's opens nothing there.
#[test]
fn a_clock_that_is_set_back_costs_no_more_than_a_full_bucket() {
    for allowance in [STRANGERS, KNOWN_DEVICE, Allowance::of(Rate { requests: 20, seconds: 72_000 })] {
        let full = |at: Micros| {
            let mut stored = at;
            while let Some(after) = allowance.spent(stored, at) {
                stored = after;
            }
            stored
        };
        let wrong = full(NOW.plus_seconds(YEAR));
        let after = allowance.spent(wrong, NOW).unwrap();
        assert_eq!(after, full(NOW));
        assert_eq!(allowance.spent(after, NOW), None);
        assert!(allowance.spent(after, NOW.plus_seconds(allowance.each() / 1_000_000)).is_some());
        for lag in [1, 60, HOUR] {
            assert!(!allowance.has_room(full(NOW.plus_seconds(lag)), NOW), "{lag}");
        }
        assert!(allowance.less_one().spent(full(NOW), NOW).is_none());
    }
}

#[test]
fn an_allowance_without_places_never_has_room() {
    let none = Allowance::new(1, 60).less_one();
    assert_eq!(none.spent(NOW, NOW), None);
    assert_eq!(none.spent(Micros::new(0), NOW.plus_seconds(YEAR)), None);
}

/// The most guesses that are judged within so many seconds, from however long a rest before.
fn most_within(allowance: Allowance, seconds: i64) -> usize {
    // The patient attacker rests until the bucket is empty and then tries whenever something passes.
    let mut stored = Micros::new(0);
    let mut now = NOW;
    let mut judged = 0;
    while now.seconds_since(NOW) < seconds {
        match allowance.spent(stored, now) {
            Some(after) => {
                stored = after;
                judged += 1;
            }
            None => now = allowance.room_at(stored),
        }
    }
    judged
}

#[test]
fn the_best_guesser_stays_under_one_in_ten_thousand_a_day_and_one_in_a_thousand_a_year() {
    let chance = |guesses: usize| guesses as f64 / 10_f64.powi(SHORT_DIGITS.cast_signed());
    assert_eq!(most_within(STRANGERS, DAY), 92);
    assert_eq!(most_within(STRANGERS, YEAR), 965);
    assert!(chance(most_within(STRANGERS, DAY)) < 1e-4);
    assert!(chance(most_within(STRANGERS, YEAR)) < 1e-3);
}

/// Pseudo-random numbers (SplitMix64), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What a year of attack came to.
#[derive(Debug)]
struct Attack {
    strangers: usize,
    judged: usize,
    judged_on_worst_day: usize,
    owner_tried: usize,
    owner_in: usize,
    owner_mistyped: usize,
}

/// A year in which each of a million strangers, each at an address of its own, guesses five times at one user's code,
/// at once, in waves or spread over the year. Now and then the owner signs in in a known browser, and mistypes one code
/// in five.
fn attack(seed: u64, strangers: u64) -> Attack {
    let mut numbers = Numbers(seed);
    // Half of them come in bursts of a minute, the others at any time.
    let mut arrivals: Vec<i64> = (0..strangers)
        .map(|n| {
            let burst = (n % 50).cast_signed() * 7 * DAY;
            if n % 2 == 0 {
                burst + numbers.below(60).cast_signed()
            } else {
                numbers.below(YEAR as u64) as i64
            }
        })
        .collect();
    arrivals.sort_unstable();
    let (mut address, mut user, mut device) = (NOW, NOW, NOW);
    let mut judged_at = Vec::new();
    let mut done = Attack {
        strangers: arrivals.len(),
        judged: 0,
        judged_on_worst_day: 0,
        owner_tried: 0,
        owner_in: 0,
        owner_mistyped: 0,
    };
    let mut next_sign_in = 0;
    for second in arrivals {
        let now = NOW.plus_seconds(second);
        for _ in 0..5 {
            let after = STRANGERS.spent(address, now).zip(STRANGERS.spent(user, now));
            if let Some(both) = after {
                (address, user) = both;
                judged_at.push(second);
            }
        }
        while next_sign_in <= second {
            let now = NOW.plus_seconds(next_sign_in);
            done.owner_tried += 1;
            if numbers.below(5) == 0 {
                done.owner_mistyped += 1;
                device = KNOWN_DEVICE.spent(device, now).unwrap_or(device);
            }
            done.owner_in += usize::from(KNOWN_DEVICE.has_room(device, now));
            next_sign_in += 8 * HOUR + numbers.below(8 * HOUR as u64) as i64;
        }
    }
    done.judged = judged_at.len();
    done.judged_on_worst_day = judged_at
        .iter()
        .enumerate()
        .map(|(n, from)| judged_at[n..].iter().take_while(|at| **at < from + DAY).count())
        .max()
        .unwrap_or(0);
    done
}

#[test]
fn a_million_rotating_strangers_never_pass_the_bound_nor_keep_the_known_browser_out() {
    let done = attack(1, 1_000_000);
    assert_eq!(done.strangers, 1_000_000);
    assert!(done.judged <= 966, "{done:?}");
    assert!(done.judged_on_worst_day <= 92, "{done:?}");
    assert_eq!(done.owner_in, done.owner_tried, "{done:?}");
    assert!(done.owner_tried > 600 && done.owner_mistyped > 100, "{done:?}");
}

/// Guesses until something hits, often enough to see that the bound is what the code's length makes of it.
#[test]
fn the_share_of_accounts_that_fall_is_what_the_bound_says() {
    let mut numbers = Numbers(7);
    let accounts = 20_000;
    let mut fallen = [0, 0];
    for _ in 0..accounts {
        let (mut stored, mut now) = (Micros::new(0), NOW);
        while now.seconds_since(NOW) < YEAR {
            match STRANGERS.spent(stored, now) {
                // A code of its own for each guess: what was tried before rules nothing out.
                Some(_) if numbers.below(1_000_000) == 0 => {
                    fallen[1] += 1;
                    fallen[0] += usize::from(now.seconds_since(NOW) < DAY);
                    break;
                }
                Some(after) => stored = after,
                None => now = STRANGERS.room_at(stored),
            }
        }
    }
    // 19.3 of 20,000 are expected in a year, and 1.8 on the first day; five standard deviations are left.
    assert!(fallen[1] < 42, "{fallen:?}");
    assert!(fallen[0] < 9, "{fallen:?}");
}

/// Prints the figures of docs/security/guessing.md.
#[test]
#[ignore = "prints figures"]
fn figures() {
    let chance = |guesses: usize| guesses as f64 / 1e6;
    for (name, seconds) in [("a day", DAY), ("a year", YEAR)] {
        let most = most_within(STRANGERS, seconds);
        println!("strangers, {name}: {most} guesses at most, chance {:.2e}", chance(most));
        let most = most_within(KNOWN_DEVICE, seconds);
        println!("one known device, {name}: {most} guesses at most, chance {:.2e}", chance(most));
    }
    for seed in [1, 2, 3] {
        println!("seed {seed}: {:?}", attack(seed, 1_000_000));
    }
}
