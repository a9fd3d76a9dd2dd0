//! Of several positions, those that can be read: one that cannot must not cost the others.

/// What could be read, and how much could not.
#[derive(Debug, PartialEq)]
pub(crate) struct Kept<T> {
    pub good: Vec<T>,
    left_out: usize,
    /// Why the first of them could not be read.
    why: Option<String>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { good: Vec::new(), left_out: 0, why: None }
    }
}

impl<T> Kept<T> {
    pub fn take(&mut self, read: Result<T, String>) {
        match read {
            Ok(one) => self.good.push(one),
            Err(why) => {
                self.left_out += 1;
                self.why.get_or_insert(why);
            }
        }
    }

    /// As `read` makes them of what is good so far.
    pub fn and_then<U>(self, read: impl Fn(T) -> Result<U, String>) -> Kept<U> {
        let mut kept = Kept { good: Vec::new(), left_out: self.left_out, why: self.why };
        self.good.into_iter().for_each(|one| kept.take(read(one)));
        kept
    }

    /// # Errors
    /// Why the first could not be read, where none could and there was one.
    pub fn unless_all_bad(self) -> Result<Self, String> {
        match self.why {
            Some(why) if self.good.is_empty() => Err(why),
            why => Ok(Self { why, ..self }),
        }
    }

    /// How much was left out and why, where anything was.
    pub fn warning(&self) -> Option<String> {
        let why = self.why.as_deref()?;
        Some(format!(
            "{} of {} positions left out, the first because: {why}",
            self.left_out,
            self.left_out + self.good.len()
        ))
    }
}

impl<T> FromIterator<Result<T, String>> for Kept<T> {
    fn from_iter<I: IntoIterator<Item = Result<T, String>>>(all: I) -> Self {
        let mut kept = Self::default();
        all.into_iter().for_each(|one| kept.take(one));
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_is_counted_and_the_first_reason_told() {
        let odd = |n: i32| if n % 2 == 1 { Ok(n) } else { Err(format!("{n} is even")) };
        let all = (1..=5).map(odd).collect::<Kept<_>>();
        assert_eq!(all.good, [1, 3, 5]);
        let small = all.and_then(|n| if n < 5 { Ok(n) } else { Err(format!("{n} is large")) });
        assert_eq!(small.good, [1, 3]);
        let want = "3 of 5 positions left out, the first because: 2 is even";
        assert_eq!(small.warning().as_deref(), Some(want));
        assert!(small.unless_all_bad().is_ok());
        assert_eq!(
            [2, 4].map(odd).into_iter().collect::<Kept<_>>().unless_all_bad(),
            Err("2 is even".into())
        );
        let none = Kept::<i32>::default();
        assert!(none.warning().is_none() && none.unless_all_bad().is_ok());
    }
}
