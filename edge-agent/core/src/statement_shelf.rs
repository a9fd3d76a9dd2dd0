//! An operator's messages for the directorate on the gateway's disk, in their order, until its broker has confirmed them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hardware_ports::shelf::{MESSAGE_MAX, MessageNumber, MessageShelf};
use hardware_ports::sink::NotKept;
use models_domain::UtcMillis;

use crate::outbox::Run;
use crate::relay_shelf::BROKER_AWAY;
use crate::spool::{self, Read, Spool, SpoolError, SpoolSettings};

/// All files together: two million tickets.
const MAX_BYTES: u64 = 256 << 20;
/// Where there is no room for one more, so many of the oldest give way at once.
const GIVE_UP: u64 = 1_000;
/// One of so many that were given up is told of.
const TELL_EVERY: u64 = 10_000;
/// A record beside its message, and more.
const BESIDE: u64 = 64;

pub struct StatementShelf {
    books: Mutex<Books>,
}

struct Books {
    spool: Spool,
    /// What waits, oldest first: earlier starts', then this one's.
    waiting: VecDeque<Run>,
    given_up: u64,
}

impl StatementShelf {
    /// The folder, for this process, with what earlier starts left in it.
    ///
    /// # Errors
    /// [`SpoolError`] naming the path when the folder cannot be used, or is in use.
    pub fn open(dir: &Path, now: UtcMillis) -> Result<Self, SpoolError> {
        Self::with_room(dir, MAX_BYTES, now)
    }

    fn with_room(dir: &Path, max_bytes: u64, now: UtcMillis) -> Result<Self, SpoolError> {
        let settings = SpoolSettings { max_bytes, remedy: BROKER_AWAY, ..SpoolSettings::new(dir.to_owned()) };
        let (spool, recovered) = Spool::open(settings, 0, now)?;
        let waiting = recovered.runs.into();
        Ok(Self { books: Mutex::new(Books { spool, waiting, given_up: 0 }) })
    }

    /// Brings what was written to the medium. Blocking, for as long as the medium takes.
    pub fn sync(&self) {
        let dirty = self.books().spool.take_dirty();
        spool::sync(dirty, "an operator's messages for the directorate");
    }

    /// Every change under the lock is finished or undone before anything in it could panic.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn oldest(&self) -> Option<MessageNumber> {
        self.waiting.front().map(|run| MessageNumber { boot: run.boot, seq: run.first })
    }

    /// The oldest, and at most so many that follow it without a hole.
    fn forget(&mut self, count: u64) {
        let Some(run) = self.waiting.front_mut() else { return };
        let gone = run.last.min(run.first + count - 1);
        self.spool.forget(run.boot, gone);
        if gone == run.last {
            self.waiting.pop_front();
        } else {
            run.first = gone + 1;
        }
    }

    fn make_room(&mut self, bytes: u64) {
        while self.spool.is_full(bytes)
            && let Some(run) = self.waiting.front()
        {
            let count = GIVE_UP.min(run.last - run.first + 1);
            self.forget(count);
            if self.given_up / TELL_EVERY != (self.given_up + count) / TELL_EVERY || self.given_up == 0 {
                tracing::error!(
                    given_up = self.given_up + count,
                    "the oldest of an operator's messages for the directorate are given up: {BROKER_AWAY}"
                );
            }
            self.given_up += count;
        }
    }
}

impl MessageShelf for StatementShelf {
    fn keep(&self, message: &[u8]) -> Result<(), NotKept> {
        if message.len() > MESSAGE_MAX {
            return Err(NotKept(format!(
                "a message of {} bytes; at most {MESSAGE_MAX} are kept",
                message.len()
            )));
        }
        let mut books = self.books();
        books.make_room(message.len() as u64 + BESIDE);
        let (boot, seq) = (books.spool.boot(), books.spool.append(vec![message.to_vec()])?);
        match books.waiting.back_mut() {
            Some(run) if run.boot == boot && run.last + 1 == seq => run.last = seq,
            Some(_) | None => books.waiting.push_back(Run { boot, first: seq, last: seq }),
        }
        Ok(())
    }

    fn oldest(&self) -> Result<Option<(MessageNumber, Vec<u8>)>, NotKept> {
        let mut books = self.books();
        while let Some(number) = books.oldest() {
            // At least one, however long it is.
            let read = books.spool.read(number.boot, number.seq, number.seq, 1);
            match read.map_err(|err| NotKept(err.to_string()))? {
                Read::Events(messages) => {
                    if let Some(message) = messages.into_iter().next() {
                        return Ok(Some((number, message)));
                    }
                }
                Read::Lost => {}
            }
            tracing::error!("message {}-{} for the directorate is damaged or gone", number.boot, number.seq);
            books.forget(1);
        }
        Ok(None)
    }

    fn forget(&self, number: MessageNumber) {
        let mut books = self.books();
        // It may have given way in between.
        if books.oldest() == Some(number) {
            books.forget(1);
            books.spool.note_confirmed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path, now: i64) -> StatementShelf {
        StatementShelf::open(dir, UtcMillis(now)).unwrap()
    }

    /// The next message, which arrives.
    fn sent(shelf: &StatementShelf) -> Option<String> {
        let (number, message) = shelf.oldest().unwrap()?;
        shelf.forget(number);
        Some(String::from_utf8(message).unwrap())
    }

    #[test]
    fn what_has_not_arrived_is_there_at_the_next_start_in_its_order_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = open(dir.path(), 1);
        assert_eq!(sent(&shelf), None);
        ["a", "b", "c"].iter().for_each(|m| shelf.keep(m.as_bytes()).unwrap());
        assert_eq!(sent(&shelf).as_deref(), Some("a"));
        let (first, _) = shelf.oldest().unwrap().unwrap();
        drop(shelf);
        let shelf = open(dir.path(), 2);
        shelf.keep(b"d").unwrap();
        shelf.forget(MessageNumber { seq: first.seq + 1, ..first });
        let all: Vec<_> = std::iter::from_fn(|| sent(&shelf)).collect();
        assert_eq!(all, ["b", "c", "d"]);
        drop(shelf);
        assert_eq!(sent(&open(dir.path(), 3)), None);
    }

    #[test]
    fn without_room_the_oldest_give_way_and_the_newest_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = StatementShelf::with_room(dir.path(), 400_000, UtcMillis(1)).unwrap();
        for n in 0..10_000 {
            shelf.keep(format!("{n:0100}").as_bytes()).unwrap();
        }
        let (stale, _) = shelf.oldest().unwrap().unwrap();
        for n in 10_000..14_000 {
            shelf.keep(format!("{n:0100}").as_bytes()).unwrap();
        }
        let too_long = shelf.keep(&vec![0; MESSAGE_MAX + 1]).unwrap_err();
        assert!(too_long.0.contains("at most"), "{too_long}");
        // What has just been sent when it gave way takes nothing else with it.
        shelf.forget(stale);
        let all: Vec<u64> = std::iter::from_fn(|| sent(&shelf)).map(|m| m.parse().unwrap()).collect();
        assert!((1_500..4_000).contains(&all.len()), "{}", all.len());
        assert_eq!(all, (14_000 - all.len() as u64..14_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_message_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = open(dir.path(), 1);
        ["one", "two", "three"].iter().for_each(|m| shelf.keep(m.as_bytes()).unwrap());
        drop(shelf);
        let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "seg");
        let path =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).find(is_segment).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(3).position(|w| w == b"two").unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let shelf = open(dir.path(), 2);
        let all: Vec<_> = std::iter::from_fn(|| sent(&shelf)).collect();
        assert_eq!(all, ["one", "three"]);
    }
}
