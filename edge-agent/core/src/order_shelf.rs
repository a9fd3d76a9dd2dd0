//! Orders for devices on the disk, a file each: they outlive a kill, and a device that is away for days.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use hardware_ports::orders::OrderShelf;
use hardware_ports::sink::NotKept;
use models_domain::order::Given;

use crate::spool::is_full;

pub struct FileShelf {
    dir: PathBuf,
}

const SUFFIX: &str = ".json";

impl FileShelf {
    /// The folder, and what earlier starts left in it, in the order in which it was given. A file that cannot be read is left
    /// where it is, and told of. Where there is no room for the folder, no order is kept until there is.
    ///
    /// # Errors
    /// [`NotKept`] when the folder cannot be used.
    pub fn open(dir: &Path) -> Result<(Self, Vec<Given>), NotKept> {
        let refused = |err: std::io::Error| {
            NotKept(format!(
                "opening {}: {err}; check that the disk is there, writable and not full",
                dir.display()
            ))
        };
        let shelf = Self { dir: dir.to_owned() };
        if !is_made(std::fs::create_dir_all(dir), dir).map_err(refused)? {
            return Ok((shelf, Vec::new()));
        }
        let mut left = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(refused)? {
            let path = entry.map_err(refused)?.path();
            if path.to_string_lossy().ends_with(SUFFIX) {
                match read(&path) {
                    Ok(found) => left.push(found),
                    Err(why) => {
                        tracing::error!("{}: {why}; this order for a device is lost", path.display());
                    }
                }
            }
        }
        left.sort_by_key(|(written, given)| (*written, given.id));
        Ok((shelf, left.into_iter().map(|(_, given)| given).collect()))
    }

    fn path(&self, id: u64) -> PathBuf {
        self.dir.join(format!("{id}{SUFFIX}"))
    }

    fn write(&self, given: &Given) -> std::io::Result<()> {
        // There may have been no room for it at the start.
        std::fs::create_dir_all(&self.dir)?;
        let (path, fresh) = (self.path(given.id), self.dir.join(format!("{}.new", given.id)));
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(given)?)?;
        file.sync_data()?;
        std::fs::rename(&fresh, &path)?;
        File::open(&self.dir)?.sync_all()
    }
}

/// Whether the folder is there; not where only room is missing.
fn is_made(made: std::io::Result<()>, dir: &Path) -> std::io::Result<bool> {
    match made {
        Ok(()) => Ok(true),
        Err(err) if is_full(&err) => {
            tracing::warn!(
                "creating {}: {err}; no order for a device is kept until there is room: free space on this disk",
                dir.display()
            );
            Ok(false)
        }
        Err(err) => Err(err),
    }
}

fn read(path: &Path) -> Result<(std::time::SystemTime, Given), String> {
    let bytes = std::fs::read(path).map_err(|err| err.to_string())?;
    let written = path.metadata().and_then(|about| about.modified()).map_err(|err| err.to_string())?;
    Ok((written, serde_json::from_slice(&bytes).map_err(|err| err.to_string())?))
}

impl OrderShelf for FileShelf {
    fn keep(&self, given: &Given) -> Result<(), NotKept> {
        let dir = self.dir.display();
        self.write(given).map_err(|err| {
            NotKept(format!("writing an order to {dir}: {err}; free space on this disk or mend it"))
        })
    }

    fn forget(&self, id: u64) {
        let path = self.path(id);
        if let Err(err) = std::fs::remove_file(&path) {
            tracing::warn!("removing {}: {err}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use models_domain::order::{Order, Progress};
    use models_domain::{UtcMillis, VehicleId};

    use super::*;

    #[test]
    fn what_is_kept_is_there_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let given = |id: u64, progress| Given {
            id,
            vehicle: VehicleId::new("bus-1").unwrap(),
            order: Order::Text("tắt máy".to_owned()),
            expires: UtcMillis(9),
            progress,
        };
        let (shelf, left) = FileShelf::open(dir.path()).unwrap();
        assert_eq!(left, []);
        shelf.keep(&given(7, Progress::Waiting)).unwrap();
        shelf.keep(&given(5, Progress::Waiting)).unwrap();
        shelf.keep(&given(7, Progress::Sent { at: UtcMillis(3), times: 1 })).unwrap();
        shelf.forget(5);
        std::fs::write(dir.path().join("6.json"), "{").unwrap();
        let (_, left) = FileShelf::open(dir.path()).unwrap();
        assert_eq!(left, [given(7, Progress::Sent { at: UtcMillis(3), times: 1 })]);
    }

    #[test]
    fn without_room_for_the_folder_orders_are_refused_until_there_is() {
        let made =
            |kind: std::io::ErrorKind| is_made(Err(kind.into()), Path::new("/data")).map_err(|e| e.kind());
        assert_eq!(made(std::io::ErrorKind::StorageFull), Ok(false));
        let denied = std::io::ErrorKind::PermissionDenied;
        assert_eq!(made(denied), Err(denied));

        let dir = tempfile::tempdir().unwrap();
        let above = dir.path().join("data");
        // A file in its place: the folder cannot be made.
        std::fs::write(&above, "").unwrap();
        let shelf = FileShelf { dir: above.join("tracker-orders") };
        let given = Given {
            id: 7,
            vehicle: VehicleId::new("bus-1").unwrap(),
            order: Order::Locate,
            expires: UtcMillis(9),
            progress: Progress::Waiting,
        };
        let refused = shelf.keep(&given).unwrap_err().to_string();
        assert!(refused.contains("data/tracker-orders") && refused.contains("free space"), "{refused}");
        std::fs::remove_file(&above).unwrap();
        shelf.keep(&given).unwrap();
        assert_eq!(FileShelf::open(&above.join("tracker-orders")).unwrap().1, [given]);
    }
}
