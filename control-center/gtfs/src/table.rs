//! One file of a feed as rows; a bad row or value is named by file, line and column, and the next row is read.

use std::collections::BTreeMap;

use models_domain::geo::LatLon;
use time::{Date, Month};

use crate::report::{Kind, Problem, Report};
use crate::source::{Source, SourceError};

/// One row; every reader names the column that it fails on.
pub struct Row<'a> {
    pub file: &'a str,
    pub line: u64,
    columns: &'a csv::StringRecord,
    values: &'a csv::StringRecord,
}

/// Whether a feed without the file is a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

/// Calls `each` for every row; what it refuses is reported and left out. True if the file was there.
///
/// # Errors
/// When the file is there but cannot be read.
pub fn read(
    source: &mut Source,
    file: (&str, Need),
    required: &[&str],
    report: &mut Report,
    mut each: impl FnMut(&Row<'_>) -> Result<(), Problem>,
) -> Result<bool, SourceError> {
    scan(source, file, required, report, &mut |raw| raw.row(&mut each))
}

/// Whether a file was there, and the owners of which a row cannot be used, each with the line of the first such row. Rows that name none
/// stand under an empty name.
pub type Unusable = (bool, BTreeMap<String, u64>);

/// The same of rows that are parts of what `owner`, a column, names. A row over several lines is refused: GTFS has none, and a quote that
/// is not closed takes in the rows after it.
///
/// # Errors
/// When the file is there but cannot be read.
pub fn read_parts(
    source: &mut Source,
    file: (&str, Need),
    required: &[&str],
    owner: &str,
    report: &mut Report,
    mut each: impl FnMut(&Row<'_>) -> Result<(), Problem>,
) -> Result<Unusable, SourceError> {
    let mut line_by_owner = BTreeMap::new();
    let there = scan(source, file, required, report, &mut |raw| {
        let done = raw.one_line().and_then(|()| raw.row(&mut each));
        if done.is_err() {
            let mut names = raw.named(owner);
            if names.is_empty() {
                names.push(String::new());
            }
            for name in names {
                line_by_owner.entry(name).or_insert(raw.line);
            }
        }
        done
    })?;
    Ok((there, line_by_owner))
}

/// Of UTF-8; some editors begin a file with it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A row as it stands in the file.
struct Raw<'a> {
    file: &'a str,
    line: u64,
    columns: &'a csv::StringRecord,
    values: &'a csv::ByteRecord,
    /// All its bytes, with what ends the row.
    text: &'a [u8],
}

fn scan(
    source: &mut Source,
    (file, need): (&str, Need),
    required: &[&str],
    report: &mut Report,
    each: &mut dyn FnMut(&Raw<'_>) -> Result<(), Problem>,
) -> Result<bool, SourceError> {
    let Some(bytes) = source.file(file)? else {
        if need == Need::Required {
            report.add(Problem::file(Kind::MissingFile, file, "the feed has no such file"));
        }
        return Ok(false);
    };
    if need == Need::Optional && bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes).trim_ascii().is_empty()
    {
        report.add(Problem::file(
            Kind::Unused,
            file,
            "the file is empty: the feed is read as if it were not there",
        ));
        return Ok(false);
    }
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes.as_slice());
    let columns = match reader.headers() {
        Ok(columns) => columns.clone(),
        Err(err) => {
            let text = format!("its header cannot be read; save the file as UTF-8: {err}");
            report.add(Problem::row(Kind::UnreadHeader, file, 1, "", text));
            return Ok(true);
        }
    };
    let has = if columns.is_empty() {
        "the file is empty".to_owned()
    } else {
        format!("it has {}", columns.iter().collect::<Vec<_>>().join(", "))
    };
    for name in required.iter().filter(|name| !columns.iter().any(|c| c == **name)) {
        let text = format!("has no column {name}; {has}");
        report.add(Problem::row(Kind::MissingColumn, file, 1, name, text));
    }
    if required.iter().any(|name| !columns.iter().any(|c| c == *name)) {
        return Ok(true);
    }
    let byte = |at: &csv::Position| usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let mut values = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut values) {
            Ok(false) => return Ok(true),
            Ok(true) => {
                let (line, from) = values.position().map_or((0, 0), |at| (at.line(), byte(at)));
                let text = bytes.get(from..byte(reader.position())).unwrap_or_default();
                let raw = Raw { file, line, columns: &columns, values: &values, text };
                if let Err(problem) = each(&raw) {
                    report.add(problem);
                }
            }
            Err(err) => {
                let line = err.position().map_or(0, csv::Position::line);
                report.add(Problem::row(Kind::BadRow, file, line, "", err.to_string()));
                if err.is_io_error() {
                    return Ok(true);
                }
            }
        }
    }
}

impl Raw<'_> {
    fn row(&self, each: &mut impl FnMut(&Row<'_>) -> Result<(), Problem>) -> Result<(), Problem> {
        let (file, line, columns) = (self.file, self.line, self.columns);
        if self.values.iter().all(<[u8]>::is_empty) {
            return Ok(());
        }
        let values = csv::StringRecord::from_byte_record(self.values.clone())
            .map_err(|e| format!("{}; save the file as UTF-8", e.utf8_error()))
            .map_err(|text| Problem::row(Kind::BadRow, file, line, "", text))?;
        if values.len() > columns.len() {
            let text = format!("{} values for {} columns", values.len(), columns.len());
            return Err(Problem::row(Kind::BadRow, file, line, "", text));
        }
        each(&Row { file, line, columns, values: &values })
    }

    fn one_line(&self) -> Result<(), Problem> {
        match self.lines().count() {
            0 | 1 => Ok(()),
            lines => {
                let text = format!("one row has {lines} lines: a quote is not closed");
                Err(Problem::row(Kind::BadRow, self.file, self.line, "", text))
            }
        }
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.text.split(|b| matches!(b, b'\n' | b'\r'));
        lines.filter(|line| !line.trim_ascii().is_empty())
    }

    /// What stands in a column, also in lines that a quote took in.
    fn named(&self, column: &str) -> Vec<String> {
        let Some(place) = self.columns.iter().position(|c| c == column) else { return Vec::new() };
        let in_lines = self.lines().filter_map(|line| line.split(|b| *b == b',').nth(place));
        let name = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.trim_matches(|c: char| c == '"' || c.is_whitespace()).to_owned()
        };
        self.values.get(place).into_iter().chain(in_lines).map(name).collect()
    }
}

impl<'a> Row<'a> {
    /// Empty when the column is not there or has nothing.
    pub fn text(&self, column: &str) -> &'a str {
        self.columns.iter().position(|c| c == column).and_then(|i| self.values.get(i)).unwrap_or("")
    }

    pub fn need(&self, column: &str) -> Result<&'a str, Problem> {
        match self.text(column) {
            "" => Err(self.problem(Kind::BadValue, column, "is empty")),
            text => Ok(text),
        }
    }

    pub fn number<T: std::str::FromStr>(&self, column: &str) -> Result<T, Problem> {
        let text = self.need(column)?;
        text.parse()
            .map_err(|_| self.problem(Kind::BadValue, column, format!("{text:?} is not such a number")))
    }

    pub fn position(&self, lat: &str, lon: &str) -> Result<LatLon, Problem> {
        let position = LatLon::new(self.number(lat)?, self.number(lon)?);
        if !position.is_sane() {
            return Err(self.problem(Kind::BadValue, lat, format!("{position:?} is not on the earth")));
        }
        // GTFS feeds of the world have their unknown stops in the Gulf of Guinea.
        if position.lat.0.abs() < 0.01 && position.lon.0.abs() < 0.01 {
            return Err(self.problem(Kind::BadValue, lat, "0,0 is nowhere: the position was not known"));
        }
        Ok(position)
    }

    /// `YYYYMMDD`.
    pub fn date(&self, column: &str) -> Result<Date, Problem> {
        let text = self.need(column)?;
        let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
        digits
            .then(|| {
                let month = Month::try_from(text[4..6].parse::<u8>().ok()?).ok()?;
                Date::from_calendar_date(text[..4].parse().ok()?, month, text[6..].parse().ok()?).ok()
            })
            .flatten()
            .ok_or_else(|| {
                self.problem(Kind::BadValue, column, format!("{text:?} is not a date like 20260331"))
            })
    }

    /// `H:MM:SS` of the service day in seconds, beyond 24:00:00 after midnight; `None` when empty.
    pub fn time(&self, column: &str) -> Result<Option<i32>, Problem> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || self.problem(Kind::BadValue, column, format!("{text:?} is not a time like 25:10:00"));
        let parts: Vec<i32> =
            text.split(':').map(|p| p.trim().parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        match parts[..] {
            [h, m, s] if (0..240).contains(&h) && (0..60).contains(&m) && (0..60).contains(&s) => {
                Ok(Some(h * 3600 + m * 60 + s))
            }
            _ => Err(wrong()),
        }
    }

    pub fn problem(&self, kind: Kind, column: &str, text: impl Into<String>) -> Problem {
        Problem::row(kind, self.file, self.line, column, text)
    }
}
