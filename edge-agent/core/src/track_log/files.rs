//! The segment files of the archive: names that tell what time they hold, appending, and giving room.
//!
//! A file that is written to is called `<first number>.seg`; closed, `<first number>_<earliest>_<latest>.seg` with the
//! times of its tracks in UTC milliseconds. A search opens only the files whose time it asks for.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use models_domain::UtcMillis;

use super::entry;
use crate::spool::segment;

const SUFFIX: &str = ".seg";

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Part {
    pub path: PathBuf,
    /// Bytes that are whole records.
    pub bytes: u64,
    pub earliest: UtcMillis,
    pub latest: UtcMillis,
}

/// All files, oldest first; the last may be open.
pub struct Files {
    dir: PathBuf,
    max_bytes: u64,
    segment_bytes: u64,
    closed: VecDeque<Part>,
    open: Option<Open>,
    next_number: u64,
}

struct Open {
    part: Part,
    file: File,
    first: u64,
    /// A write failed and its remains could not be cut off: no more is written after them.
    spoilt: bool,
}

/// What was found at the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    pub damaged_bytes: usize,
    pub torn_bytes: usize,
}

impl Files {
    /// Takes over what earlier starts left.
    ///
    /// # Errors
    /// What the disk says when the folder cannot be made or listed, or a file not read.
    pub fn open(dir: &Path, max_bytes: u64, segment_bytes: u64) -> std::io::Result<(Self, Recovered)> {
        std::fs::create_dir_all(dir)?;
        let mut named = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().and_then(Name::parse) {
                named.push((name, entry.path(), entry.metadata()?.len()));
            }
        }
        named.sort_by_key(|(name, ..)| name.first);
        // Only closed files can give room.
        let segment_bytes = segment_bytes.min((max_bytes / 4).max(1));
        let mut files = Self {
            dir: dir.to_owned(),
            max_bytes,
            segment_bytes,
            closed: VecDeque::new(),
            open: None,
            next_number: 1,
        };
        let mut recovered = Recovered::default();
        let newest = named.len().wrapping_sub(1);
        for (i, (name, path, bytes)) in named.into_iter().enumerate() {
            files.next_number = files.next_number.max(name.first.saturating_add(1));
            match name.times.filter(|_| i != newest) {
                Some((earliest, latest)) => {
                    files.closed.push_back(Part { path, bytes, earliest, latest });
                }
                // Only the newest and what was open when the process was killed is read.
                None => files.take_over(name.first, path, &mut recovered)?,
            }
        }
        Ok((files, recovered))
    }

    fn take_over(&mut self, first: u64, path: PathBuf, recovered: &mut Recovered) -> std::io::Result<()> {
        let bytes = std::fs::read(&path)?;
        let scan = segment::scan(&bytes);
        recovered.damaged_bytes += scan.damaged;
        recovered.torn_bytes += scan.torn;
        let last = scan.records.last().map_or(first, |r| r.seq);
        self.next_number = self.next_number.max(last.saturating_add(1));
        let heads = scan.records.iter().filter_map(|r| entry::head(&bytes[r.payload.clone()]));
        let times = heads.fold(None, |times, head| Some(widened(times, head.began, head.ended)));
        let Some((earliest, latest)) = times else {
            return std::fs::remove_file(&path);
        };
        let whole = (bytes.len() - scan.torn) as u64;
        if scan.torn > 0 {
            // What is no whole record now would look like damage ever after.
            OpenOptions::new().write(true).open(&path)?.set_len(whole)?;
        }
        let part = Part { path, bytes: whole, earliest, latest };
        self.closed.push_back(renamed(&self.dir, part, first));
        Ok(())
    }

    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Appends one record with the number that [`Files::next_number`] said. The oldest files go when there is no room.
    ///
    /// # Errors
    /// What the disk says; nothing has changed then.
    pub fn append(&mut self, payload: &[u8], began: UtcMillis, ended: UtcMillis) -> std::io::Result<()> {
        let number = self.next_number;
        let record = segment::encode(number, payload);
        self.make_room(record.len() as u64);
        let written = self.write(number, &record);
        // The disk is full of other things: the oldest tracks give way to the newest.
        let full = written.as_ref().is_err_and(|err| err.kind() == ErrorKind::StorageFull);
        if full && self.remove_oldest() {
            self.write(number, &record)?;
        } else {
            written?;
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        open.part.bytes += record.len() as u64;
        let times = (open.part.bytes > record.len() as u64).then_some((open.part.earliest, open.part.latest));
        (open.part.earliest, open.part.latest) = widened(times, began, ended);
        self.next_number = number.saturating_add(1);
        Ok(())
    }

    /// Files whose tracks may overlap `from..to`, with what of each is whole.
    pub fn between(&self, from: UtcMillis, to: UtcMillis) -> Vec<Part> {
        let parts = self.closed.iter().chain(self.open.as_ref().map(|o| &o.part));
        parts.filter(|p| p.bytes > 0 && p.earliest < to && p.latest >= from).cloned().collect()
    }

    pub fn bytes(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |o| o.part.bytes);
        self.closed.iter().map(|p| p.bytes).sum::<u64>() + open
    }

    /// Closes the open file under its full name.
    pub fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Err(err) = open.file.sync_data() {
            tracing::warn!("syncing {}: {err}", open.part.path.display());
        }
        if open.part.bytes > 0 {
            self.closed.push_back(renamed(&self.dir, open.part, open.first));
        }
    }

    fn write(&mut self, number: u64, record: &[u8]) -> std::io::Result<()> {
        let segment_bytes = self.segment_bytes;
        if self.open.as_ref().is_some_and(|o| o.spoilt || o.part.bytes >= segment_bytes) {
            self.close();
        }
        if self.open.is_none() {
            let path = self.dir.join(format!("{number:020}{SUFFIX}"));
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            // Remains of a failed start of this very file hold nothing.
            file.set_len(0)?;
            let part = Part { path, bytes: 0, earliest: UtcMillis(0), latest: UtcMillis(0) };
            self.open = Some(Open { part, file, first: number, spoilt: false });
        }
        let open = self.open.as_mut().ok_or_else(|| std::io::Error::other("no open file"))?;
        if let Err(err) = open.file.write_all(record) {
            open.spoilt = open.file.set_len(open.part.bytes).is_err();
            return Err(err);
        }
        Ok(())
    }

    fn make_room(&mut self, more: u64) {
        while self.bytes() + more > self.max_bytes && self.remove_oldest() {}
    }

    fn remove_oldest(&mut self) -> bool {
        let Some(oldest) = self.closed.pop_front() else { return false };
        if let Err(err) = std::fs::remove_file(&oldest.path) {
            tracing::warn!("removing {}: {err}", oldest.path.display());
        }
        true
    }
}

/// Under its old name it is only read once more at the next start.
fn renamed(dir: &Path, mut part: Part, first: u64) -> Part {
    let (earliest, latest) = (part.earliest.0, part.latest.0);
    let path = dir.join(format!("{first:020}_{earliest}_{latest}{SUFFIX}"));
    match std::fs::rename(&part.path, &path) {
        Ok(()) => part.path = path,
        Err(err) => tracing::warn!("renaming {}: {err}", part.path.display()),
    }
    part
}

fn widened(
    times: Option<(UtcMillis, UtcMillis)>,
    began: UtcMillis,
    ended: UtcMillis,
) -> (UtcMillis, UtcMillis) {
    times.map_or((began, ended), |(earliest, latest)| (earliest.min(began), latest.max(ended)))
}

struct Name {
    first: u64,
    times: Option<(UtcMillis, UtcMillis)>,
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let mut words = name.strip_suffix(SUFFIX)?.split('_');
        let first = words.next()?.parse().ok()?;
        let mut time = || words.next()?.parse().ok().map(UtcMillis);
        Some(Self { first, times: time().zip(time()) })
    }
}
