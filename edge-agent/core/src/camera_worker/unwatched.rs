//! When nobody watched a stream: packets or the whole camera were missing, or others had its turn.

use models_domain::{DurationMs, UtcMillis};

/// A gap up to this long is no reason to doubt who stayed: the next key frame shows who is there.
const FORGIVEN: DurationMs = DurationMs(10_000);
/// Gaps kept until the next work takes them: the newest.
const GAPS_MAX: usize = 100;

/// Told of each unit, it finds the gaps.
#[derive(Default)]
pub struct Unwatched {
    /// Of the last unit.
    last: Option<UtcMillis>,
    /// Nobody has watched from then on.
    since: Option<UtcMillis>,
    over: Vec<(UtcMillis, UtcMillis)>,
}

impl Unwatched {
    /// A unit of `at` came, and whether it was watched.
    pub fn unit(&mut self, at: UtcMillis, watched: bool) {
        if watched {
            let since = self.since.take().filter(|since| at.since(*since) > FORGIVEN);
            if since.is_some() && self.over.len() == GAPS_MAX {
                self.over.remove(0);
            }
            self.over.extend(since.map(|since| (since, at)));
        } else {
            self.since = self.since.or(self.last).or(Some(at));
        }
        self.last = Some(at);
    }

    /// The stream is over.
    pub fn gone(&mut self) {
        self.since = self.since.or(self.last);
    }

    /// The gaps that are over, from when until when, each once.
    pub fn take(&mut self) -> Vec<(UtcMillis, UtcMillis)> {
        std::mem::take(&mut self.over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit each second: watched (w), not (n); `!` where the stream breaks, a digit for so many tens of seconds without.
    fn gaps(stream: &str) -> Vec<(i64, i64)> {
        let (mut unwatched, mut second) = (Unwatched::default(), 0);
        for letter in stream.chars() {
            match letter {
                '!' => unwatched.gone(),
                'w' | 'n' => {
                    unwatched.unit(UtcMillis(second * 1_000), letter == 'w');
                    second += 1;
                }
                tens => second += 10 * i64::from(tens.to_digit(10).unwrap()),
            }
        }
        let seconds = |(from, until): (UtcMillis, UtcMillis)| (from.0 / 1_000, until.0 / 1_000);
        let found = unwatched.take().into_iter().map(seconds).collect();
        assert!(unwatched.take().is_empty());
        found
    }

    #[test]
    fn a_camera_that_was_away() {
        assert_eq!(gaps("www!3www!9w"), [(2, 33), (35, 126)]);
        assert_eq!(gaps("www!3"), [], "nobody knows yet for how long");
        assert_eq!(gaps("www!3nnnw"), [(2, 36)], "no key frame yet");
    }

    #[test]
    fn others_turn() {
        assert_eq!(gaps("wwnnnnnnnnnnnnww"), [(1, 14)]);
        assert_eq!(gaps("nnnnnnnnnnnnw"), [(0, 12)]);
    }

    #[test]
    fn a_short_gap_is_forgiven() {
        assert_eq!(gaps("ww!wwnnnnnww"), []);
    }
}
