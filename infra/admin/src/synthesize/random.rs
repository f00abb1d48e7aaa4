//! Repeatable randomness: the same seed and person give the same numbers on every machine and in every version.
//!
//! Own lines rather than a crate, because a crate may change its algorithm and with it every synthetic person.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub(super) struct Random(u64);

impl Random {
    const INCREMENT: u64 = 0x9E37_79B9_7F4A_7C15;

    /// The numbers of one person, independent of everybody else's.
    pub(super) fn of(seed: u64, person: u32) -> Self {
        let mut mixer = Self(seed);
        let own = mixer.next() ^ u64::from(person).wrapping_mul(Self::INCREMENT);
        Self(own)
    }

    /// A number from zero up to, but not including, `limit`.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        let product = (self.next() >> 32) * u64::from(limit);
        u32::try_from(product >> 32).expect("a 32-bit number times a 32-bit limit")
    }

    /// A number from `first` to `last`, both included.
    pub(super) fn between(&mut self, first: i64, last: i64) -> i64 {
        let span = u32::try_from(last - first + 1).expect("ranges are small and ascending");
        first + i64::from(self.below(span))
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of the items, which are never none.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let count = u32::try_from(items.len()).expect("tables are short");
        &items[self.below(count) as usize]
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::INCREMENT);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_numbers_of_splitmix64() {
        let mut random = Random(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
