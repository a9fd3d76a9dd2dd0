//! `red-light`: who is told of as having run a red light, and who is not, when clocks are off: by as much as they say, and by
//! more.
//!
//! Streets are made up; what judges them is the code that judges real ones: the stop line picture by picture, the lamp message
//! by message with the way of each, and the judgement over both.

mod street;

use std::ffi::OsString;

use anyhow::ensure;
use clap::Parser;
use models_domain::LineId;
use serde_json::{Value, json};

use crate::Bench;
use street::{Case, Score};

pub const BENCH: Bench =
    Bench { name: "red-light", about: "precision and recall of red-light running, over clock errors", run };

/// How far clocks are off at most, milliseconds each.
const ERRORS_MS: [i64; 6] = [0, 50, 100, 200, 300, 500];

/// Prints for each clock error {"error_ms", "passages", "ran_red", "told", "precision", "recall", "recall_after_1s",
/// "within_error", "wrong", "worst_seed_precision"}: with errors that are told as large as they are ("told"), and with errors of
/// which only a part is told ("beyond": half of it, "untold": none).
///
/// Example: benches/run red-light --seeds 50 --passages 2000
#[derive(Parser)]
#[command(name = "red-light")]
struct Args {
    /// Streets that are made up, each with clocks of its own.
    #[arg(long, default_value_t = 50)]
    seeds: u64,
    /// Vehicles of each street, those that pass at green included.
    #[arg(long, default_value_t = 2_000)]
    passages: usize,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    ensure!(args.seeds > 0 && args.passages > 0, "--seeds and --passages must be above 0");
    let line: LineId = "stop".parse()?;
    let table = |stated: fn(i64) -> i64| -> Vec<Value> {
        let row = |error_ms: &i64| {
            let case = Case {
                error_ms: *error_ms,
                stated_ms: stated(*error_ms),
                passages: args.passages,
                line: line.clone(),
            };
            let scores: Vec<Score> = (0..args.seeds).map(|seed| street::run(&case, seed)).collect();
            row(&case, &scores)
        };
        ERRORS_MS.iter().map(row).collect()
    };
    Ok(json!({
        "seeds": args.seeds,
        "told": table(|error| error),
        "beyond": table(|error| error / 2),
        "untold": table(|_| 0),
    }))
}

fn row(case: &Case, scores: &[Score]) -> Value {
    let all = scores.iter().fold(Score::default(), |sum, score| sum.plus(score));
    let worst = scores.iter().map(Score::precision).fold(1.0, f64::min);
    let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
    json!({
        "error_ms": case.error_ms,
        "stated_ms": case.stated_ms,
        "passages": all.passages,
        "ran_red": all.ran,
        "told": all.told,
        "wrong": all.wrong,
        "precision": rounded(all.precision()),
        "worst_seed_precision": rounded(worst),
        "recall": rounded(all.recall()),
        "recall_after_1s": rounded(all.recall_late()),
        "within_error": all.within_error,
    })
}
