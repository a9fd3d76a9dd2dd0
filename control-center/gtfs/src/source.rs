//! The files of a feed: out of a zip in memory or on disk, or out of a folder.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

/// Largest file that is unpacked: a small zip can hold a file that fills the memory.
const UNPACKED_MAX: u64 = 4 << 30;

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
    Zip(Box<ZipArchive<Cursor<Vec<u8>>>>),
    Folder(PathBuf),
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
    /// When `bytes` are no zip; `name` is for the error's text.
    pub fn from_zip(bytes: Vec<u8>, name: &str) -> Result<Self, SourceError> {
        match ZipArchive::new(Cursor::new(bytes)) {
            Ok(archive) => Ok(Self::Zip(Box::new(archive))),
            Err(source) => Err(SourceError::NotAZip { path: name.to_owned(), source }),
        }
    }

    /// The whole of one file, `None` if the feed has none of that name. In a zip it may lie in a folder.
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
            Self::Zip(archive) => {
                let suffix = format!("/{name}");
                let path = archive.file_names().find(|n| *n == name || n.ends_with(&suffix));
                let path = path.map(str::to_owned);
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
