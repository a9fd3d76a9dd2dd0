//! One file of a feed as rows; a bad row or value is named by file, line and column, and the next row is read.

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
    (file, need): (&str, Need),
    required: &[&str],
    report: &mut Report,
    mut each: impl FnMut(&Row<'_>) -> Result<(), Problem>,
) -> Result<bool, SourceError> {
    let Some(bytes) = source.file(file)? else {
        if need == Need::Required {
            report.add(Problem::file(Kind::MissingFile, file, "the feed has no such file"));
        }
        return Ok(false);
    };
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes.as_slice());
    let columns = match reader.headers() {
        Ok(columns) => columns.clone(),
        Err(err) => {
            report.add(Problem::row(Kind::BadRow, file, 1, "", err.to_string()));
            return Ok(true);
        }
    };
    for name in required.iter().filter(|name| !columns.iter().any(|c| c == **name)) {
        let text = format!("has no column {name}; it has {}", columns.iter().collect::<Vec<_>>().join(", "));
        report.add(Problem::row(Kind::MissingColumn, file, 1, name, text));
    }
    if required.iter().any(|name| !columns.iter().any(|c| c == *name)) {
        return Ok(true);
    }
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(true),
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                if let Err(problem) = row(&record, line, file, &columns, &mut each) {
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

fn row(
    record: &csv::ByteRecord,
    line: u64,
    file: &str,
    columns: &csv::StringRecord,
    each: &mut impl FnMut(&Row<'_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    if record.iter().all(<[u8]>::is_empty) {
        return Ok(());
    }
    let values = csv::StringRecord::from_byte_record(record.clone())
        .map_err(|e| Problem::row(Kind::BadRow, file, line, "", e.utf8_error().to_string()))?;
    if values.len() > columns.len() {
        let text = format!("{} values for {} columns", values.len(), columns.len());
        return Err(Problem::row(Kind::BadRow, file, line, "", text));
    }
    each(&Row { file, line, columns, values: &values })
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
