//! History as a table of typed values, written in parts as CSV or as Parquet.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::Context;
use axum::body::Bytes;
use control_center_gtfs::Zone;
use models_domain::UtcMillis;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

/// What the values of a column are; any may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Count,
    Number,
    Moment,
}

pub type Column = (&'static str, Kind);

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Count(i64),
    Number(f64),
    /// Local time with its offset in CSV, milliseconds UTC in Parquet.
    Moment(UtcMillis),
    Missing,
}

/// Writes rows; `begin` it, `part` by part, `end` it.
pub enum Encoder {
    Csv { zone: Zone, columns: &'static [Column], begun: bool },
    Parquet { writer: Box<SerializedFileWriter<Vec<u8>>>, columns: &'static [Column] },
}

impl Encoder {
    pub fn csv(columns: &'static [Column], zone: Zone) -> Self {
        Self::Csv { zone, columns, begun: false }
    }

    /// # Errors
    /// When the library refuses the columns.
    pub fn parquet(columns: &'static [Column]) -> anyhow::Result<Self> {
        let field = |(name, kind): &Column| {
            let (physical, logical) = match kind {
                Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                Kind::Count => (Physical::INT64, None),
                Kind::Number => (Physical::DOUBLE, None),
                Kind::Moment => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
            };
            let field = Type::primitive_type_builder(name, physical).with_logical_type(logical);
            field.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
        };
        let fields = columns.iter().map(field).collect::<Result<_, _>>().context("describing columns")?;
        let schema = Type::group_type_builder("history").with_fields(fields).build();
        let schema = Arc::new(schema.context("describing a table")?);
        let properties = Arc::new(WriterProperties::builder().build());
        let writer = SerializedFileWriter::new(Vec::new(), schema, properties).context("beginning a file")?;
        Ok(Self::Parquet { writer: Box::new(writer), columns })
    }

    /// # Errors
    /// When a value is of another kind than its column.
    pub fn part(&mut self, rows: &[Vec<Value>]) -> anyhow::Result<Bytes> {
        match self {
            Self::Csv { zone, columns, begun } => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                if !*begun {
                    writer.write_record(columns.iter().map(|(name, _)| name)).context("writing names")?;
                    *begun = true;
                }
                for row in rows {
                    writer.write_record(row.iter().map(|v| word(v, zone))).context("writing a row")?;
                }
                Ok(writer.into_inner().context("writing rows")?.into())
            }
            Self::Parquet { .. } if rows.is_empty() => Ok(Bytes::new()),
            Self::Parquet { writer, columns } => {
                let mut group = writer.next_row_group().context("beginning a group of rows")?;
                for (i, (name, kind)) in columns.iter().enumerate() {
                    let Some(mut column) = group.next_column().context("beginning a column")? else { break };
                    let values = rows.iter().map(|row| &row[i]);
                    write(&mut column, *kind, values).with_context(|| format!("writing column {name}"))?;
                    column.close().context("ending a column")?;
                }
                group.close().context("ending a group of rows")?;
                writer.flush().context("writing rows")?;
                // The writer counts by itself how far the file is.
                Ok(std::mem::take(writer.inner_mut()).into())
            }
        }
    }

    /// # Errors
    /// When the library cannot end the file.
    pub fn end(mut self) -> anyhow::Result<Bytes> {
        match &mut self {
            // A table without rows still says what its columns are.
            Self::Csv { .. } => self.part(&[]),
            Self::Parquet { writer, .. } => {
                writer.finish().context("ending a file")?;
                Ok(std::mem::take(writer.inner_mut()).into())
            }
        }
    }
}

/// A cell of a CSV file that no spreadsheet takes for a formula: names come from trackers and from others' timetables.
pub fn harmless(text: &str) -> Cow<'_, str> {
    // The wide signs are read as formulas where people write wide ones.
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

fn word(value: &Value, zone: &Zone) -> String {
    match value {
        Value::Text(text) => harmless(text).into_owned(),
        Value::Count(n) => n.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Moment(at) => zone.iso(*at),
        Value::Missing => String::new(),
    }
}

fn write<'a>(
    column: &mut parquet::file::writer::SerializedColumnWriter<'_>,
    kind: Kind,
    values: impl Iterator<Item = &'a Value>,
) -> anyhow::Result<()> {
    let (mut there, mut texts, mut wholes, mut numbers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for value in values {
        there.push(i16::from(*value != Value::Missing));
        match (value, kind) {
            (Value::Missing, _) => {}
            (Value::Text(text), Kind::Text) => texts.push(ByteArray::from(text.as_str())),
            (Value::Count(n), Kind::Count) => wholes.push(*n),
            (Value::Moment(at), Kind::Moment) => wholes.push(at.0),
            (Value::Number(n), Kind::Number) => numbers.push(*n),
            (value, kind) => anyhow::bail!("{value:?} is no {kind:?}"),
        }
    }
    let there = Some(there.as_slice());
    match kind {
        Kind::Text => column.typed::<ByteArrayType>().write_batch(&texts, there, None)?,
        Kind::Count | Kind::Moment => column.typed::<Int64Type>().write_batch(&wholes, there, None)?,
        Kind::Number => column.typed::<DoubleType>().write_batch(&numbers, there, None)?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    const COLUMNS: &[Column] =
        &[("bus", Kind::Text), ("calls", Kind::Count), ("late_s", Kind::Number), ("at", Kind::Moment)];

    fn rows(range: std::ops::Range<i64>) -> Vec<Vec<Value>> {
        let row = |n: i64| {
            let late = if n == 1 { Value::Missing } else { Value::Number(n as f64 / 2.0) };
            vec![
                Value::Text(format!("xe \"{n}\"")),
                Value::Count(n),
                late,
                Value::Moment(UtcMillis(n * 1_500)),
            ]
        };
        range.map(row).collect()
    }

    fn file(mut encoder: Encoder, parts: &[Vec<Vec<Value>>]) -> Vec<u8> {
        let mut file = Vec::new();
        for part in parts {
            file.extend(encoder.part(part).unwrap());
        }
        file.extend(encoder.end().unwrap());
        file
    }

    #[test]
    fn csv_in_parts_is_one_file() {
        let text = file(Encoder::csv(COLUMNS, Zone::UTC), &[rows(0..2), rows(2..3)]);
        let want = "bus,calls,late_s,at\n\"xe \"\"0\"\"\",0,0,1970-01-01T00:00:00+00:00\n\
                    \"xe \"\"1\"\"\",1,,1970-01-01T00:00:01+00:00\n\"xe \"\"2\"\"\",2,1,1970-01-01T00:00:03+00:00\n";
        assert_eq!(String::from_utf8(text).unwrap(), want);
        assert_eq!(file(Encoder::csv(COLUMNS, Zone::UTC), &[]), b"bus,calls,late_s,at\n");
    }

    #[test]
    fn no_cell_of_a_csv_file_is_a_formula() {
        let row = vec![Value::Text("=1+1".into()), Value::Count(-3), Value::Number(-0.5), Value::Missing];
        let text = file(Encoder::csv(COLUMNS, Zone::UTC), &[vec![row]]);
        assert_eq!(String::from_utf8(text).unwrap(), "bus,calls,late_s,at\n'=1+1,-3,-0.5,\n");
        for text in ["+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        assert_eq!((harmless("29-B 1=2"), harmless("")), ("29-B 1=2".into(), "".into()));
    }

    #[test]
    fn parquet_in_parts_is_read_back() {
        let parts = [rows(0..2), Vec::new(), rows(2..5)];
        let bytes = Bytes::from(file(Encoder::parquet(COLUMNS).unwrap(), &parts));
        let reader = SerializedFileReader::new(bytes).unwrap();
        assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (2, 5));
        let read: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(
            read[1],
            "{bus: \"xe \"1\"\", calls: 1, late_s: null, at: 1970-01-01 00:00:01.500 +00:00}"
        );
        assert_eq!(read.len(), 5);
        let none = Bytes::from(file(Encoder::parquet(COLUMNS).unwrap(), &[]));
        assert_eq!(SerializedFileReader::new(none).unwrap().metadata().file_metadata().num_rows(), 0);
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        let mut encoder = Encoder::parquet(&COLUMNS[..1]).unwrap();
        let err = encoder.part(&[vec![Value::Count(3)]]).unwrap_err();
        assert_eq!(format!("{err:#}"), "writing column bus: Count(3) is no Text");
    }
}
