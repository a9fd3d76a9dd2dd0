//! Makes the long lists that somebody looks at, one after the other, and again while they are looked at.

use std::sync::Arc;
use std::time::Duration;

use models_wire::v1;

use crate::api::transit::trackers;
use crate::hall::Hall;
use crate::transit::ready::{Answer, Question};
use crate::transit::{BUSY, reports};

/// The lists that all look at are made one after the other, as if for one user; nobody can be named so.
pub const LISTS: &str = "all who look";

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        match hall.transit.ready.next(hall.clock.elapsed()) {
            Ok(question) => {
                let (began, reckoned) = (hall.clock.elapsed(), hall.transit.supervised().at.0 > 0);
                let answer = make(&hall, &question).await.unwrap_or_else(|err| {
                    tracing::error!("{err:#}");
                    Answer::Failed(format!("{err:#}"))
                });
                let now = hall.clock.elapsed();
                // After a restart: not known yet which buses are under way, so it is soon made anew.
                let took = if reckoned { now - began } else { Duration::ZERO };
                hall.transit.ready.made(&question, answer, took, now);
            }
            Err(rest) => {
                tokio::select! {
                    () = hall.transit.ready.wanted() => {}
                    () = tokio::time::sleep(rest) => {}
                }
            }
        }
    }
}

async fn make(hall: &Arc<Hall>, question: &Question) -> anyhow::Result<Answer> {
    Ok(match question {
        Question::Trackers(hours) => {
            let now = hall.clock.now();
            let trackers: Vec<v1::Tracker> = trackers(hall, *hours, now).await?;
            Answer::Trackers(v1::ListTrackersResponse { at_ms: now.0, trackers })
        }
        Question::Report(asked) => {
            let Some(_turn) = hall.transit.turn(LISTS).await else {
                return Ok(Answer::Failed(BUSY.to_owned()));
            };
            Answer::Report(reports::report(hall, asked).await?)
        }
    })
}
