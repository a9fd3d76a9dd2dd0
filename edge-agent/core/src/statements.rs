//! What operators' systems tell beside positions, a line of JSON each, on the gateway's disk.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use hardware_ports::sink::{NotKept, Sink, Statement};
use serde_json::{Map, Value};

/// A full file becomes `….1`, and the one before it is forgotten.
const FULL: u64 = 64 * 1024 * 1024;

pub struct Statements {
    path: PathBuf,
    full: u64,
    file: Mutex<Option<File>>,
}

impl Statements {
    /// Nothing is opened before the first statement comes.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), full: FULL, file: Mutex::new(None) }
    }

    fn write(&self, line: &str) -> std::io::Result<()> {
        let mut file = self.file.lock().map_err(|_| std::io::Error::other("a writer panicked"))?;
        let is_full = match &*file {
            Some(file) => file.metadata()?.len() >= self.full,
            None => self.path.metadata().is_ok_and(|about| about.len() >= self.full),
        };
        if is_full {
            *file = None;
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            std::fs::rename(&self.path, old)?;
        }
        let open = match &mut *file {
            Some(open) => open,
            None => file.insert(OpenOptions::new().create(true).append(true).open(&self.path)?),
        };
        let written = open.write_all(line.as_bytes()).and_then(|()| open.sync_data());
        if written.is_err() {
            *file = None;
        }
        written
    }
}

#[async_trait]
impl Sink<Statement> for Statements {
    /// Returns once it is on disk.
    async fn accept(&self, statement: Statement) -> Result<(), NotKept> {
        let mut facts: Map<String, Value> = Map::new();
        for (name, value) in statement.facts {
            match facts.get_mut(name) {
                // Said several times, such as tickets of several kinds.
                Some(Value::Array(values)) => values.push(value.into()),
                Some(before) => *before = Value::Array(vec![before.take(), value.into()]),
                None => drop(facts.insert(name.to_owned(), value.into())),
            }
        }
        let line = serde_json::json!({
            "received_ms": statement.received.0, "kind": statement.kind, "facts": facts,
        });
        let kept = self.write(&format!("{line}\n"));
        kept.map_err(|err| NotKept(format!("writing to {}: {err}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use models_domain::UtcMillis;

    use super::*;

    fn ticket(series: &str) -> Statement {
        let facts = vec![
            ("vehicle", "29B12345".to_owned()),
            ("tickets", series.to_owned()),
            ("tickets", "B".to_owned()),
        ];
        Statement { received: UtcMillis(7), kind: "BusTicketStartEndPoint", facts, message: Vec::new() }
    }

    #[tokio::test]
    async fn a_line_each_and_a_full_file_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statements.jsonl");
        let statements = Statements { full: 200, ..Statements::at(&path) };
        for series in ["A", "A", "C"] {
            statements.accept(ticket(series)).await.unwrap();
        }
        let line = r#"{"facts":{"tickets":["A","B"],"vehicle":"29B12345"},"kind":"BusTicketStartEndPoint","received_ms":7}"#;
        let old = std::fs::read_to_string(folder.path().join("statements.jsonl.1")).unwrap();
        assert_eq!(old, format!("{line}\n{line}\n"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", line.replace("\"A\"", "\"C\"")));
        let nowhere = Statements::at(Path::new("/nowhere/at/all")).accept(ticket("A")).await.unwrap_err();
        assert!(nowhere.0.contains("/nowhere/at/all"), "{nowhere}");
    }
}
