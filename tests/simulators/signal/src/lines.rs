//! Inputs and outputs of a controller: what is on, and what is forced.

/// Inputs, and outputs, of a site.
pub const LINES: usize = 8;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    on: [bool; LINES],
    forced: [Option<bool>; LINES],
}

impl Lines {
    /// `number` counts from 1.
    ///
    /// # Errors
    /// When there is no such line.
    pub fn set(&mut self, number: i64, on: bool) -> Result<(), String> {
        *slot(&mut self.on, number)? = on;
        Ok(())
    }

    /// The first ones follow `on`.
    pub fn wire(&mut self, on: [bool; 2]) {
        self.on[..2].copy_from_slice(&on);
    }

    /// `None` releases it.
    ///
    /// # Errors
    /// When there is no such line.
    pub fn force(&mut self, number: i64, to: Option<bool>) -> Result<(), String> {
        *slot(&mut self.forced, number)? = to;
        Ok(())
    }

    /// What it is taken for: forced goes first.
    pub fn is_on(&self, number: usize) -> bool {
        self.all().nth(number.wrapping_sub(1)) == Some(true)
    }

    fn all(&self) -> impl Iterator<Item = bool> {
        self.on.iter().zip(&self.forced).map(|(on, forced)| forced.unwrap_or(*on))
    }

    /// One digit a line.
    pub fn text(&self) -> String {
        digits(self.all())
    }

    pub fn forced_text(&self) -> String {
        digits(self.forced.iter().map(Option::is_some))
    }
}

fn slot<T>(all: &mut [T], number: i64) -> Result<&mut T, String> {
    let index = usize::try_from(number - 1).ok();
    index.and_then(|index| all.get_mut(index)).ok_or_else(|| format!("there is no line {number}"))
}

/// `1` for true.
pub fn digits(all: impl Iterator<Item = bool>) -> String {
    all.map(|on| if on { '1' } else { '0' }).collect()
}

/// `OFFSET,SET,UNSET;…` (M0012, M0013): numbers, and whether each is to be on. A bit that is in both is off.
///
/// # Errors
/// When it is no such text.
pub fn series(text: &str) -> Result<Vec<(i64, bool)>, String> {
    let mut all = Vec::new();
    for block in text.split(';') {
        let numbers: Vec<u16> = block.split(',').map_while(|number| number.trim().parse().ok()).collect();
        let [offset, set, unset] = numbers[..] else {
            return Err(format!("{block:?} is not an offset, bits to set and bits to unset"));
        };
        if block.split(',').count() != 3 {
            return Err(format!("{block:?} has more than three numbers"));
        }
        for (bits, on) in [(set & !unset, true), (unset, false)] {
            let there = (0..16).filter(|bit| (bits >> bit) & 1 == 1);
            all.extend(there.map(|bit| (i64::from(offset) + bit, on)));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forced_goes_before_what_is_on() {
        let mut lines = Lines::default();
        lines.set(2, true).unwrap();
        lines.force(2, Some(false)).unwrap();
        lines.force(8, Some(true)).unwrap();
        assert_eq!((lines.text().as_str(), lines.forced_text().as_str()), ("00000001", "01000001"));
        lines.force(2, None).unwrap();
        assert!(lines.is_on(2) && lines.is_on(8) && !lines.is_on(0) && !lines.is_on(9));
        assert!(
            lines.set(0, true).is_err()
                && lines.force(9, None).is_err()
                && lines.set(i64::MAX, true).is_err()
        );
    }

    /// The examples of the list's own text.
    #[test]
    fn series_as_the_list_has_them() {
        let on = |text: &str| -> (Vec<i64>, Vec<i64>) {
            let (on, off): (Vec<_>, Vec<_>) = series(text).unwrap().into_iter().partition(|(_, on)| *on);
            (on.into_iter().map(|(n, _)| n).collect(), off.into_iter().map(|(n, _)| n).collect())
        };
        assert_eq!(on("3,4134,65"), (vec![4, 5, 8, 15], vec![3, 9]));
        assert_eq!(on("12,1,4"), (vec![12], vec![14]));
        assert_eq!(on("3,4134,65;12,1,4"), (vec![4, 5, 8, 15, 12], vec![3, 9, 14]));
        assert_eq!(on("1,3,1"), (vec![2], vec![1]));
        for wrong in ["", "1,2", "1,2,3,4", "a,1,2", "1,2,99999", "1,2,3;"] {
            assert!(series(wrong).is_err(), "{wrong}");
        }
    }
}
