//! A set of signal groups of one junction.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most signal groups that a junction can have (RSMP S0001 tells at most 255).
pub const GROUPS_MAX: usize = 256;

/// Signal groups by their index, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct GroupSet([u64; GROUPS_MAX / 64]);

impl GroupSet {
    pub const EMPTY: Self = Self([0; GROUPS_MAX / 64]);

    pub fn insert(&mut self, group: u8) {
        self.0[usize::from(group / 64)] |= 1 << (group % 64);
    }

    pub fn contains(&self, group: u8) -> bool {
        self.0[usize::from(group / 64)] >> (group % 64) & 1 == 1
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_subset(&self, of: &Self) -> bool {
        self.minus(of).is_empty()
    }

    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.each(other, |own, other| own & !other)
    }

    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.each(other, |own, other| own & other)
    }

    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.each(other, |own, other| own | other)
    }

    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|group| self.contains(*group))
    }

    fn each(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|word| join(self.0[word], other.0[word])))
    }
}

impl FromIterator<u8> for GroupSet {
    fn from_iter<I: IntoIterator<Item = u8>>(groups: I) -> Self {
        let mut set = Self::EMPTY;
        groups.into_iter().for_each(|group| set.insert(group));
        set
    }
}

/// Numbered from 1, as people and controllers do.
impl fmt::Display for GroupSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, group) in self.iter().enumerate() {
            let between = if nth == 0 { "" } else { " " };
            write!(f, "{between}{}", u16::from(group) + 1)?;
        }
        Ok(())
    }
}

impl fmt::Debug for GroupSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_groups() {
        let set: GroupSet = [0, 63, 64, 255].into_iter().collect();
        assert_eq!((set.len(), set.to_string().as_str()), (4, "1 64 65 256"));
        let other: GroupSet = [63, 200].into_iter().collect();
        assert_eq!(set.and(&other).to_string(), "64");
        assert_eq!(set.minus(&other).to_string(), "1 65 256");
        assert_eq!(set.or(&other).len(), 5);
        assert!(set.and(&other).is_subset(&other) && !set.is_subset(&other) && !set.is_empty());
    }
}
