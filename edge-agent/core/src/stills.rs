//! Stills: the pictures events were found in, as JPEG files, bounded; the oldest go first, and evidence after all others.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use hardware_ports::camera::Picture;
use hardware_ports::infer::PictureEncoder;
use models_domain::{EventId, Seq};

use crate::keep::KeepStills;

/// Pictures that wait for their JPEG; each holds a decoder's buffer. Newest wins, drops are counted.
const WAITING: usize = 8;
/// Pictures of evidence that wait for the disk.
const EVIDENCE_WAITING: usize = 96;
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

/// A file's name: the event, and which of its pictures.
type Name = (EventId, u8);

enum Waiting {
    Picture(Picture),
    Jpeg(Vec<u8>),
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Name, Waiting)>,
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

    /// The JPEG of one event, or that of its parts; `None` when there was none or it is gone. Blocking.
    pub fn read(&self, id: EventId, part: u8) -> Option<Vec<u8>> {
        let dir = &self.shared.settings.dir;
        let plain = (part == 0).then(|| std::fs::read(dir.join(file_name((id, part), false))).ok());
        plain.flatten().or_else(|| std::fs::read(dir.join(file_name((id, part), true))).ok())
    }

    /// Stills that were not kept since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.held().dropped
    }
}

impl KeepStills for Stills {
    fn keep_still(&self, id: EventId, picture: &Picture) {
        let mut queue = self.shared.held();
        queue.push((id, 0), Waiting::Picture(picture.clone()));
        drop(queue);
        self.shared.ready.notify_one();
    }

    fn keep_evidence(&self, id: EventId, jpegs: &[Vec<u8>]) {
        let mut queue = self.shared.held();
        for (part, jpeg) in (0..).zip(jpegs) {
            queue.push((id, part), Waiting::Jpeg(jpeg.clone()));
        }
        drop(queue);
        self.shared.ready.notify_one();
    }
}

impl Queue {
    /// When there is no room the oldest of the same kind is dropped.
    fn push(&mut self, name: Name, new: Waiting) {
        let is_jpeg = matches!(new, Waiting::Jpeg(_));
        let room = if is_jpeg { EVIDENCE_WAITING } else { WAITING };
        let like = |(_, waiting): &(Name, Waiting)| matches!(waiting, Waiting::Jpeg(_)) == is_jpeg;
        if self.waiting.iter().filter(|one| like(one)).count() >= room
            && let Some(oldest) = self.waiting.iter().position(like)
        {
            self.waiting.remove(oldest);
            self.dropped += 1;
            tracing::debug!(dropped = self.dropped, "a still is dropped: too many events at once");
        }
        self.waiting.push_back((name, new));
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
        while let Some((name, waiting)) = self.next() {
            let written = self.write(name, waiting, &mut files);
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

    fn next(&self) -> Option<(Name, Waiting)> {
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

    fn write(&self, name: Name, waiting: Waiting, files: &mut Files) -> Result<(), String> {
        let (jpeg, evidence) = match waiting {
            Waiting::Picture(picture) => {
                let jpeg = self.encoder.jpeg(&picture, self.settings.max_width, QUALITY);
                (jpeg.map_err(|e| e.to_string())?, false)
            }
            Waiting::Jpeg(jpeg) => (jpeg, true),
        };
        let size = jpeg.len() as u64;
        // Room first: on a full disk the oldest stills give way.
        files.make_room(&self.settings, size);
        let fresh = self.settings.dir.join("still.new");
        let path = self.settings.dir.join(file_name(name, evidence));
        write(&fresh, &jpeg, evidence)
            .and_then(|()| std::fs::rename(&fresh, path))
            .map_err(|e| format!("{e}; free space on this disk"))?;
        files.add(name, size, evidence);
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Evidence survives a loss of power whole; other stills are not worth the wait.
fn write(path: &Path, jpeg: &[u8], evidence: bool) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(jpeg)?;
    if evidence { file.sync_all() } else { Ok(()) }
}

/// What lies in the folder, oldest first.
#[derive(Default)]
struct Files {
    plain: VecDeque<(Name, u64)>,
    evidence: VecDeque<(Name, u64)>,
    evidence_bytes: u64,
    bytes: u64,
}

impl Files {
    fn list(dir: &Path) -> std::io::Result<Self> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if let Some((name, evidence)) = entry.file_name().to_str().and_then(of_file_name) {
                found.push((name, entry.metadata()?.len(), evidence));
            }
        }
        found.sort_unstable();
        let mut files = Self::default();
        found.into_iter().for_each(|(name, size, evidence)| files.add(name, size, evidence));
        Ok(files)
    }

    fn add(&mut self, name: Name, size: u64, evidence: bool) {
        self.bytes += size;
        if evidence {
            self.evidence_bytes += size;
            self.evidence.push_back((name, size));
        } else {
            self.plain.push_back((name, size));
        }
    }

    /// Evidence goes when nothing else is left, or when it is more than half of what may lie there.
    fn make_room(&mut self, settings: &StillsSettings, size: u64) {
        while self.plain.len() + self.evidence.len() >= settings.max_files
            || self.bytes + size > settings.max_bytes
        {
            let much = self.evidence_bytes > settings.max_bytes / 2;
            let evidence = self.plain.is_empty() || (much && !self.evidence.is_empty());
            let oldest = if evidence { self.evidence.pop_front() } else { self.plain.pop_front() };
            let Some((name, size)) = oldest else { return };
            self.bytes -= size;
            self.evidence_bytes -= if evidence { size } else { 0 };
            if let Err(err) = std::fs::remove_file(settings.dir.join(file_name(name, evidence))) {
                tracing::debug!("removing a still of {}: {err}", name.0);
            }
        }
    }
}

/// Sorts by age.
fn file_name((id, part): Name, evidence: bool) -> String {
    let plain = format!("{:020}-{:020}", id.boot, id.seq.0);
    if evidence { format!("{plain}-{part}.jpg") } else { format!("{plain}.jpg") }
}

/// Whose it is, and whether it is evidence.
fn of_file_name(name: &str) -> Option<(Name, bool)> {
    let mut words = name.strip_suffix(".jpg")?.split('-');
    let id = EventId { boot: words.next()?.parse().ok()?, seq: Seq(words.next()?.parse().ok()?) };
    match (words.next(), words.next()) {
        (None, _) => Some(((id, 0), false)),
        (Some(part), None) => Some(((id, part.parse().ok()?), true)),
        (Some(_), Some(_)) => None,
    }
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
        let there: Vec<u64> = (1..=6).filter(|seq| stills.read(id(*seq), 0).is_some()).collect();
        assert_eq!(there, [3, 4, 5]);
        assert_eq!(stills.read(id(4), 0), Some(vec![4; 100]));
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
        assert!(dir.path().join(file_name((id(2), 0), false)).exists());
    }

    #[test]
    fn evidence_is_the_last_to_go_and_keeps_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let settings = StillsSettings { max_bytes: 500, ..StillsSettings::new(dir.path().to_owned()) };
        let keep = |work: &dyn Fn(&Stills)| work(&Stills::open(settings.clone(), Arc::new(Plain)).unwrap());
        keep(&|stills| stills.keep_evidence(id(1), &[vec![7; 60], vec![8; 60], vec![9; 60]]));
        for seq in 2..=6 {
            keep(&|stills| stills.keep_still(id(seq), &picture(seq as u8)));
        }
        let stills = Stills::open(settings.clone(), Arc::new(Plain)).unwrap();
        let there: Vec<u64> = (1..=6).filter(|seq| stills.read(id(*seq), 0).is_some()).collect();
        assert_eq!(there, [1, 4, 5, 6]);
        assert_eq!(stills.read(id(1), 2), Some(vec![9; 60]));
        assert_eq!(stills.read(id(4), 1), None);
        drop(stills);
        // More than half is not kept for it.
        for seq in 7..=9 {
            keep(&|stills| stills.keep_evidence(id(seq), &[vec![1; 60], vec![2; 60]]));
        }
        let stills = Stills::open(settings.clone(), Arc::new(Plain)).unwrap();
        assert_eq!((stills.read(id(1), 0), stills.read(id(9), 1)), (None, Some(vec![2; 60])));
    }
}
