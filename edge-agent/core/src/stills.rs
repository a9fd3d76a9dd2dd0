//! Stills: the pictures events were found in, as JPEG files, bounded; the oldest go first, and evidence after all others.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use hardware_ports::camera::Picture;
use hardware_ports::infer::PictureEncoder;
use hardware_ports::sink::NotKept;
use models_domain::{EventId, Seq};
use sha2::{Digest, Sha256};

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
    files: Mutex<Files>,
}

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    /// The picture an event was found in.
    Of(EventId),
    /// Evidence, by the SHA-256 of its bytes.
    Proof([u8; 32]),
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
        let files = Mutex::new(Files::list(&settings.dir)?);
        let (queue, ready) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { settings, encoder, queue, ready, files });
        let of_worker = shared.clone();
        let worker =
            std::thread::Builder::new().name("stills".into()).spawn(move || of_worker.write_all())?;
        Ok(Self { shared, worker: Some(worker) })
    }

    /// The JPEG of the picture an event was found in; `None` when there was none or it is gone. Blocking.
    pub fn read(&self, id: EventId) -> Option<Vec<u8>> {
        self.shared.read(Name::Of(id))
    }

    /// The JPEG that is evidence and has this SHA-256; `None` when there was none or it is gone. Blocking.
    pub fn evidence(&self, sha256: [u8; 32]) -> Option<Vec<u8>> {
        self.shared.read(Name::Proof(sha256))
    }

    /// Stills that were not kept since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.held().dropped
    }
}

impl KeepStills for Stills {
    fn keep_still(&self, id: EventId, picture: &Picture) {
        let mut queue = self.shared.held();
        queue.push(id, picture.clone());
        drop(queue);
        self.shared.ready.notify_one();
    }

    fn keep_evidence(&self, jpeg: &[u8]) -> Result<(), NotKept> {
        let kept = self.shared.write(Name::Proof(Sha256::digest(jpeg).into()), jpeg);
        kept.map_err(|err| {
            NotKept(format!("keeping stills in {}: {err}", self.shared.settings.dir.display()))
        })
    }
}

impl Queue {
    /// When there is no room the oldest is dropped.
    fn push(&mut self, id: EventId, picture: Picture) {
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
            tracing::debug!(dropped = self.dropped, "a still is dropped: too many events at once");
        }
        self.waiting.push_back((id, picture));
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
    fn write_all(&self) {
        let mut disk_refused = false;
        while let Some((id, picture)) = self.next() {
            let jpeg = self.encoder.jpeg(&picture, self.settings.max_width, QUALITY);
            let written = jpeg.map_err(|e| e.to_string()).and_then(|jpeg| self.write(Name::Of(id), &jpeg));
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

    fn write(&self, name: Name, jpeg: &[u8]) -> Result<(), String> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let (dir, size) = (&self.settings.dir, jpeg.len() as u64);
        // Room first: on a full disk the oldest stills give way.
        files.make_room(&self.settings, size);
        let fresh = dir.join("still.new");
        write(&fresh, jpeg, matches!(name, Name::Proof(_)))
            .and_then(|()| std::fs::rename(&fresh, dir.join(file_name(name))))
            .and_then(|()| if matches!(name, Name::Proof(_)) { File::open(dir)?.sync_all() } else { Ok(()) })
            .map_err(|e| format!("{e}; free space on this disk"))?;
        files.add(name, size);
        Ok(())
    }

    fn read(&self, name: Name) -> Option<Vec<u8>> {
        std::fs::read(self.settings.dir.join(file_name(name))).ok()
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
    plain: VecDeque<(EventId, u64)>,
    evidence: VecDeque<([u8; 32], u64)>,
    evidence_bytes: u64,
    bytes: u64,
}

impl Files {
    fn list(dir: &Path) -> std::io::Result<Self> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().and_then(of_file_name) {
                let file = entry.metadata()?;
                found.push((file.modified()?, name, file.len()));
            }
        }
        // Events have an order of their own, whatever the clock was.
        found.sort_unstable_by_key(|(at, name, _)| match name {
            Name::Of(id) => (None, Some(*id)),
            Name::Proof(_) => (Some(*at), None),
        });
        let mut files = Self::default();
        found.into_iter().for_each(|(_, name, size)| files.add(name, size));
        Ok(files)
    }

    fn add(&mut self, name: Name, size: u64) {
        match name {
            Name::Of(id) => self.plain.push_back((id, size)),
            // It was there already.
            Name::Proof(sha256) if self.evidence.iter().any(|(known, _)| *known == sha256) => return,
            Name::Proof(sha256) => {
                self.evidence_bytes += size;
                self.evidence.push_back((sha256, size));
            }
        }
        self.bytes += size;
    }

    /// Evidence goes when nothing else is left, or when it is more than half of what may lie there.
    fn make_room(&mut self, settings: &StillsSettings, size: u64) {
        while self.plain.len() + self.evidence.len() >= settings.max_files
            || self.bytes + size > settings.max_bytes
        {
            let much = self.evidence_bytes > settings.max_bytes / 2;
            let evidence = self.plain.is_empty() || (much && !self.evidence.is_empty());
            let oldest = if evidence {
                self.evidence.pop_front().map(|(sha256, size)| (Name::Proof(sha256), size))
            } else {
                self.plain.pop_front().map(|(id, size)| (Name::Of(id), size))
            };
            let Some((name, size)) = oldest else { return };
            if evidence {
                tracing::warn!(
                    "the oldest picture that proves an event has to go: no room, and the hall may not have it yet"
                );
            }
            self.bytes -= size;
            self.evidence_bytes -= if evidence { size } else { 0 };
            let file = file_name(name);
            if let Err(err) = std::fs::remove_file(settings.dir.join(&file)) {
                tracing::debug!("removing still {file}: {err}");
            }
        }
    }
}

fn file_name(name: Name) -> String {
    match name {
        Name::Of(id) => format!("{:020}-{:020}.jpg", id.boot, id.seq.0),
        Name::Proof(sha256) => {
            let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}.jpg")
        }
    }
}

fn of_file_name(file: &str) -> Option<Name> {
    let name = file.strip_suffix(".jpg")?;
    if let Some((boot, seq)) = name.split_once('-') {
        return Some(Name::Of(EventId { boot: boot.parse().ok()?, seq: Seq(seq.parse().ok()?) }));
    }
    let byte = |at: usize| u8::from_str_radix(name.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..32).map_while(byte).collect();
    bytes.try_into().ok().filter(|_| name.len() == 64).map(Name::Proof)
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
        assert!(dir.path().join(file_name(Name::Of(id(2)))).exists());
    }

    fn sha256(jpeg: &[u8]) -> [u8; 32] {
        Sha256::digest(jpeg).into()
    }

    #[test]
    fn evidence_is_the_last_to_go_and_keeps_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let settings = StillsSettings { max_bytes: 500, ..StillsSettings::new(dir.path().to_owned()) };
        let keep = |work: &dyn Fn(&Stills)| work(&Stills::open(settings.clone(), Arc::new(Plain)).unwrap());
        let proof = |stills: &Stills, mark| stills.keep_evidence(&[mark; 60]).unwrap();
        // On the disk when it returns, once however often it is told.
        keep(&|stills| {
            [7, 8, 9, 9].into_iter().for_each(|mark| proof(stills, mark));
            assert_eq!(stills.evidence(sha256(&[9; 60])), Some(vec![9; 60]));
        });
        for seq in 2..=6 {
            keep(&|stills| stills.keep_still(id(seq), &picture(seq as u8)));
        }
        let stills = Stills::open(settings.clone(), Arc::new(Plain)).unwrap();
        let there: Vec<u64> = (1..=6).filter(|seq| stills.read(id(*seq)).is_some()).collect();
        assert_eq!(there, [4, 5, 6]);
        assert_eq!(stills.evidence(sha256(&[7; 60])), Some(vec![7; 60]));
        assert_eq!(stills.evidence(sha256(&[6; 60])), None);
        drop(stills);
        // More than half is not kept for it.
        keep(&|stills| (1..=6).for_each(|mark| proof(stills, mark)));
        let stills = Stills::open(settings.clone(), Arc::new(Plain)).unwrap();
        assert_eq!(
            (stills.evidence(sha256(&[7; 60])), stills.evidence(sha256(&[6; 60]))),
            (None, Some(vec![6; 60]))
        );
    }

    #[test]
    fn evidence_that_cannot_be_kept_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let stills = Stills::open(StillsSettings::new(dir.path().join("stills")), Arc::new(Plain)).unwrap();
        std::fs::remove_dir_all(dir.path().join("stills")).unwrap();
        let refused = stills.keep_evidence(&[1; 60]).unwrap_err().to_string();
        assert!(refused.contains("free space on this disk"), "{refused}");
    }
}
