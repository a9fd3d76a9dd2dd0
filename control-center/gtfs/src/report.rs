//! What an import found wrong: each problem with its file, line and column, and what was done about it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// How many problems of one kind are kept in words; all are counted.
const KEPT_PER_KIND: usize = 50;
/// Letters of a problem: where a quote is not closed, a value is the rest of its file.
const LETTERS_MAX: usize = 400;

/// Something wrong in one place of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub kind: Kind,
    pub file: String,
    /// Line of the file, the header being 1; `None` when it is about the file as a whole.
    pub line: Option<u64>,
    /// Name of the column.
    pub column: Option<String>,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    MissingFile,
    MissingColumn,
    BadRow,
    BadValue,
    UnknownReference,
    Duplicate,
    TimeRunsBackwards,
    TooFewStops,
    StopFarFromShape,
    StopsOutOfOrder,
    MissingShape,
    CoarseShape,
    UnknownZone,
    SuspiciousZone,
    NeverRuns,
    UnreasonableSpeed,
    Unused,
    /// Nothing of a file can be read, for its header cannot.
    UnreadHeader,
    /// It is not known on which day a service does not run.
    UnreadDay,
    /// Nothing of the feed would run.
    NoTrips,
}

/// What a problem does to the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Nothing can be imported.
    Fatal,
    /// Not imported until it is mended. Of what was imported before, only what this is about is left out.
    Refused,
    /// The row, or the trip, is left out.
    LeftOut,
    /// Imported, but somebody should look.
    Warning,
}

/// Everything that was found, and how much came in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    pub problems: Vec<Problem>,
    pub count_by_kind: BTreeMap<Kind, usize>,
    pub agencies: usize,
    pub routes: usize,
    pub stops: usize,
    pub trips: usize,
    pub patterns: usize,
    /// First and last day of service, as `YYYY-MM-DD`.
    pub first_day: Option<String>,
    pub last_day: Option<String>,
    /// The zone that times were read in.
    pub zone: String,
}

impl Kind {
    pub fn weight(self) -> Weight {
        match self {
            Kind::MissingFile | Kind::MissingColumn | Kind::UnknownZone => Weight::Fatal,
            Kind::UnreadHeader | Kind::UnreadDay | Kind::NoTrips => Weight::Refused,
            Kind::BadRow
            | Kind::BadValue
            | Kind::UnknownReference
            | Kind::Duplicate
            | Kind::TimeRunsBackwards
            | Kind::TooFewStops => Weight::LeftOut,
            Kind::StopFarFromShape
            | Kind::StopsOutOfOrder
            | Kind::MissingShape
            | Kind::CoarseShape
            | Kind::SuspiciousZone
            | Kind::NeverRuns
            | Kind::UnreasonableSpeed
            | Kind::Unused => Weight::Warning,
        }
    }
}

impl Problem {
    pub fn file(kind: Kind, file: &str, text: impl Into<String>) -> Self {
        Self { kind, file: file.to_owned(), line: None, column: None, text: shown(text.into()) }
    }

    pub fn row(kind: Kind, file: &str, line: u64, column: &str, text: impl Into<String>) -> Self {
        let column = (!column.is_empty()).then(|| column.to_owned());
        Self { kind, file: file.to_owned(), line: Some(line), column, text: shown(text.into()) }
    }
}

/// Fit for a terminal, whatever stands in the feed.
fn shown(text: String) -> String {
    let is_long = text.chars().nth(LETTERS_MAX).is_some();
    if !is_long && !text.contains(char::is_control) {
        return text;
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LETTERS_MAX).map(plain).chain(is_long.then_some('…')).collect()
}

impl Report {
    pub fn add(&mut self, problem: Problem) {
        let count = self.count_by_kind.entry(problem.kind).or_default();
        *count += 1;
        if *count <= KEPT_PER_KIND {
            self.problems.push(problem);
        }
    }

    pub fn count(&self, weight: Weight) -> usize {
        self.count_by_kind.iter().filter(|(kind, _)| kind.weight() == weight).map(|(_, n)| n).sum()
    }

    pub fn is_fatal(&self) -> bool {
        self.count(Weight::Fatal) > 0
    }

    /// Whether a feed must not be imported as it is, fatal or not.
    pub fn is_refused(&self) -> bool {
        self.is_fatal() || self.count(Weight::Refused) > 0
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ": {column}")?;
        }
        write!(f, ": {}", self.text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            let weight = match problem.kind.weight() {
                Weight::Fatal => "fatal",
                Weight::Refused => "refused",
                Weight::LeftOut => "left out",
                Weight::Warning => "warning",
            };
            writeln!(f, "{weight}: {problem}")?;
        }
        for (kind, count) in self.count_by_kind.iter().filter(|(_, n)| **n > KEPT_PER_KIND) {
            writeln!(f, "… and {} more of {kind:?}", count - KEPT_PER_KIND)?;
        }
        write!(
            f,
            "{} agencies, {} routes, {} stops, {} trips in {} patterns, {} to {}, zone {}",
            self.agencies,
            self.routes,
            self.stops,
            self.trips,
            self.patterns,
            self.first_day.as_deref().unwrap_or("no day"),
            self.last_day.as_deref().unwrap_or("no day"),
            self.zone
        )
    }
}
