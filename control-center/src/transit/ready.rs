//! Lists that take long to make, kept ready for those who look at them again and again: made anew in the background for as long as
//! somebody asks.
//!
//! Whoever asks first waits for the list; whoever asks again has the one that was made last, with the time of its making.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use models_domain::{DurationMs, UtcMillis};
use models_wire::v1;
use tokio::sync::{Notify, watch};

use super::reports::Asked;

/// What may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// How trackers reported in the last so many hours.
    Trackers(u32),
    Report(Asked),
}

#[derive(Debug, Clone)]
pub enum Answer {
    Trackers(v1::ListTrackersResponse),
    Report(v1::GetTransitReportResponse),
    /// Why there is none.
    Failed(String),
}

/// Nobody looks any more who has not asked for so long.
const LOOKED_AT: DurationMs = DurationMs(5 * 60_000);
/// A list is made anew after so many times as long as it took, within these: so little of the machine it takes.
const SHARE: i64 = 20;
const REST_MS: (i64, i64) = (1_000, 60_000);
/// So many lists are kept; of more, the one that was asked for longest ago is let go.
const KEPT_MAX: usize = 32;

#[derive(Default)]
pub struct Ready {
    lists: Mutex<BTreeMap<Question, List>>,
    new: Notify,
}

struct List {
    asked: UtcMillis,
    /// When it is to be made anew.
    due: UtcMillis,
    told: watch::Sender<Option<Answer>>,
}

impl Ready {
    /// The list as it was made last; the first time it is waited for.
    pub async fn ask(&self, question: Question, now: UtcMillis) -> Answer {
        let mut told = self.want(question, now);
        let answer = told.wait_for(Option::is_some).await;
        // It was let go for those that others look at.
        let gone = || Answer::Failed("too many other lists are asked for; try again".to_owned());
        answer.ok().and_then(|answer| answer.clone()).unwrap_or_else(gone)
    }

    fn want(&self, question: Question, now: UtcMillis) -> watch::Receiver<Option<Answer>> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= KEPT_MAX
            && !lists.contains_key(&question)
            && let Some(oldest) = lists.iter().min_by_key(|(_, list)| list.asked).map(|(q, _)| q.clone())
        {
            lists.remove(&oldest);
        }
        let list = lists.entry(question).or_insert_with(|| {
            self.new.notify_one();
            List { asked: now, due: now, told: watch::Sender::new(None) }
        });
        list.asked = now;
        list.told.subscribe()
    }

    /// What is to be made next, and what is looked at no more is forgotten; `None` and when to ask again.
    pub fn next(&self, now: UtcMillis) -> Result<Question, DurationMs> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|_, list| now.since(list.asked).0 <= LOOKED_AT.0);
        match lists.iter().min_by_key(|(_, list)| list.due) {
            Some((question, list)) if list.due <= now => Ok(question.clone()),
            Some((_, list)) => Err(list.due.since(now)),
            None => Err(LOOKED_AT),
        }
    }

    /// Puts in what was made until `now`, in `took`. One that failed is not kept: who asks again has it tried again.
    pub fn made(&self, question: &Question, answer: Answer, took: DurationMs, now: UtcMillis) {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = matches!(answer, Answer::Failed(_));
        if let Some(list) = lists.get_mut(question) {
            list.due = now + DurationMs((took.0 * SHARE).clamp(REST_MS.0, REST_MS.1));
            list.told.send_replace(Some(answer));
        }
        if failed {
            lists.remove(question);
        }
    }

    /// Somebody asks for a list that was not there.
    pub async fn wanted(&self) {
        self.new.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trackers(at_ms: i64) -> Answer {
        Answer::Trackers(v1::ListTrackersResponse { at_ms, trackers: Vec::new() })
    }

    #[tokio::test]
    async fn a_list_is_made_once_for_all_who_ask_and_anew_while_they_do() {
        let (ready, question) = (Ready::default(), Question::Trackers(1));
        let at = |s: i64| UtcMillis(s * 1000);
        assert_eq!(ready.next(at(0)), Err(LOOKED_AT));
        let first = ready.want(question.clone(), at(0));
        assert_eq!(ready.next(at(0)), Ok(question.clone()));
        ready.made(&question, trackers(7), DurationMs(500), at(1));
        assert!(matches!(&*first.borrow(), Some(Answer::Trackers(told)) if told.at_ms == 7));
        // Twenty times as long as it took.
        assert_eq!(ready.next(at(2)), Err(DurationMs(9_000)));
        assert!(
            matches!(ready.ask(question.clone(), at(2)).await, Answer::Trackers(told) if told.at_ms == 7)
        );
        assert_eq!(ready.next(at(11)), Ok(question.clone()));
        // Nobody looks any more.
        assert_eq!(ready.next(at(400)), Err(LOOKED_AT));
        // A failure is told and not kept.
        let asks = ready.want(question.clone(), at(500));
        ready.made(&question, Answer::Failed("no disk".to_owned()), DurationMs(1), at(501));
        assert!(matches!(&*asks.borrow(), Some(Answer::Failed(why)) if why == "no disk"));
        assert_eq!(ready.next(at(501)), Err(LOOKED_AT));
    }
}
