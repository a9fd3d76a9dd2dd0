//! Events on disk until the hall has them: append-only segment files, bounded, that survive a kill at any moment.
//!
//! [`Spool::append`] writes what it is given with one call before it returns, so a killed process loses nothing. The files
//! are synced in the background ([`Spool::take_dirty`], every 250 ms): a power cut may cost that much.
//! When full: `append` refuses with [`NotKept`]; devices are then not acknowledged and send again, cameras wait.
//! A damaged record is skipped, counted and reported when the spool is opened; it never stops the others.

mod recover;
pub mod segment;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardware_ports::sink::NotKept;
use models_domain::UtcMillis;

use crate::outbox::Run;
pub use recover::{Recovered, is_full};

#[derive(Debug, Clone)]
pub struct SpoolSettings {
    pub dir: PathBuf,
    /// Bound of all segments together.
    pub max_bytes: u64,
    /// A segment is closed when it is this long. Two of them may be in memory.
    pub segment_bytes: u64,
    /// Why it is full when it is, and what to do: said to whom it refuses.
    pub remedy: &'static str,
}

impl SpoolSettings {
    /// 1 GiB, some two million events; segments of 1 MiB.
    pub fn new(dir: PathBuf) -> Self {
        let remedy = "the hall has not confirmed for too long; mend the link to it or raise spool_max_mib";
        Self { dir, max_bytes: 1 << 30, segment_bytes: 1 << 20, remedy }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("{operation} {path}: check that the disk is there, writable and not full")]
    Io {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the spool {0} is in use by another edge-agent; stop that one or give this one its own data_dir")]
    InUse(PathBuf),
}

impl SpoolError {
    fn io(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}

/// What [`Spool::read`] found at the place asked for.
#[derive(Debug)]
pub enum Read {
    /// Payloads from the seq asked for, without holes; at least one.
    Events(Vec<Vec<u8>>),
    /// The record at the seq asked for is not on disk any more, or damaged.
    Lost,
}

pub struct Spool {
    settings: SpoolSettings,
    boot: recover::Boot,
    next_seq: u64,
    /// Closed segments, oldest first.
    closed: VecDeque<Segment>,
    active: Option<Active>,
    /// Bytes of all segments.
    bytes: u64,
    /// The closed segment that was read last.
    loaded: Option<Loaded>,
    /// Closed since the last sync.
    dirty: Vec<Arc<File>>,
    confirmed: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
struct Segment {
    boot: u64,
    first: u64,
    last: u64,
    path: PathBuf,
    bytes: u64,
}

/// The segment that is written to, with its payloads.
struct Active {
    segment: Segment,
    file: Arc<File>,
    payloads: Vec<Vec<u8>>,
    dirty: bool,
    /// A write failed and its remains could not be cut off: no more is written after them.
    spoilt: bool,
}

struct Loaded {
    boot: u64,
    first: u64,
    bytes: Vec<u8>,
    records: Vec<segment::Record>,
}

/// Syncs files of [`Spool::take_dirty`]; what fails is logged as `what`.
pub fn sync(dirty: Vec<Arc<File>>, what: &str) {
    for file in dirty {
        if let Err(err) = file.sync_data() {
            tracing::error!("syncing {what}: {err}; after a power cut some may be missing: check this disk");
        }
    }
}

impl Spool {
    /// Takes the folder for this process and reads what earlier ones left. Its boot will be more than `floor`. Where there is no room to
    /// note that, or for the folder, it says so, and [`Spool::append`] refuses until there is.
    ///
    /// # Errors
    /// [`SpoolError`] naming the path when the folder cannot be used, or is in use.
    pub fn open(
        settings: SpoolSettings,
        floor: u64,
        now: UtcMillis,
    ) -> Result<(Self, Recovered), SpoolError> {
        let lock = recover::lock(&settings.dir)?;
        Self::behind(lock, settings, floor, now)
    }

    fn behind(
        lock: Option<File>,
        mut settings: SpoolSettings,
        floor: u64,
        now: UtcMillis,
    ) -> Result<(Self, Recovered), SpoolError> {
        // Only closed segments can be forgotten: a spool that is one segment would stay full for ever.
        settings.segment_bytes = settings.segment_bytes.min((settings.max_bytes / 4).max(1));
        let (segments, recovered) = recover::segments(&settings.dir)?;
        let newest = segments.iter().map(|s| s.boot).max().unwrap_or(0);
        let boot = recover::Boot::next(&settings.dir, lock, newest.max(floor), now)?;
        let spool = Self {
            bytes: segments.iter().map(|s| s.bytes).sum(),
            closed: segments.into(),
            settings,
            boot,
            next_seq: 1,
            active: None,
            loaded: None,
            dirty: Vec::new(),
            confirmed: None,
        };
        Ok((spool, recovered))
    }

    /// The newest boot that a spool in this folder ever had; 0 where there was none.
    ///
    /// # Errors
    /// [`SpoolError`] when the disk does not answer.
    pub fn last_boot(dir: &Path) -> Result<u64, SpoolError> {
        recover::last_boot(dir)
    }

    /// Number of this start: UTC milliseconds, but always more than every earlier one.
    pub fn boot(&self) -> u64 {
        self.boot.number
    }

    /// Whether that number is on disk: before, nothing is kept.
    pub fn is_numbered(&self) -> bool {
        self.boot.is_noted()
    }

    /// Tries to bring that number to disk, again too, and says whether there was room for it.
    pub fn number(&mut self) -> bool {
        let written = self.boot.write(&self.settings.dir);
        written.inspect_err(|err| tracing::debug!("{err}")).is_ok()
    }

    /// The seq that the next [`Spool::append`] gives.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Writes events, all or none, with one call; when it returns, a killed process does not lose them. Gives the seq of the
    /// first.
    ///
    /// # Errors
    /// [`NotKept`] naming the path and what to do; nothing is kept then. Numbers are spent only if remains cannot be cut off.
    pub fn append(&mut self, payloads: Vec<Vec<u8>>) -> Result<u64, NotKept> {
        let first = self.next_seq;
        let mut records = Vec::with_capacity(payloads.iter().map(|p| segment::HEAD + p.len()).sum());
        for (seq, payload) in (first..).zip(&payloads) {
            if payload.len() > segment::MAX_PAYLOAD {
                return Err(NotKept(format!(
                    "an event of {} bytes is too long: at most {} are kept",
                    payload.len(),
                    segment::MAX_PAYLOAD
                )));
            }
            segment::encode_into(&mut records, seq, payload);
        }
        let after = self.bytes + records.len() as u64;
        if after > self.settings.max_bytes {
            return Err(NotKept(format!(
                "the spool {} is full ({} MiB): {}",
                self.settings.dir.display(),
                self.settings.max_bytes >> 20,
                self.settings.remedy
            )));
        }
        if payloads.is_empty() {
            return Ok(first);
        }
        self.boot.note(&self.settings.dir)?;
        let active = self.writable(first)?;
        if let Err(err) = (&*active.file).write_all(&records) {
            active.spoilt = active.file.set_len(active.segment.bytes).is_err();
            let refused = refused("writing to", &active.segment.path, &err);
            if active.spoilt {
                // Some of them may be on disk: their numbers never name anything else.
                self.next_seq = first + payloads.len() as u64;
            }
            return Err(refused);
        }
        let next = first + payloads.len() as u64;
        active.segment.last = next - 1;
        active.segment.bytes += records.len() as u64;
        active.payloads.extend(payloads);
        active.dirty = true;
        self.bytes = after;
        self.next_seq = next;
        Ok(first)
    }

    /// Whether so many more bytes would be refused.
    pub fn is_full(&self, bytes: u64) -> bool {
        self.bytes + bytes > self.settings.max_bytes
    }

    /// Payloads of `from..=to` of one boot, from `from` on, ending before a hole, a segment's end or `max_bytes`.
    ///
    /// # Errors
    /// [`SpoolError`] when the disk does not answer: try again later, nothing is lost.
    pub fn read(&mut self, boot: u64, from: u64, to: u64, max_bytes: usize) -> Result<Read, SpoolError> {
        let mut left = max_bytes;
        let mut fits = |len: usize| {
            let fits = left >= len || left == max_bytes;
            left = left.saturating_sub(len);
            fits
        };
        if let Some(active) =
            self.active.as_ref().filter(|a| a.segment.boot == boot && a.segment.first <= from)
        {
            let skip = usize::try_from(from - active.segment.first).unwrap_or(usize::MAX);
            let count = usize::try_from(to - from + 1).unwrap_or(usize::MAX);
            let events = active.payloads.iter().skip(skip).take(count).take_while(|p| fits(p.len()));
            return Ok(read_of(events.cloned().collect()));
        }
        let Some(found) = self.closed.iter().find(|s| s.boot == boot && (s.first..=s.last).contains(&from))
        else {
            return Ok(Read::Lost);
        };
        let loaded = match self.loaded.take() {
            Some(loaded) if (loaded.boot, loaded.first) == (boot, found.first) => loaded,
            Some(_) | None => load(found)?,
        };
        let at = loaded.records.partition_point(|r| r.seq < from);
        let run = loaded.records[at..].iter().zip(from..=to).take_while(|(r, seq)| r.seq == *seq);
        let run = run.take_while(|(r, _)| fits(r.payload.len()));
        let events = run.map(|(r, _)| loaded.bytes[r.payload.clone()].to_vec()).collect();
        self.loaded = Some(loaded);
        Ok(read_of(events))
    }

    /// The hall has everything of `boot` up to `seq`: segments that end there are removed.
    pub fn forget(&mut self, boot: u64, seq: u64) {
        self.confirmed = Some((boot, seq));
        let mut freed = 0;
        self.closed.retain(|s| {
            let done = s.boot == boot && s.last <= seq;
            if done && remove(&s.path) {
                freed += s.bytes;
            }
            !done
        });
        self.bytes -= freed;
        if self
            .loaded
            .as_ref()
            .is_some_and(|l| l.boot == boot && l.records.last().is_none_or(|r| r.seq <= seq))
        {
            self.loaded = None;
        }
    }

    /// Files written since the last call; `sync_data` each, outside of any lock.
    pub fn take_dirty(&mut self) -> Vec<Arc<File>> {
        let mut dirty = std::mem::take(&mut self.dirty);
        if let Some(active) = self.active.as_mut().filter(|a| a.dirty) {
            active.dirty = false;
            dirty.push(active.file.clone());
        }
        dirty
    }

    /// Notes how far the hall is, so that the next start does not send a segment's beginning again. Only saves work.
    pub fn note_confirmed(&mut self) {
        if let Some((boot, seq)) = self.confirmed.take() {
            recover::write_confirmed(&self.settings.dir, boot, seq);
        }
    }

    /// Clean end: the open segment goes too when all of it is confirmed.
    pub fn close(&mut self, all_confirmed: bool) {
        self.note_confirmed();
        if let Some(active) = self.active.take()
            && all_confirmed
        {
            remove(&active.segment.path);
        }
    }

    fn writable(&mut self, seq: u64) -> Result<&mut Active, NotKept> {
        let full = |a: &Active| a.spoilt || a.segment.bytes >= self.settings.segment_bytes;
        if self.active.as_ref().is_some_and(full)
            && let Some(done) = self.active.take()
        {
            if done.payloads.is_empty() {
                // Nothing in it was acknowledged.
                remove(&done.segment.path);
            } else {
                self.dirty.push(done.file);
                self.closed.push_back(done.segment);
            }
        }
        if self.active.is_none() {
            let path = self.settings.dir.join(recover::file_name(self.boot.number, seq));
            // Truncated: remains of a failed start of this very segment hold nothing that was acknowledged.
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let file = file.and_then(|f| f.set_len(0).map(|()| f));
            let file = Arc::new(file.map_err(|e| refused("creating", &path, &e))?);
            let segment = Segment { boot: self.boot.number, first: seq, last: seq, path, bytes: 0 };
            self.dirty.extend(File::open(&self.settings.dir).map(Arc::new));
            self.active = Some(Active { segment, file, payloads: Vec::new(), dirty: false, spoilt: false });
        }
        self.active.as_mut().ok_or_else(|| NotKept("no open segment".into()))
    }
}

fn read_of(events: Vec<Vec<u8>>) -> Read {
    if events.is_empty() { Read::Lost } else { Read::Events(events) }
}

fn load(segment: &Segment) -> Result<Loaded, SpoolError> {
    let bytes = std::fs::read(&segment.path).map_err(SpoolError::io("reading", &segment.path))?;
    let records = segment::scan(&bytes).records;
    Ok(Loaded { boot: segment.boot, first: segment.first, bytes, records })
}

fn remove(path: &Path) -> bool {
    match std::fs::remove_file(path) {
        Ok(()) => true,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => true,
        Err(err) => {
            tracing::error!("removing {}: {err}; remove it by hand", path.display());
            false
        }
    }
}

fn refused(operation: &str, path: &Path, err: &std::io::Error) -> NotKept {
    NotKept(format!("{operation} {}: {err}; free space on this disk or mend it", path.display()))
}

/// Runs without holes, oldest first.
pub(crate) fn runs(records: impl IntoIterator<Item = (u64, u64)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (boot, seq) in records {
        match runs.last_mut() {
            Some(run) if run.boot == boot && run.last + 1 == seq => run.last = seq,
            Some(_) | None => runs.push(Run { boot, first: seq, last: seq }),
        }
    }
    runs
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
