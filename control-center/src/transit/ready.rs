//! Lists that take long to make, kept ready for those who look at them again and again: made anew in the background for as long as
//! somebody asks.
//!
//! Whoever asks first waits for the list; whoever asks again has the one that was made last, with the time of its making.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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
const LOOKED_AT: Duration = Duration::from_secs(5 * 60);
/// A list is made anew after so many times as long as it took, within these: so little of the machine it takes.
const SHARE: u32 = 20;
const REST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// So many lists are kept; of more, the one that was asked for longest ago is let go, unless somebody waits for it.
const KEPT_MAX: usize = 32;
/// So many of them one user may hold: whoever asks for everything keeps no others from theirs.
const EACH_MAX: usize = 6;

#[derive(Default)]
pub struct Ready {
    lists: Mutex<BTreeMap<Question, List>>,
    new: Notify,
}

/// Moments are of the clock that never jumps.
struct List {
    asked: Duration,
    /// Who holds it, and when they asked last.
    asked_by_user: BTreeMap<String, Duration>,
    /// When it is to be made anew.
    due: Duration,
    told: watch::Sender<Option<Answer>>,
}

impl List {
    /// It was not made yet, and somebody is there who asked for it.
    fn is_waited_for(&self) -> bool {
        self.told.receiver_count() > 0 && self.told.borrow().is_none()
    }
}

impl Ready {
    /// The list as it was made last; the first time it is waited for. `now`: as [`hardware_ports::Clock::elapsed`].
    pub async fn ask(&self, question: Question, user: &str, now: Duration) -> Answer {
        let too_many = || Answer::Failed("too many other lists are waited for; try again".to_owned());
        let Some(mut told) = self.want(question, user, now) else { return too_many() };
        let answer = told.wait_for(Option::is_some).await;
        answer.ok().and_then(|answer| answer.clone()).unwrap_or_else(too_many)
    }

    /// `None`: all that are kept, or all of this user's, are waited for.
    fn want(&self, question: Question, user: &str, now: Duration) -> Option<watch::Receiver<Option<Answer>>> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut lists, &question, user)?;
        if lists.len() >= KEPT_MAX && !lists.contains_key(&question) {
            let idle = lists.iter().filter(|(_, list)| !list.is_waited_for());
            let oldest = idle.min_by_key(|(_, list)| list.asked).map(|(q, _)| q.clone())?;
            lists.remove(&oldest);
        }
        let list = lists.entry(question).or_insert_with(|| {
            self.new.notify_one();
            List { asked: now, asked_by_user: BTreeMap::new(), due: now, told: watch::Sender::new(None) }
        });
        list.asked = now;
        list.asked_by_user.insert(user.to_owned(), now);
        Some(list.told.subscribe())
    }

    /// What is to be made next, and what is looked at no more is forgotten; `None` and when to ask again.
    pub fn next(&self, now: Duration) -> Result<Question, Duration> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|_, list| now.saturating_sub(list.asked) <= LOOKED_AT || list.is_waited_for());
        match lists.iter().min_by_key(|(_, list)| list.due) {
            Some((question, list)) if list.due <= now => Ok(question.clone()),
            Some((_, list)) => Err(list.due - now),
            None => Err(LOOKED_AT),
        }
    }

    /// Puts in what was made until `now`, in `took`. One that failed is not kept: who asks again has it tried again.
    pub fn made(&self, question: &Question, answer: Answer, took: Duration, now: Duration) {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = matches!(answer, Answer::Failed(_));
        if let Some(list) = lists.get_mut(question) {
            list.due = now + (took * SHARE).clamp(REST.0, REST.1);
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

/// Lets go of what a user with too many lists asked for longest ago; `None` when all of them are waited for.
fn make_room(lists: &mut BTreeMap<Question, List>, question: &Question, user: &str) -> Option<()> {
    let own = |(q, list): &(&Question, &List)| *q != question && list.asked_by_user.contains_key(user);
    if lists.iter().filter(own).count() < EACH_MAX {
        return Some(());
    }
    let idle = lists.iter().filter(own).filter(|(_, list)| !list.is_waited_for());
    let oldest = idle.min_by_key(|(_, list)| list.asked_by_user.get(user).copied());
    let oldest = oldest.map(|(q, _)| q.clone())?;
    let list = lists.get_mut(&oldest)?;
    list.asked_by_user.remove(user);
    if list.asked_by_user.is_empty() {
        lists.remove(&oldest);
    }
    Some(())
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
        let (at, ms) = (Duration::from_secs, Duration::from_millis);
        assert_eq!(ready.next(at(0)), Err(LOOKED_AT));
        let first = ready.want(question.clone(), "lan", at(0)).unwrap();
        assert_eq!(ready.next(at(0)), Ok(question.clone()));
        ready.made(&question, trackers(7), ms(500), at(1));
        assert!(matches!(&*first.borrow(), Some(Answer::Trackers(told)) if told.at_ms == 7));
        // Twenty times as long as it took.
        assert_eq!(ready.next(at(2)), Err(at(9)));
        assert!(
            matches!(ready.ask(question.clone(), "lan", at(2)).await, Answer::Trackers(told) if told.at_ms == 7)
        );
        assert_eq!(ready.next(at(11)), Ok(question.clone()));
        // However quickly it is made, not every second.
        ready.made(&question, trackers(8), ms(3), at(11));
        assert_eq!(ready.next(at(12)), Err(at(4)));
        // Nobody looks any more.
        assert_eq!(ready.next(at(400)), Err(LOOKED_AT));
        // A failure is told and not kept.
        let asks = ready.want(question.clone(), "lan", at(500)).unwrap();
        ready.made(&question, Answer::Failed("no disk".to_owned()), ms(1), at(501));
        assert!(matches!(&*asks.borrow(), Some(Answer::Failed(why)) if why == "no disk"));
        assert_eq!(ready.next(at(501)), Err(LOOKED_AT));
    }

    #[test]
    fn what_somebody_waits_for_is_not_let_go() {
        let (ready, at) = (Ready::default(), Duration::from_secs);
        let mut waiting: Vec<_> = (0..KEPT_MAX as u32)
            .map(|h| ready.want(Question::Trackers(h), &format!("user-{h}"), at(u64::from(h))).unwrap())
            .collect();
        assert!(ready.want(Question::Trackers(99), "lan", at(40)).is_none(), "all of them are waited for");
        assert_eq!(ready.next(at(4_000)), Ok(Question::Trackers(0)), "for however long");
        // Who waited for one has gone away: it makes room, though it is not the oldest.
        waiting.remove(5);
        assert!(ready.want(Question::Trackers(99), "lan", at(41)).is_some());
        assert!(!ready.lists.lock().unwrap().contains_key(&Question::Trackers(5)));
        ready.made(&Question::Trackers(0), trackers(7), at(1), at(42));
        assert!(matches!(&*waiting[0].borrow(), Some(Answer::Trackers(_))));
    }

    #[test]
    fn nobody_keeps_the_places_of_others() {
        let (ready, at) = (Ready::default(), Duration::from_secs);
        let want = |user: &str, hours, s| ready.want(Question::Trackers(hours), user, at(s));
        let waiting: Vec<_> = (0..EACH_MAX as u32).map(|h| want("lan", h, u64::from(h)).unwrap()).collect();
        assert!(want("lan", 90, 30).is_none(), "all of hers are waited for");
        let other = want("minh", 90, 31).unwrap();
        // What she waits for, others may wait for, too; and once it is there she may have another instead.
        assert!(want("minh", 0, 32).is_some() && want("lan", 1, 33).is_some());
        (0..2).for_each(|h| ready.made(&Question::Trackers(h), trackers(7), at(1), at(34)));
        assert!(want("lan", 91, 35).is_some());
        assert!(ready.lists.lock().unwrap().contains_key(&Question::Trackers(0)), "another looks at it");
        assert!(want("lan", 92, 36).is_some());
        assert!(!ready.lists.lock().unwrap().contains_key(&Question::Trackers(1)), "nobody does");
        drop((waiting, other));
    }
}
