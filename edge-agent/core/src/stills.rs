//! Stills: the pictures events were found in, as JPEG files, bounded; the oldest go first.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use hardware_ports::camera::Picture;
use hardware_ports::infer::PictureEncoder;
use models_domain::{EventId, Seq};

use crate::keep::KeepStills;

/// Pictures that wait for their JPEG; each holds a decoder's buffer. Newest wins, drops are counted.
const WAITING: usize = 8;
const QUALITY: u8 = 80;

#[derive(Debug, Clone)]
pub struct StillsSettings {
    pub dir: PathBuf,
    pub max_bytes: u64,
    pub max_files: usize,
    /// Wider pictures are scaled down to it.
    pub max_width: u32,
}

impl StillsSettings {
    /// 1 GiB or 20,000 stills, of at most 1280 pixels.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, max_bytes: 1 << 30, max_files: 20_000, max_width: 1280 }
    }
}

/// The files, and one thread that writes them.
pub struct Stills {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    settings: StillsSettings,
    encoder: Arc<dyn PictureEncoder>,
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(EventId, Picture)>,
    /// Not kept: too many at once, or the disk refused.
    dropped: u64,
    closed: bool,
}

impl Stills {
    /// # Errors
    /// What the disk says when the folder cannot be made, listed, or the thread not started.
    pub fn open(settings: StillsSettings, encoder: Arc<dyn PictureEncoder>) -> std::io::Result<Self> {
        std::fs::create_dir_all(&settings.dir)?;
        let files = Files::list(&settings.dir)?;
        let (queue, ready) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { settings, encoder, queue, ready });
        let of_worker = shared.clone();
        let worker =
            std::thread::Builder::new().name("stills".into()).spawn(move || of_worker.write_all(files))?;
        Ok(Self { shared, worker: Some(worker) })
    }

    /// The JPEG of one event; `None` when there was none or it is gone. Blocking.
    pub fn read(&self, id: EventId) -> Option<Vec<u8>> {
        std::fs::read(self.shared.settings.dir.join(file_name(id))).ok()
    }

    /// Stills that were not kept since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.held().dropped
    }
}

impl KeepStills for Stills {
    fn keep_still(&self, id: EventId, picture: &Picture) {
        let mut queue = self.shared.held();
        if queue.waiting.len() == WAITING {
            queue.waiting.pop_front();
            queue.dropped += 1;
            tracing::debug!(dropped = queue.dropped, "a still is dropped: too many events at once");
        }
        queue.waiting.push_back((id, picture.clone()));
        drop(queue);
        self.shared.ready.notify_one();
    }
}

impl Drop for Stills {
    /// Writes what still waits.
    fn drop(&mut self) {
        self.shared.held().closed = true;
        self.shared.ready.notify_one();
        if self.worker.take().is_some_and(|w| w.join().is_err()) {
            tracing::error!("the thread that writes stills panicked");
        }
    }
}

impl Shared {
    fn write_all(&self, mut files: Files) {
        let mut disk_refused = false;
        while let Some((id, picture)) = self.next() {
            let written = self.write(id, &picture, &mut files);
            if let Err(err) = &written {
                self.held().dropped += 1;
                // Once per trouble, not once per still.
                if !disk_refused {
                    tracing::warn!("keeping stills in {}: {err}", self.settings.dir.display());
                }
            }
            disk_refused = written.is_err();
        }
    }

    fn next(&self) -> Option<(EventId, Picture)> {
        let mut queue = self.held();
        loop {
            if let Some(first) = queue.waiting.pop_front() {
                return Some(first);
            }
            if queue.closed {
                return None;
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&self, id: EventId, picture: &Picture, files: &mut Files) -> Result<(), String> {
        let jpeg = self.encoder.jpeg(picture, self.settings.max_width, QUALITY).map_err(|e| e.to_string())?;
        let size = jpeg.len() as u64;
        // Room first: on a full disk the oldest stills give way.
        files.make_room(&self.settings, size);
        let fresh = self.settings.dir.join("still.new");
        let path = self.settings.dir.join(file_name(id));
        std::fs::write(&fresh, jpeg)
            .and_then(|()| std::fs::rename(&fresh, path))
            .map_err(|e| format!("{e}; free space on this disk"))?;
        files.by_age.push_back((id, size));
        files.bytes += size;
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lies in the folder, oldest first.
#[derive(Default)]
struct Files {
    by_age: VecDeque<(EventId, u64)>,
    bytes: u64,
}

impl Files {
    fn list(dir: &Path) -> std::io::Result<Self> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if let Some(id) = entry.file_name().to_str().and_then(of_file_name) {
                found.push((id, entry.metadata()?.len()));
            }
        }
        found.sort_unstable();
        let bytes = found.iter().map(|(_, size)| size).sum();
        Ok(Self { by_age: found.into(), bytes })
    }

    fn make_room(&mut self, settings: &StillsSettings, size: u64) {
        while self.by_age.len() >= settings.max_files || self.bytes + size > settings.max_bytes {
            let Some((id, size)) = self.by_age.pop_front() else { return };
            self.bytes -= size;
            if let Err(err) = std::fs::remove_file(settings.dir.join(file_name(id))) {
                tracing::debug!("removing the still {id}: {err}");
            }
        }
    }
}

/// Sorts by age.
fn file_name(id: EventId) -> String {
    format!("{:020}-{:020}.jpg", id.boot, id.seq.0)
}

fn of_file_name(name: &str) -> Option<EventId> {
    let (boot, seq) = name.strip_suffix(".jpg")?.split_once('-')?;
    Some(EventId { boot: boot.parse().ok()?, seq: Seq(seq.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use hardware_ports::infer::InferError;

    use super::*;

    /// "Encodes" to 100 bytes of the picture's first one; a picture of 1 pixel cannot be.
    struct Plain;

    impl PictureEncoder for Plain {
        fn jpeg(&self, picture: &Picture, _: u32, _: u8) -> Result<Vec<u8>, InferError> {
            if picture.width == 1 {
                return Err(InferError::Picture("too small".into()));
            }
            Ok(vec![picture.planes.plane(0).data[0]; 100])
        }
    }

    fn id(seq: u64) -> EventId {
        EventId { boot: 9, seq: Seq(seq) }
    }

    fn picture(mark: u8) -> Picture {
        Picture::from_rgb(2, 2, vec![mark; 12])
    }

    #[test]
    fn bounded_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let settings = StillsSettings { max_bytes: 350, ..StillsSettings::new(dir.path().to_owned()) };
        for seq in 1..=5 {
            // Each of its own: dropping waits until it is written.
            let stills = Stills::open(settings.clone(), Arc::new(Plain)).unwrap();
            stills.keep_still(id(seq), &picture(seq as u8));
        }
        let stills = Stills::open(settings, Arc::new(Plain)).unwrap();
        let there: Vec<u64> = (1..=6).filter(|seq| stills.read(id(*seq)).is_some()).collect();
        assert_eq!(there, [3, 4, 5]);
        assert_eq!(stills.read(id(4)), Some(vec![4; 100]));
    }

    #[test]
    fn what_cannot_be_kept_is_counted_and_the_next_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let stills = Stills::open(StillsSettings::new(dir.path().to_owned()), Arc::new(Plain)).unwrap();
        stills.keep_still(id(1), &Picture::from_rgb(1, 1, vec![0; 3]));
        stills.keep_still(id(2), &picture(2));
        let shared = stills.shared.clone();
        drop(stills);
        assert_eq!(shared.held().dropped, 1);
        assert!(dir.path().join(file_name(id(2))).exists());
    }
}
