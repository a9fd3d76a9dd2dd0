//! The buffer's copy on disk: what was not acknowledged outlives a power cut. A journal of lines, `+N MESSAGE` when a
//! message comes and `-N` when it is done with, each after its checksum; a line that a power cut broke off, or that is not
//! as it was written, is left out.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

/// Lines after which the journal is written anew, with what still waits.
const LINES_MAX: usize = 50_000;

pub struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    /// Lines were written that may not be on the disk yet.
    unsettled: bool,
}

impl Journal {
    /// The journal at `path` and what waits in it, oldest first.
    pub fn open(path: &Path) -> anyhow::Result<(Self, Vec<(u64, Value)>)> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(err) => return Err(err).with_context(|| format!("reading {}", path.display())),
        };
        let waiting = read(&bytes);
        let journal = Self::write_anew(path, waiting.iter().map(|(number, message)| (*number, message)))?;
        Ok((journal, waiting))
    }

    pub fn push(&mut self, number: u64, message: &Value) -> anyhow::Result<()> {
        self.write(&pushed(number, message))
    }

    pub fn done(&mut self, number: u64) -> anyhow::Result<()> {
        self.write(&line(&format!("-{number}")))
    }

    /// Shortens a journal that has grown long.
    pub fn shorten<'a>(&mut self, waiting: impl Iterator<Item = (u64, &'a Value)>) -> anyhow::Result<()> {
        if self.lines > LINES_MAX {
            *self = Self::write_anew(&self.path, waiting)?;
        }
        Ok(())
    }

    /// Waits until all that was written is on the disk: before anything is told that follows from it.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.unsettled) {
            self.file.sync_data().with_context(|| format!("writing {}", self.path.display()))?;
        }
        Ok(())
    }

    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        self.lines += 1;
        self.unsettled = true;
        self.file.write_all(line.as_bytes()).with_context(|| format!("writing {}", self.path.display()))
    }

    fn write_anew<'a>(path: &Path, waiting: impl Iterator<Item = (u64, &'a Value)>) -> anyhow::Result<Self> {
        let text: String = waiting.map(|(number, message)| pushed(number, message)).collect();
        let fresh = path.with_extension("new");
        let write = || -> std::io::Result<File> {
            let mut file = File::create(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            OpenOptions::new().append(true).open(path)
        };
        let file = write().with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, lines: text.lines().count(), unsettled: false })
    }
}

fn pushed(number: u64, message: &Value) -> String {
    line(&format!("+{number} {message}"))
}

fn line(content: &str) -> String {
    format!("{} {content}\n", checksum_of(content))
}

fn checksum_of(content: &str) -> String {
    format!("{:08x}", crc32fast::hash(content.as_bytes()))
}

/// The content of a line that is as it was written.
fn content(line: &[u8]) -> Option<&str> {
    let (checksum, content) = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?.split_once(' ')?;
    (checksum == checksum_of(content)).then_some(content)
}

fn read(bytes: &[u8]) -> Vec<(u64, Value)> {
    let mut waiting = BTreeMap::new();
    for content in bytes.split_inclusive(|byte| *byte == b'\n').filter_map(content) {
        if let Some(number) = content.strip_prefix('-').and_then(|number| number.parse::<u64>().ok()) {
            waiting.remove(&number);
        } else if let Some((number, message)) =
            content.strip_prefix('+').and_then(|rest| rest.split_once(' '))
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
        let whole = ["+1 {\"a\":1}", "+2 2", "-1", "+4 4", "+5 {\"b\":2}"].map(line).concat();
        assert_eq!(read(whole.as_bytes()).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 4, 5]);
        assert_eq!(read(b""), []);
        let last = whole.len() - line("+5 {\"b\":2}").len();
        let rest = [(2, Value::from(2)), (4, Value::from(4))];
        // At whatever byte of the last line the power went, or whichever was damaged.
        for at in last..whole.len() {
            assert_eq!(read(&whole.as_bytes()[..at]), rest, "cut at {at}");
            for bit in 0..8 {
                let mut bytes = whole.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert_eq!(read(&bytes), rest, "bit {bit} of {at}");
            }
        }
        // One in the midst takes itself, and what follows stays.
        let damaged = whole.replacen("+2 2", "+2 3", 1);
        assert_eq!(read(damaged.as_bytes()).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4, 5]);
    }
}
