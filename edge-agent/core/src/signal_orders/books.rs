//! The books of all junctions of a pole, in memory and on its disk: what was ordered outlives a power cut.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use models_domain::JunctionId;
use models_domain::signal::order::Book;

pub struct Books {
    path: PathBuf,
    by_junction: Mutex<BTreeMap<JunctionId, Book>>,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{what} the record of signal orders {path}; repair the disk, or move the file away and see at each controller that it \
     follows its own plan: what was in force is not known any more"
)]
pub struct BooksError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Books {
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(path: &Path) -> Result<Self, BooksError> {
        let failed = |source| BooksError { what: "reading", path: path.to_owned(), source };
        let mut by_junction: BTreeMap<JunctionId, Book> = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|err| failed(err.into()))?,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(err) => return Err(failed(err)),
        };
        by_junction.values_mut().for_each(Book::restarted);
        Ok(Self { path: path.to_owned(), by_junction: Mutex::new(by_junction) })
    }

    pub fn of(&self, junction: &JunctionId) -> Book {
        self.all().get(junction).cloned().unwrap_or_default()
    }

    /// Every junction that something was ordered of.
    pub fn junctions(&self) -> Vec<JunctionId> {
        self.all().keys().cloned().collect()
    }

    /// Changes a book in memory alone: what a restart need not know.
    pub fn note(&self, junction: &JunctionId, change: impl FnOnce(&mut Book)) {
        change(self.all().entry(junction.clone()).or_default());
    }

    /// Changes a book if `change` says so, and returns once that is on the disk.
    ///
    /// # Errors
    /// When it cannot be written: then nothing has changed.
    pub fn change<T, E>(
        &self,
        junction: &JunctionId,
        change: impl FnOnce(&mut Book) -> Result<T, E>,
    ) -> Result<Result<T, E>, BooksError> {
        let mut all = self.all();
        let mut next = all.clone();
        let done = match change(next.entry(junction.clone()).or_default()) {
            Ok(done) => done,
            Err(refused) => return Ok(Err(refused)),
        };
        let beside = self.path.with_extension("new");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(&next)?)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
            // The name is on the disk only when its folder is.
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| BooksError { what: "writing", path: self.path.clone(), source })?;
        *all = next;
        Ok(Ok(done))
    }

    /// Plain values that no panic can leave half written.
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<JunctionId, Book>> {
        self.by_junction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use models_domain::UtcMillis;
    use models_domain::signal::GroupSet;
    use models_domain::signal::order::Wanted;

    use super::*;

    #[test]
    fn numbers_outlive_a_restart_and_a_damaged_file_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("orders.json");
        let junction: JunctionId = "kim-ma".parse().unwrap();
        let books = Books::open(&path).unwrap();
        let take = |book: &mut Book| {
            book.take(UtcMillis(5), 9, &Wanted::Flash, &GroupSet::EMPTY);
            Ok::<_, ()>(())
        };
        books.change(&junction, take).unwrap().unwrap();
        books
            .change(&junction, |book| {
                book.last_number = 99;
                Err::<(), _>(())
            })
            .unwrap()
            .unwrap_err();
        assert_eq!(books.of(&junction).last_number, 9);
        let again = Books::open(&path).unwrap().of(&junction);
        assert_eq!((again.last_number, again.stops.len()), (9, 1));
        // As it was written before orders were left, and those that stop service counted.
        fs::write(&path, r#"{"kim-ma":{"last_number":7,"taken":[5],"in_force":null}}"#).unwrap();
        let old = Books::open(&path).unwrap().of(&junction);
        assert_eq!((old.last_number, old.left, old.stops.len()), (7, vec![], 0));
        fs::write(&path, "{").unwrap();
        let err = Books::open(&path).err().unwrap().to_string();
        assert!(err.starts_with("reading the record of signal orders"), "{err}");
    }
}
