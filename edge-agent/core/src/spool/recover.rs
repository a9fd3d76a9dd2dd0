//! What earlier starts left in the spool's folder, whatever state a kill or a bad disk left it in.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;

use hardware_ports::sink::NotKept;
use models_domain::UtcMillis;

use super::segment::{Scan, scan};
use super::{Segment, SpoolError, refused, remove, runs};
use crate::outbox::Run;

const LOCK: &str = "lock";
const BOOT: &str = "boot";
const CONFIRMED: &str = "confirmed";
const SUFFIX: &str = ".seg";

/// What was found, for the outbox and for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Events to send, oldest first.
    pub runs: Vec<Run>,
    /// Bytes of damaged records: what was in them is lost.
    pub damaged_bytes: usize,
    /// Files with damaged records.
    pub damaged_files: usize,
}

/// `None` where there is no room to make it; nothing may be written to the folder before [`Boot::note`] has it.
pub fn lock(dir: &Path) -> Result<Option<File>, SpoolError> {
    unless_full(locked(dir))
}

fn unless_full(locked: Result<File, SpoolError>) -> Result<Option<File>, SpoolError> {
    match locked {
        Ok(file) => Ok(Some(file)),
        Err(SpoolError::Io { operation, path, source }) if is_full(&source) => {
            tracing::warn!(
                "{operation} {}: {source}; nothing is kept there until there is room: free space on this disk",
                path.display()
            );
            Ok(None)
        }
        Err(err) => Err(err),
    }
}

fn locked(dir: &Path) -> Result<File, SpoolError> {
    std::fs::create_dir_all(dir).map_err(SpoolError::io("creating", dir))?;
    let path = dir.join(LOCK);
    let file = File::create(&path).map_err(SpoolError::io("creating", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse(dir.to_owned())),
        Err(TryLockError::Error(err)) => Err(SpoolError::io("locking", &path)(err)),
    }
}

pub fn last_boot(dir: &Path) -> Result<u64, SpoolError> {
    let path = dir.join(BOOT);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().parse().unwrap_or_else(|_| {
            tracing::error!("{} does not hold a number; going on from the clock", path.display());
            0
        })),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(0),
        Err(err) => Err(SpoolError::io("reading", &path)(err)),
    }
}

/// The number of a start: more than every earlier one, so that two starts never number their events alike.
pub struct Boot {
    pub number: u64,
    /// Whether it is on disk. Before that no event may bear it: the next start might take it again, and the hall would take that one's
    /// events for repeats.
    noted: bool,
    /// Of the folder, held while this process lives.
    lock: Option<File>,
}

impl Boot {
    /// `max(now, newest boot + 1)`.
    ///
    /// # Errors
    /// [`SpoolError`] when the disk does not answer. Where only room is missing, [`Boot::note`] tries again.
    pub fn next(
        dir: &Path,
        lock: Option<File>,
        newest_segment: u64,
        now: UtcMillis,
    ) -> Result<Self, SpoolError> {
        let newest = last_boot(dir)?.max(newest_segment);
        let number = u64::try_from(now.0).unwrap_or(0).max(newest.saturating_add(1));
        if lock.is_none() {
            return Ok(Self { number, noted: false, lock });
        }
        let path = dir.join(BOOT);
        let noted = match write_boot(dir, number) {
            Ok(()) => true,
            Err(err) if is_full(&err) => {
                tracing::warn!(
                    "writing {}: {err}; nothing more is kept there until there is room: free space on this disk",
                    path.display()
                );
                false
            }
            Err(err) => return Err(SpoolError::io("writing", &path)(err)),
        };
        Ok(Self { number, noted, lock })
    }

    pub fn is_noted(&self) -> bool {
        self.noted
    }

    /// To be called before anything is numbered.
    ///
    /// # Errors
    /// [`NotKept`] while there is no room, or when another process has the folder.
    pub fn note(&mut self, dir: &Path) -> Result<(), NotKept> {
        if self.noted { Ok(()) } else { self.write(dir) }
    }

    /// The same though it may be on disk.
    ///
    /// # Errors
    /// As [`Boot::note`].
    pub fn write(&mut self, dir: &Path) -> Result<(), NotKept> {
        if self.lock.is_none() {
            self.lock = Some(self.locked_late(dir)?);
        }
        let path = dir.join(BOOT);
        write_boot(dir, self.number).map_err(|err| refused("writing", &path, &err))?;
        self.noted = true;
        tracing::info!("{}: there is room again", path.display());
        Ok(())
    }

    /// Who came first may have numbered events with this start's number.
    fn locked_late(&self, dir: &Path) -> Result<File, NotKept> {
        let lock = locked(dir).map_err(not_kept)?;
        if last_boot(dir).map_err(not_kept)? < self.number {
            return Ok(lock);
        }
        let dir = dir.display();
        Err(NotKept(format!(
            "{dir} was used by another edge-agent while this one found no room: start this one again"
        )))
    }
}

fn not_kept(err: SpoolError) -> NotKept {
    match err {
        SpoolError::Io { operation, path, source } => refused(operation, &path, &source),
        in_use @ SpoolError::InUse(_) => NotKept(in_use.to_string()),
    }
}

fn write_boot(dir: &Path, number: u64) -> std::io::Result<()> {
    let fresh = dir.join("boot.new");
    let mut file = File::create(&fresh)?;
    file.write_all(number.to_string().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, dir.join(BOOT))?;
    File::open(dir)?.sync_all()
}

/// Whether only room is missing.
pub fn is_full(err: &std::io::Error) -> bool {
    matches!(err.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

pub fn file_name(boot: u64, first: u64) -> String {
    format!("{boot:020}-{first:020}{SUFFIX}")
}

fn of_file_name(name: &str) -> Option<(u64, u64)> {
    let (boot, first) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((boot.parse().ok()?, first.parse().ok()?))
}

/// A lost or wrong note only means that the hall sees some events twice, and drops them.
pub fn write_confirmed(dir: &Path, boot: u64, seq: u64) {
    let fresh = dir.join("confirmed.new");
    let written = std::fs::write(&fresh, format!("{boot} {seq}"));
    if let Err(err) = written.and_then(|()| std::fs::rename(&fresh, dir.join(CONFIRMED))) {
        tracing::debug!("writing {}: {err}", fresh.display());
    }
}

fn read_confirmed(dir: &Path) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(dir.join(CONFIRMED)).ok()?;
    let (boot, seq) = text.split_once(' ')?;
    Some((boot.parse().ok()?, seq.parse().ok()?))
}

/// Every segment that still holds something to send, oldest first.
pub fn segments(dir: &Path) -> Result<(Vec<Segment>, Recovered), SpoolError> {
    // There was no room for it.
    if !dir.exists() {
        return Ok((Vec::new(), Recovered::default()));
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(SpoolError::io("listing", dir))? {
        let entry = entry.map_err(SpoolError::io("listing", dir))?;
        names.extend(entry.file_name().to_str().and_then(of_file_name));
    }
    names.sort_unstable();
    let confirmed = read_confirmed(dir);
    let mut found = Vec::new();
    let mut records = Vec::new();
    let mut recovered = Recovered::default();
    for (boot, first) in names {
        let path = dir.join(file_name(boot, first));
        let bytes = std::fs::read(&path).map_err(SpoolError::io("reading", &path))?;
        let scanned = scan(&bytes);
        report(&path, &scanned, &mut recovered);
        let done = confirmed.filter(|(b, _)| *b == boot).map_or(0, |(_, seq)| seq);
        let before = records.len();
        records.extend(scanned.records.iter().map(|r| (boot, r.seq)).filter(|(_, seq)| *seq > done));
        let (Some((_, first)), Some((_, last))) = (records.get(before), records.last()) else {
            remove(&path);
            continue;
        };
        let (first, last) = (*first, *last);
        found.push(Segment { boot, first, last, path, bytes: bytes.len() as u64 });
    }
    recovered.runs = runs(records);
    Ok((found, recovered))
}

fn report(path: &Path, scanned: &Scan, recovered: &mut Recovered) {
    if scanned.damaged > 0 {
        recovered.damaged_bytes += scanned.damaged;
        recovered.damaged_files += 1;
        tracing::error!(
            "{}: {} bytes are damaged; the events in them are lost, {} others are read: check this disk",
            path.display(),
            scanned.damaged,
            scanned.records.len()
        );
    }
    if scanned.torn > 0 {
        tracing::warn!(
            "{}: the last {} bytes are no whole event: it was not acknowledged to anybody when the process was killed",
            path.display(),
            scanned.torn
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_want_of_room_is_waited_for() {
        let lock =
            |kind: ErrorKind| unless_full(Err(SpoolError::io("creating", Path::new("/data"))(kind.into())));
        assert!(lock(ErrorKind::StorageFull).unwrap().is_none());
        assert!(lock(ErrorKind::QuotaExceeded).unwrap().is_none());
        assert!(lock(ErrorKind::PermissionDenied).unwrap_err().to_string().contains("/data"));
    }
}
