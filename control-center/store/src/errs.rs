//! What can go wrong with the database, and what to do about it.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("making the folder {path}; create it or change data_dir")]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "the database {path} was written by a newer control-center (its schema {version} is not known here); \
         install that version again, or move the file away to begin anew"
    )]
    Newer { path: PathBuf, version: i64 },
    #[error(
        "the database {path} is damaged or is no SQLite file; put back a backup, or move it away \
         (and its -wal and -shm beside it) to begin anew: poles send what was never confirmed"
    )]
    Damaged {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error(
        "{operation}: the disk of {path} is full; free some space, the poles keep their events until then"
    )]
    Full {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error(
        "{operation}: {path} cannot be written; check its owner and that the disk is not mounted read-only"
    )]
    ReadOnly {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("{operation} in the database {path}")]
    Operation {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("upgrading the database {path}")]
    Migrate {
        path: PathBuf,
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    #[error("{0} is too big a number for the database")]
    TooBig(&'static str),
}

/// What a caller acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// May go by itself: space, permissions, a lock.
    Unavailable,
    /// Somebody must look.
    Broken,
}

impl StoreError {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Full { .. } | Self::ReadOnly { .. } | Self::Operation { .. } => Kind::Unavailable,
            Self::Folder { .. }
            | Self::Newer { .. }
            | Self::Damaged { .. }
            | Self::Migrate { .. }
            | Self::TooBig(_) => Kind::Broken,
        }
    }

    /// Gives an error of SQLite its name (<https://sqlite.org/rescode.html>, primary codes).
    pub(crate) fn of(operation: &'static str, path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match code(&source) {
            Some(11 | 26) => Self::Damaged { path, source },
            Some(13) => Self::Full { operation, path, source },
            Some(3 | 8 | 14) => Self::ReadOnly { operation, path, source },
            Some(_) | None => Self::Operation { operation, path, source },
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "sqlx's own enum; all else is told as it is")]
    pub(crate) fn migrating(path: &Path, err: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError as M;
        match err {
            M::VersionMissing(version) => Self::Newer { path: path.to_owned(), version },
            M::Execute(source) | M::ExecuteMigration(source, _) => Self::of("upgrading", path, source),
            source => Self::Migrate { path: path.to_owned(), source },
        }
    }
}

fn code(err: &sqlx::Error) -> Option<u32> {
    let extended: u32 = err.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
