//! What cameras told as begun and not yet as ended, on disk: after a kill or a panic its end is told all the same.
//!
//! A begun thing is noted before it is kept, and struck out after its end is kept: a kill in between tells an end twice
//! rather than never. The file is touched while something is open, so that the end is told for when it was last known to go on.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hardware_ports::sink::NotKept;
use models_domain::event::{Phase, RuleEvent};
use models_domain::{CameraId, DurationMs, Event, EventBody, EventId, Seq, UtcMillis, ZoneId};
use models_wire::convert::event::{from_wire, to_wire};
use models_wire::v1::EventBatch;
use prost::Message;

use crate::keep::KeepEvents;

/// How exactly the time of an end is known after a kill.
const TOUCH_EVERY: DurationMs = DurationMs(15_000);

/// Hands events on, and remembers which of them are to have an end.
pub struct Courses {
    next: Arc<dyn KeepEvents>,
    path: PathBuf,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    open: BTreeMap<Key, (UtcMillis, RuleEvent)>,
    /// Newest event of all, and what of it the file says.
    newest: UtcMillis,
    touched: UtcMillis,
}

/// What the end of something has in common with its begin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    camera: CameraId,
    rule: String,
    zone: Option<ZoneId>,
    began: UtcMillis,
}

impl Courses {
    /// Tells the end of what an earlier start left open. A file that cannot be read is said so and begun anew; ends that
    /// the disk refuses are told when their camera is watched, or at the next start.
    pub fn open(path: PathBuf, next: Arc<dyn KeepEvents>) -> Self {
        let (open, newest) = match read(&path) {
            Ok(left) => left,
            Err(why) => {
                tracing::error!("{}: {why}; events that had begun may stay without an end", path.display());
                (Vec::new(), UtcMillis(0))
            }
        };
        let open = open.into_iter().map(|(at, camera, event)| (key(&camera, &event), (at, event))).collect();
        let held = Held { open, newest, touched: newest };
        let courses = Self { next, path, held: Mutex::new(held) };
        if let Err(err) = courses.end(|_| true) {
            tracing::error!("what an earlier start left open has no end yet: {err}");
        }
        courses
    }

    fn end(&self, which: impl Fn(&Key) -> bool) -> Result<(), NotKept> {
        let mut held = self.held();
        let over: Vec<Key> = held.open.keys().filter(|key| which(key)).cloned().collect();
        if over.is_empty() {
            return Ok(());
        }
        let mut ended = Ok(());
        for key in over {
            let Some((told, begun)) = held.open.get(&key) else { continue };
            let at = (*told).max(held.newest);
            // Figures were those of its begin.
            let event = RuleEvent { phase: Phase::Ended, measures: Vec::new(), ..begun.clone() };
            ended = self.next.keep(at, EventBody::Rule { camera: key.camera.clone(), event }).map(drop);
            if ended.is_err() {
                break;
            }
            held.open.remove(&key);
        }
        self.write(&mut held);
        ended
    }

    /// What cannot be noted is said and not refused: the event itself matters more than a later end.
    fn write(&self, held: &mut Held) {
        let event = |(key, (at, event)): (&Key, &(UtcMillis, RuleEvent))| {
            let body = EventBody::Rule { camera: key.camera.clone(), event: event.clone() };
            to_wire(&Event { id: EventId { boot: 0, seq: Seq(0) }, at: *at, body })
        };
        let events = held.open.iter().map(event).collect();
        let bytes = EventBatch { events, ..EventBatch::default() }.encode_to_vec();
        let fresh = self.path.with_extension("new");
        let written = std::fs::write(&fresh, bytes).and_then(|()| std::fs::rename(&fresh, &self.path));
        if let Err(err) = written.and_then(|()| self.touch(held)) {
            tracing::error!(
                "writing {}: {err}; events that have begun may stay without an end",
                self.path.display()
            );
        }
    }

    fn touch(&self, held: &mut Held) -> std::io::Result<()> {
        held.touched = held.newest;
        let since = Duration::from_millis(u64::try_from(held.newest.0).unwrap_or(0));
        File::options().write(true).open(&self.path)?.set_modified(UNIX_EPOCH + since)
    }

    /// Every change under the lock is finished before anything in it could panic.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeepEvents for Courses {
    fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        let mut course = None;
        if let EventBody::Rule { camera, event } = &body
            && matches!(event.phase, Phase::Begun | Phase::Ended)
        {
            course = Some((key(camera, event), event.clone()));
        }
        let mut held = self.held();
        held.newest = held.newest.max(at);
        match course {
            Some((key, event)) if event.phase == Phase::Begun => {
                held.open.insert(key.clone(), (at, event));
                self.write(&mut held);
                let kept = self.next.keep(at, body);
                if kept.is_err() {
                    held.open.remove(&key);
                    self.write(&mut held);
                }
                kept
            }
            Some((key, _)) => {
                let kept = self.next.keep(at, body)?;
                if held.open.remove(&key).is_some() {
                    self.write(&mut held);
                }
                Ok(kept)
            }
            None => {
                let is_late = held.newest.since(held.touched).0 >= TOUCH_EVERY.0;
                if is_late && !held.open.is_empty() && self.touch(&mut held).is_err() {
                    self.write(&mut held);
                }
                drop(held);
                self.next.keep(at, body)
            }
        }
    }

    fn watched_anew(&self, camera: &CameraId) -> Result<(), NotKept> {
        self.end(|key| key.camera == *camera)
    }
}

fn key(camera: &CameraId, event: &RuleEvent) -> Key {
    Key { camera: camera.clone(), rule: event.rule.clone(), zone: event.zone.clone(), began: event.began }
}

type Left = (Vec<(UtcMillis, CameraId, RuleEvent)>, UtcMillis);

fn read(path: &Path) -> Result<Left, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), UtcMillis(0))),
        Err(err) => return Err(err.to_string()),
    };
    let touched = std::fs::metadata(path).and_then(|m| m.modified()).map_err(|err| err.to_string())?;
    let batch = EventBatch::decode(&bytes[..]).map_err(|err| err.to_string())?;
    let mut open = Vec::new();
    for event in batch.events {
        let event = from_wire(0, event).map_err(|err| err.to_string())?;
        if let EventBody::Rule { camera, event: body } = event.body {
            open.push((event.at, camera, body));
        }
    }
    Ok((open, millis(touched)))
}

fn millis(at: SystemTime) -> UtcMillis {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<(UtcMillis, Phase, UtcMillis)>>, std::sync::atomic::AtomicBool);

    impl KeepEvents for Kept {
        fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
            if self.1.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(NotKept("the disk is full".to_owned()));
            }
            if let EventBody::Rule { event, .. } = body {
                self.0.lock().unwrap().push((at, event.phase, event.began));
            }
            Ok(EventId { boot: 1, seq: Seq(1) })
        }
    }

    fn tell(courses: &Courses, camera: &str, phase: Phase, began: i64, at: i64) -> Result<EventId, NotKept> {
        let event = RuleEvent::new("queue", phase, UtcMillis(began));
        courses.keep(UtcMillis(at), EventBody::Rule { camera: camera.parse().unwrap(), event })
    }

    fn taken(kept: &Kept) -> Vec<(i64, Phase, i64)> {
        std::mem::take(&mut *kept.0.lock().unwrap())
            .iter()
            .map(|(at, p, began)| (at.0, *p, began.0))
            .collect()
    }

    #[test]
    fn what_a_kill_left_open_is_ended_at_the_next_start_for_when_it_was_last_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (path, kept) = (dir.path().join("open"), Arc::new(Kept::default()));
        let first = Courses::open(path.clone(), kept.clone());
        tell(&first, "a", Phase::Begun, 1_000, 2_000).unwrap();
        tell(&first, "b", Phase::Begun, 1_500, 2_500).unwrap();
        tell(&first, "a", Phase::Ended, 1_000, 30_000).unwrap();
        // Many cameras tell something every few seconds.
        for at in (31_000..=70_000).step_by(1_000) {
            tell(&first, "a", Phase::Moment, at, at).unwrap();
        }
        taken(&kept);
        drop(first);
        let second = Courses::open(path.clone(), kept.clone());
        let ended = taken(&kept);
        let [(at, Phase::Ended, 1_500)] = ended[..] else { panic!("{ended:?}") };
        assert!((55_001..=70_000).contains(&at), "known to 15 s: {at}");
        drop(second);
        Courses::open(path, kept.clone());
        assert_eq!(taken(&kept), [], "once");
    }

    #[test]
    fn a_camera_that_is_watched_anew_ends_its_own_only() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Arc::new(Kept::default());
        let courses = Courses::open(dir.path().join("open"), kept.clone());
        tell(&courses, "a", Phase::Begun, 1, 1).unwrap();
        tell(&courses, "b", Phase::Begun, 2, 2).unwrap();
        taken(&kept);
        courses.watched_anew(&"a".parse().unwrap()).unwrap();
        assert_eq!(taken(&kept), [(2, Phase::Ended, 1)]);
    }

    #[test]
    fn a_full_disk_and_a_broken_file_lose_no_event() {
        let dir = tempfile::tempdir().unwrap();
        let (path, kept) = (dir.path().join("open"), Arc::new(Kept::default()));
        let courses = Courses::open(path.clone(), kept.clone());
        kept.1.store(true, std::sync::atomic::Ordering::Relaxed);
        tell(&courses, "a", Phase::Begun, 1, 1).unwrap_err();
        kept.1.store(false, std::sync::atomic::Ordering::Relaxed);
        drop(courses);
        let courses = Courses::open(path.clone(), kept.clone());
        assert_eq!(taken(&kept), [], "what was refused has no end");
        drop(courses);
        std::fs::write(&path, b"\xff\xff\xff").unwrap();
        let courses = Courses::open(path, kept.clone());
        tell(&courses, "a", Phase::Begun, 3, 3).unwrap();
        assert_eq!(taken(&kept), [(3, Phase::Begun, 3)]);
    }
}
