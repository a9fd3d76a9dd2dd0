//! The files of a feed: out of a zip in memory or on disk, or out of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

/// Largest file that is unpacked: a small zip can hold a file that fills the memory.
const UNPACKED_MAX: u64 = 1 << 30;
/// Where a zip has these, there is a feed.
const OF_A_FEED: [&str; 3] = ["stops.txt", "trips.txt", "stop_times.txt"];

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("read {path}")]
    Read {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("open {path}: not a zip; a GTFS feed is a zip of .txt files, or a folder of them")]
    NotAZip {
        path: String,
        #[source]
        source: zip::result::ZipError,
    },
    #[error(
        "open {path}: it holds several feeds, in the folders {folders}; make a zip of each and import them apart"
    )]
    SeveralFeeds { path: String, folders: String },
    #[error("unpack {file}")]
    Unpack {
        file: String,
        #[source]
        source: std::io::Error,
    },
    #[error("unpack {file}: more than {UNPACKED_MAX} bytes")]
    TooBig { file: String },
}

pub enum Source {
    Zip(Box<Zipped>),
    Folder(PathBuf),
}

pub struct Zipped {
    archive: ZipArchive<Cursor<Vec<u8>>>,
    /// Where in it the feed lies; empty, or with a slash at its end.
    folder: String,
}

impl Source {
    /// # Errors
    /// When `path` cannot be read, or is a file but no zip.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| SourceError::Read { path: name.clone(), source })?;
        Self::from_zip(bytes, &name)
    }

    /// # Errors
    /// When `bytes` are no zip, or hold several feeds; `name` is for the error's text.
    pub fn from_zip(bytes: Vec<u8>, name: &str) -> Result<Self, SourceError> {
        let archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|source| SourceError::NotAZip { path: name.to_owned(), source })?;
        let folder = folder(archive.file_names(), name)?;
        Ok(Self::Zip(Box::new(Zipped { archive, folder })))
    }

    /// The whole of one file, `None` if the feed has none of that name. In a zip all of a feed may lie in a folder.
    ///
    /// # Errors
    /// When it is there but cannot be read or unpacked.
    pub fn file(&mut self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let fail = |source| SourceError::Unpack { file: name.to_owned(), source };
        match self {
            Self::Folder(folder) => match std::fs::read(folder.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(err) => Err(fail(err)),
            },
            Self::Zip(zipped) => {
                let Zipped { archive, folder } = &mut **zipped;
                let wanted = format!("{folder}{name}");
                let path = archive.file_names().find(|n| slashed(n) == wanted).map(str::to_owned);
                let Some(path) = path else { return Ok(None) };
                let entry = archive.by_name(&path).map_err(|e| fail(std::io::Error::other(e)))?;
                let mut bytes = Vec::new();
                entry.take(UNPACKED_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
                if bytes.len() as u64 > UNPACKED_MAX {
                    return Err(SourceError::TooBig { file: name.to_owned() });
                }
                Ok(Some(bytes))
            }
        }
    }
}

/// Where in a zip the feed lies. A zip of a folder has all of it in there; files of two feeds must not be read as one.
fn folder<'a>(names: impl Iterator<Item = &'a str>, path: &str) -> Result<String, SourceError> {
    let mut files_by_folder: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in names.map(slashed) {
        let file = name.rsplit('/').next().unwrap_or_default();
        if OF_A_FEED.contains(&file) {
            let folder = name[..name.len() - file.len()].to_owned();
            files_by_folder.entry(folder).or_default().insert(file.to_owned());
        }
    }
    let is_whole = |files: &BTreeSet<String>| files.len() == OF_A_FEED.len();
    if files_by_folder.values().any(is_whole) {
        files_by_folder.retain(|_, files| is_whole(files));
    }
    let folders: Vec<String> = files_by_folder.into_keys().collect();
    match folders.first() {
        // What lies in a folder of a feed is an old one of it.
        Some(first) if folders.iter().all(|folder| folder.starts_with(first.as_str())) => Ok(first.clone()),
        None => Ok(String::new()),
        Some(_) => {
            let folders = folders.into_iter().take(5).collect::<Vec<_>>().join(", ");
            Err(SourceError::SeveralFeeds { path: path.to_owned(), folders })
        }
    }
}

/// Some programs write folders as in Windows.
fn slashed(name: &str) -> String {
    name.replace('\\', "/")
}
