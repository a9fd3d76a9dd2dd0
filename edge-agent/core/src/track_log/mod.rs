//! Tracks that are over, on disk and searchable: append-only segments, bounded, newest kept.
//!
//! Records are handed over without waiting and written by one thread, each with one call: a killed process loses what
//! still waited, some milliseconds of it; a power cut what the system had not written yet. A search reads the files from
//! the newest on, beside the writing and never in its way. A damaged record costs itself alone, as in the spool.

mod entry;
mod files;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use models_domain::archive::{Cursor, Found, TrackQuery, TrackRecord};
use models_wire::convert::tracks::record_from_wire;
use models_wire::v1;

use crate::keep::KeepTracks;
use crate::spool::segment;
use files::{Files, Part};

/// Records that may wait for the disk; from then on the oldest go, and are counted.
const WAITING: usize = 4_096;

#[derive(Debug, Clone)]
pub struct TrackLogSettings {
    pub dir: PathBuf,
    /// Bound of all files together.
    pub max_bytes: u64,
    /// A file is closed when it is this long.
    pub segment_bytes: u64,
}

impl TrackLogSettings {
    /// 1 GiB, some six million tracks; files of 4 MiB.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, max_bytes: 1 << 30, segment_bytes: 4 << 20 }
    }
}

/// The archive of one gateway's tracks, and one thread that writes it.
pub struct TrackLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    dir: PathBuf,
    files: Mutex<Files>,
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<TrackRecord>,
    /// Not kept: too many at once, or the disk refused.
    dropped: u64,
    closed: bool,
}

impl TrackLog {
    /// # Errors
    /// What the disk says when the folder cannot be made, listed or read, or the thread not started.
    pub fn open(settings: &TrackLogSettings) -> std::io::Result<Self> {
        let (files, recovered) = Files::open(&settings.dir, settings.max_bytes, settings.segment_bytes)?;
        if recovered.damaged_bytes > 0 {
            let (bytes, dir) = (recovered.damaged_bytes, settings.dir.display());
            tracing::error!("{dir}: {bytes} bytes of tracks are damaged and lost: check this disk");
        }
        let shared = Arc::new(Shared {
            dir: settings.dir.clone(),
            files: Mutex::new(files),
            queue: Mutex::default(),
            ready: Condvar::new(),
        });
        let of_writer = shared.clone();
        let writer =
            std::thread::Builder::new().name("tracks".into()).spawn(move || of_writer.write_all())?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// The newest tracks that answer `query`. Blocking: reads the disk. `give_up` is asked between any two files, and ends
    /// the search early: the answer is partial then.
    pub fn search(&self, query: &TrackQuery, give_up: impl Fn() -> bool) -> v1::TrackRows {
        let mut parts = held(&self.shared.files).between(query.from, query.to);
        parts.sort_by_key(|part| std::cmp::Reverse(part.latest));
        let mut search =
            Search { query, cameras: entry::camera_marks(query), found: Found::new(query.limit) };
        let mut problem = String::new();
        for (i, part) in parts.iter().enumerate() {
            // Nothing in this file or any after it is newer than all that was found.
            let newest = Cursor { ended: part.latest, number: u64::MAX };
            if !search.found.has_room_for(newest) {
                search.found.left_out();
                break;
            }
            if give_up() {
                let left = parts.len() - i;
                problem = format!(
                    "took too long: {left} of {} files were not looked through; narrow the search",
                    parts.len()
                );
                break;
            }
            if let Err(why) = search.look_through(part) {
                problem = why;
            }
        }
        let (rows, more) = search.found.into_newest_first();
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        v1::TrackRows { rows, more, partial: !problem.is_empty(), problem }
    }

    /// Records that were not kept since the start.
    pub fn dropped(&self) -> u64 {
        held(&self.shared.queue).dropped
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        held(&self.shared.files).bytes()
    }
}

impl KeepTracks for TrackLog {
    fn keep_track(&self, record: TrackRecord) {
        let mut queue = held(&self.shared.queue);
        if queue.waiting.len() == WAITING {
            queue.waiting.pop_front();
            queue.dropped += 1;
        }
        queue.waiting.push_back(record);
        drop(queue);
        self.shared.ready.notify_one();
    }
}

impl Drop for TrackLog {
    /// Writes what still waits.
    fn drop(&mut self) {
        held(&self.shared.queue).closed = true;
        self.shared.ready.notify_one();
        if self.writer.take().is_some_and(|w| w.join().is_err()) {
            tracing::error!("the thread that writes tracks panicked");
        }
    }
}

impl Shared {
    fn write_all(&self) {
        let mut disk_refused = false;
        while let Some(records) = self.next() {
            for record in records {
                let mut files = held(&self.files);
                let payload = entry::encode(files.next_number(), &record);
                let written = files.append(&payload, record.began, record.ended);
                drop(files);
                if let Err(err) = &written {
                    held(&self.queue).dropped += 1;
                    // Once per trouble, not once per record.
                    if !disk_refused {
                        let dir = self.dir.display();
                        tracing::warn!("keeping tracks in {dir}: {err}; free space on this disk or mend it");
                    }
                }
                disk_refused = written.is_err();
            }
        }
        held(&self.files).close();
    }

    /// All that wait, as soon as there is one; `None` at the end.
    fn next(&self) -> Option<VecDeque<TrackRecord>> {
        let mut queue = held(&self.queue);
        loop {
            if !queue.waiting.is_empty() {
                return Some(std::mem::take(&mut queue.waiting));
            }
            if queue.closed {
                return None;
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Search<'a> {
    query: &'a TrackQuery,
    cameras: Vec<u32>,
    found: Found<v1::TrackRow>,
}

impl Search<'_> {
    /// Offers every record of one file that answers.
    fn look_through(&mut self, part: &Part) -> Result<(), String> {
        let bytes = match read(&part.path, part.bytes) {
            Ok(bytes) => bytes,
            // Removed meanwhile: it was the oldest and its time was over.
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(format!("a file of the archive cannot be read: {err}")),
        };
        let scan = segment::scan(&bytes);
        for record in scan.records {
            self.look_at(record.seq, &bytes[record.payload]);
        }
        match scan.damaged + scan.torn {
            0 => Ok(()),
            lost => Err(format!("{lost} bytes of the archive are damaged: the tracks in them are lost")),
        }
    }

    fn look_at(&mut self, number: u64, payload: &[u8]) {
        let Some(head) = entry::head(payload) else { return };
        let place = Cursor { ended: head.ended, number };
        let wanted = self.query.may_match(head.began, head.ended, head.class, head.colour)
            && (self.cameras.is_empty() || self.cameras.binary_search(&head.camera).is_ok())
            && self.query.is_after(place);
        if !wanted {
            return;
        }
        if !self.found.has_room_for(place) {
            self.found.left_out();
            return;
        }
        let Some(row) = entry::row(payload) else { return };
        // Most questions ask for nothing beyond the head, but a mark may stand for two cameras.
        if record_from_wire(row.clone()).is_ok_and(|record| self.query.matches(&record)) {
            self.found.offer(place, row);
        }
    }
}

/// The first `bytes` of a file: what was whole when the search began.
fn read(path: &Path, bytes: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut read = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    std::fs::File::open(path)?.take(bytes).read_to_end(&mut read)?;
    Ok(read)
}

/// What the locks guard is whole between any two statements.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "cost_tests.rs"]
mod cost_tests;
#[cfg(test)]
#[path = "track_log_tests.rs"]
mod tests;
