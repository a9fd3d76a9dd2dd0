//! The buffer's copy on disk: what was not acknowledged outlives a power cut. A journal of lines, `+N MESSAGE` when a
//! message comes and `-N` when it is done with; a line that a power cut broke off is left out.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

/// Lines after which the journal is written anew, with what still waits.
const LINES_MAX: usize = 50_000;

/// Whether each line is on the disk before the next step, or left to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    Each,
    #[cfg(test)]
    Never,
}

pub struct Journal {
    path: PathBuf,
    sync: Sync,
    file: File,
    lines: usize,
}

impl Journal {
    /// The journal at `path` and what waits in it, oldest first.
    pub fn open(path: &Path, sync: Sync) -> anyhow::Result<(Self, Vec<(u64, Value)>)> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(err) => return Err(err).with_context(|| format!("reading {}", path.display())),
        };
        let waiting = read(&text);
        let journal =
            Self::write_anew(path, sync, waiting.iter().map(|(number, message)| (*number, message)))?;
        Ok((journal, waiting))
    }

    pub fn push(&mut self, number: u64, message: &Value) -> anyhow::Result<()> {
        self.line(&format!("+{number} {message}\n"))
    }

    pub fn done(&mut self, number: u64) -> anyhow::Result<()> {
        self.line(&format!("-{number}\n"))
    }

    /// Shortens a journal that has grown long.
    pub fn shorten<'a>(&mut self, waiting: impl Iterator<Item = (u64, &'a Value)>) -> anyhow::Result<()> {
        if self.lines > LINES_MAX {
            *self = Self::write_anew(&self.path, self.sync, waiting)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.lines += 1;
        let mut written = self.file.write_all(line.as_bytes());
        if self.sync == Sync::Each {
            written = written.and_then(|()| self.file.sync_data());
        }
        written.with_context(|| format!("writing {}", self.path.display()))
    }

    fn write_anew<'a>(
        path: &Path,
        sync: Sync,
        waiting: impl Iterator<Item = (u64, &'a Value)>,
    ) -> anyhow::Result<Self> {
        let text: String = waiting.map(|(number, message)| format!("+{number} {message}\n")).collect();
        let fresh = path.with_extension("new");
        let write = || -> std::io::Result<File> {
            let mut file = File::create(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            OpenOptions::new().append(true).open(path)
        };
        let file = write().with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { path: path.to_owned(), sync, file, lines: text.lines().count() })
    }
}

fn read(text: &str) -> Vec<(u64, Value)> {
    let mut waiting = BTreeMap::new();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        if let Some(number) = line.strip_prefix('-').and_then(|number| number.parse::<u64>().ok()) {
            waiting.remove(&number);
        } else if let Some((number, message)) = line.strip_prefix('+').and_then(|rest| rest.split_once(' '))
            && let (Ok(number), Ok(message)) = (number.parse::<u64>(), serde_json::from_str(message))
        {
            waiting.insert(number, message);
        }
    }
    waiting.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_takes_only_itself() {
        let text = "+1 {\"a\":1}\n+2 2\n-1\n+3 {\"b\"\n+4 4\n+5 {\"cut o";
        assert_eq!(read(text), [(2, Value::from(2)), (4, Value::from(4))]);
        assert_eq!(read(""), []);
        // At whatever byte the power went.
        (0..text.len()).for_each(|length| drop(read(&text[..length])));
    }
}
