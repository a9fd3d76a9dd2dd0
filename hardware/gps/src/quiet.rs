//! What the log shows of what others wrote, and how often: nobody may fill it.

use std::time::Duration;

/// Characters of a name or a reason that are shown.
const LONGEST: usize = 200;
/// One line of a kind in so long.
const SILENCE: Duration = Duration::from_secs(60);

/// The front of `text`, at most 200 characters.
pub(crate) fn cut(text: &str) -> &str {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// As [`cut`], on one line: whoever sends the end of a line must not begin one of the log.
pub(crate) fn line(text: &str) -> String {
    cut(text).replace(char::is_control, " ")
}

/// Lines of one kind; those between two that are due are only counted.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    /// When the last line was due.
    last: Option<Duration>,
    since: u64,
}

impl Quiet {
    /// When a line is due: how many there were since the last one, this one with them. `now` is time since some fixed moment.
    pub fn due(&mut self, now: Duration) -> Option<u64> {
        self.since += 1;
        if self.is_silent(now) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.since))
    }

    /// Whether the last line was so lately that none is due yet.
    pub fn is_silent(&self, now: Duration) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) < SILENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("29B-1"), "29B-1");
        let (fits, long) = ("ữ".repeat(LONGEST), "ữ".repeat(LONGEST + 1));
        assert_eq!((cut(&fits), cut(&long)), (fits.as_str(), fits.as_str()));
    }

    #[test]
    fn nobody_begins_a_line_of_the_log() {
        assert_eq!(line("ok\r\n2026-11-28 ERROR tắt máy\x1b[2J"), "ok  2026-11-28 ERROR tắt máy [2J");
    }

    #[test]
    fn one_line_a_minute_and_what_was_between_is_counted() {
        let mut quiet = Quiet::default();
        let due: Vec<_> = [0, 1, 59, 60, 61, 200].map(|s| quiet.due(Duration::from_secs(s))).into();
        assert_eq!(due, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
