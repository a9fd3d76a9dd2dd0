//! Positions for the directorate on the gateway's disk until its broker has confirmed them.
//!
//! They lie in a [`Spool`], in the order in which they were taken; what has arrived is noted there too, because the newest may
//! arrive before the oldest. At a start all that is left is written to the new end, so that an old position holds no file.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hardware_ports::shelf::FixShelf;
use hardware_ports::sink::NotKept;
use models_domain::UtcMillis;
use models_domain::transit::Fix;
use models_wire::convert::event::{fix_from_wire, fix_to_wire};
use models_wire::v1;
use prost::Message;

use crate::outbox::Run;
use crate::spool::{self, Read, Spool, SpoolError, SpoolSettings};

/// All files together; half of it for what waits, the other half so that all of that can be written anew at a start, and for notes.
const MAX_BYTES: u64 = 512 << 20;
/// Why a shelf for the directorate is full.
pub(crate) const BROKER_AWAY: &str = "the directorate's broker has been away for too long, or is too slow";
/// Of one position on disk, at most about; it is some 80 to 130.
const FIX_BYTES: u64 = 200;
/// Positions that are written with one call at a start.
const ROWS: usize = 1_000;
const READ_BYTES: usize = 1 << 20;
/// Numbers in one record.
const NOTED: usize = 10_000;

/// First byte of a record: a position follows (protobuf `Fix`), or numbers of this boot that have arrived (u64, little endian).
const FIX: u8 = 1;
const DONE: u8 = 2;

pub struct RelayShelf {
    books: Mutex<Books>,
}

struct Books {
    spool: Spool,
    waiting: BTreeSet<u64>,
    left: Vec<(u64, Fix)>,
}

impl RelayShelf {
    /// The folder, for this process, with what earlier starts left in it.
    ///
    /// # Errors
    /// [`SpoolError`] naming the path when the folder cannot be used, or is in use.
    pub fn open(dir: &Path, now: UtcMillis) -> Result<Self, SpoolError> {
        let mut settings = SpoolSettings::new(dir.to_owned());
        settings.max_bytes = MAX_BYTES;
        settings.remedy = BROKER_AWAY;
        let (mut spool, recovered) = Spool::open(settings, 0, now)?;
        let fixes = left(&mut spool, &recovered.runs)?;
        let mut left = Vec::with_capacity(fixes.len());
        let mut anew = || {
            for some in fixes.chunks(ROWS) {
                let first = spool.append(some.iter().map(record).collect()).map_err(|err| err.0)?;
                left.extend((first..).zip(some.iter().cloned()));
            }
            sync(&mut spool).map_err(|err| err.to_string())
        };
        match anew() {
            Ok(()) => recovered.runs.iter().for_each(|run| spool.forget(run.boot, run.last)),
            // Without room cameras and signals start all the same: the old files stay for the next start, which sends again what this one
            // sends of them.
            Err(why) => tracing::error!(
                "{}: {why}; {} positions for the directorate wait for a start with room",
                dir.display(),
                fixes.len() - left.len()
            ),
        }
        let waiting = left.iter().map(|(number, _)| *number).collect();
        Ok(Self { books: Mutex::new(Books { spool, waiting, left }) })
    }

    /// What earlier starts left, in the order of its numbers; given once.
    pub fn left(&self) -> Vec<(u64, Fix)> {
        std::mem::take(&mut self.books().left)
    }

    /// Brings what was written to the medium. Blocking, for as long as the medium takes.
    pub fn sync(&self) {
        let dirty = self.books().spool.take_dirty();
        spool::sync(dirty, "positions for the directorate");
    }

    /// Every change under the lock is finished or undone before anything in it could panic.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FixShelf for RelayShelf {
    fn keep(&self, fixes: &[Fix]) -> Result<u64, NotKept> {
        let mut books = self.books();
        let first = books.spool.append(fixes.iter().map(record).collect())?;
        books.waiting.extend(first..first + fixes.len() as u64);
        Ok(first)
    }

    fn forget(&self, numbers: &[u64]) {
        let mut books = self.books();
        let gone: Vec<u64> = numbers.iter().copied().filter(|number| books.waiting.remove(number)).collect();
        if gone.is_empty() {
            return;
        }
        let oldest = books.waiting.first().copied();
        // What lies before the oldest that waits goes with its files.
        let note: Vec<u64> = gone.into_iter().filter(|n| oldest.is_some_and(|oldest| *n > oldest)).collect();
        let payload = |some: &[u64]| {
            let numbers = some.iter().flat_map(|number| number.to_le_bytes());
            std::iter::once(DONE).chain(numbers).collect()
        };
        if let Err(err) = books.spool.append(note.chunks(NOTED).map(payload).collect()) {
            tracing::warn!("{err}; some positions may be sent to the directorate again");
        }
        let (boot, next) = (books.spool.boot(), books.spool.next_seq());
        books.spool.forget(boot, oldest.unwrap_or(next) - 1);
        books.spool.note_confirmed();
    }

    fn is_full(&self, fixes: usize) -> bool {
        self.books().spool.is_full(MAX_BYTES / 2 + fixes as u64 * FIX_BYTES)
    }
}

fn record(fix: &Fix) -> Vec<u8> {
    let mut payload = vec![FIX];
    payload.extend(fix_to_wire(fix).encode_to_vec());
    payload
}

/// What has not arrived, in the order in which it was taken. A start that was killed while it wrote all anew left it twice.
fn left(spool: &mut Spool, runs: &[Run]) -> Result<Vec<Fix>, SpoolError> {
    let (mut fixes, mut done) = (Vec::new(), HashSet::new());
    for run in runs {
        let mut next = run.first;
        while next <= run.last {
            let Read::Events(payloads) = spool.read(run.boot, next, run.last, READ_BYTES)? else {
                next += 1;
                continue;
            };
            for payload in payloads {
                match payload.split_first() {
                    Some((&FIX, bytes)) => fixes.push((run.boot, next, fix(bytes))),
                    Some((&DONE, bytes)) => done.extend(numbers(bytes).map(|number| (run.boot, number))),
                    Some(_) | None => tracing::error!("{}-{next} is no position and no note", run.boot),
                }
                next += 1;
            }
        }
    }
    let mut seen = HashSet::new();
    let waits = |(boot, number, fix): (u64, u64, Option<Fix>)| {
        let fix = fix.filter(|_| !done.contains(&(boot, number)))?;
        seen.insert((fix.vehicle.clone(), fix.at)).then_some(fix)
    };
    Ok(fixes.into_iter().filter_map(waits).collect())
}

fn fix(bytes: &[u8]) -> Option<Fix> {
    let told = v1::Fix::decode(bytes).map_err(|err| err.to_string());
    let fix = told.and_then(|fix| fix_from_wire(fix).map_err(|err| err.to_string()));
    fix.inspect_err(|err| tracing::error!("a position for the directorate cannot be read: {err}")).ok()
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).filter_map(|eight| Some(u64::from_le_bytes(eight.try_into().ok()?)))
}

fn sync(spool: &mut Spool) -> Result<(), SpoolError> {
    for file in spool.take_dirty() {
        let failed = |source| SpoolError::Io {
            operation: "syncing",
            path: "positions for the directorate".into(),
            source,
        };
        file.sync_data().map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use models_domain::geo::LatLon;
    use models_domain::{MetersPerSecond, VehicleId};

    use super::*;

    fn at(second: i64) -> Fix {
        Fix {
            vehicle: VehicleId::new("864717003283581").unwrap(),
            at: UtcMillis(second * 1_000),
            received: UtcMillis(second * 1_000 + 300),
            position: LatLon::new(21.028, 105.852),
            speed: MetersPerSecond(10.0),
            course: None,
            altitude: None,
            valid: true,
            protocol: "gt06".to_owned(),
            told: models_domain::transit::Told { sos: true, ..models_domain::transit::Told::default() },
        }
    }

    fn open(dir: &Path, now: i64) -> (RelayShelf, Vec<(u64, Fix)>) {
        let shelf = RelayShelf::open(dir, UtcMillis(now)).unwrap();
        let left = shelf.left();
        (shelf, left)
    }

    /// Dropped without an end in order, as by a kill.
    #[track_caller]
    fn check(dir: &Path, now: i64, want: &[i64]) {
        let (_, left) = open(dir, now);
        let fixes: Vec<Fix> = left.into_iter().map(|(_, fix)| fix).collect();
        assert_eq!(fixes, want.iter().map(|second| at(*second)).collect::<Vec<_>>());
    }

    #[test]
    fn what_has_not_arrived_is_there_at_the_next_start_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (shelf, left) = open(dir.path(), 1);
        assert_eq!(left, []);
        let first = shelf.keep(&[at(0), at(30), at(60)]).unwrap();
        let second = shelf.keep(&[at(90)]).unwrap();
        // The newest arrive first, then the oldest.
        shelf.forget(&[second, first + 1]);
        drop(shelf);
        check(dir.path(), 2, &[0, 60]);
        let (shelf, left) = open(dir.path(), 3);
        shelf.forget(&[left[0].0]);
        shelf.forget(&[left[0].0, 99]);
        shelf.keep(&[at(120)]).unwrap();
        drop(shelf);
        check(dir.path(), 4, &[60, 120]);
        let (shelf, left) = open(dir.path(), 5);
        shelf.forget(&left.iter().map(|(number, _)| *number).collect::<Vec<_>>());
        drop(shelf);
        check(dir.path(), 6, &[]);
    }

    #[test]
    fn a_start_that_was_killed_while_it_wrote_anew_doubles_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (shelf, _) = open(dir.path(), 1);
        shelf.keep(&[at(0), at(30)]).unwrap();
        let segment = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            path.extension().is_some_and(|end| end == "seg").then_some(path)
        };
        let old = std::fs::read_dir(dir.path()).unwrap().find_map(segment).unwrap();
        let bytes = std::fs::read(&old).unwrap();
        drop(shelf);
        drop(open(dir.path(), 2));
        assert!(!old.exists(), "the old file is not needed any more");
        // As if it had been killed before it removed that.
        std::fs::write(&old, &bytes).unwrap();
        check(dir.path(), 3, &[0, 30]);
        // Killed in the middle of a write.
        let newest = std::fs::read_dir(dir.path()).unwrap().filter_map(segment).max().unwrap();
        let bytes = std::fs::read(&newest).unwrap();
        std::fs::write(&newest, &bytes[..bytes.len() - 7]).unwrap();
        check(dir.path(), 4, &[0]);
    }

    #[test]
    fn a_start_without_room_for_its_number_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), 1).0.keep(&[at(0), at(30)]).unwrap();
        let fresh = dir.path().join("boot.new");
        std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
        let (shelf, left) = open(dir.path(), 2);
        assert_eq!(left, []);
        shelf.keep(&[at(60)]).unwrap_err();
        drop(shelf);
        std::fs::remove_file(&fresh).unwrap();
        check(dir.path(), 3, &[0, 30]);
    }

    #[test]
    fn files_of_what_has_arrived_are_removed_and_two_agents_do_not_share_them() {
        let dir = tempfile::tempdir().unwrap();
        let (shelf, _) = open(dir.path(), 1);
        let all: Vec<Fix> = (0..1_000).map(at).collect();
        let mut numbers = Vec::new();
        for _ in 0..20 {
            let first = shelf.keep(&all).unwrap();
            numbers.extend(first..first + 1_000);
        }
        let bytes = || -> u64 {
            let all = std::fs::read_dir(dir.path()).unwrap();
            all.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
        };
        assert!(bytes() > 3 << 19 && !shelf.is_full(1_000), "{}", bytes());
        assert!(shelf.is_full(usize::try_from(MAX_BYTES / 2 / FIX_BYTES).unwrap()));
        shelf.forget(&numbers[1..]);
        assert!(bytes() > 3 << 19, "the oldest waits");
        shelf.forget(&numbers[..1]);
        assert!(bytes() < 1 << 20, "{}", bytes());
        let err = RelayShelf::open(dir.path(), UtcMillis(2)).err().unwrap();
        assert!(matches!(err, SpoolError::InUse(_)), "{err}");
    }
}
