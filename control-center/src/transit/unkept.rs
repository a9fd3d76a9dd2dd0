//! What was found of buses and is not kept yet, in its order.

use std::collections::VecDeque;
use std::sync::Mutex;

use control_center_store::{BusNews, Store, StoreError};

use super::{lock, news};

/// Rows that are kept in one transaction, so that what arrives need not wait for more. One bus's whole day may be more.
const ROWS: usize = 2_000;

#[derive(Default)]
pub struct Unkept {
    news: Mutex<VecDeque<BusNews>>,
    keeping: tokio::sync::Mutex<()>,
}

impl Unkept {
    pub fn push(&self, news: BusNews) {
        lock(&self.news).push_back(news);
    }

    #[cfg(test)]
    pub fn all(&self) -> Vec<BusNews> {
        lock(&self.news).iter().cloned().collect()
    }

    pub fn count(&self) -> usize {
        lock(&self.news).len()
    }

    /// Keeps everything, a part at a time: what arrives finds its turn in between. `kept` hears of each part, in their order.
    ///
    /// # Errors
    /// [`StoreError`]; what is not kept waits for the next time.
    pub async fn keep(&self, store: &Store, kept: impl Fn(&[BusNews])) -> Result<(), StoreError> {
        let _one_at_a_time = self.keeping.lock().await;
        loop {
            let part = self.part();
            if part.is_empty() {
                return Ok(());
            }
            match store.keep_bus_news(&part).await {
                Ok(driven) => news::driven_after_all(driven),
                Err(err) => {
                    let mut news = lock(&self.news);
                    part.into_iter().rev().for_each(|one| news.push_front(one));
                    return Err(err);
                }
            }
            kept(&part);
        }
    }

    /// Forgets everything: days will be made anew from their fixes.
    pub fn give_up(&self) {
        lock(&self.news).clear();
    }

    fn part(&self) -> Vec<BusNews> {
        let mut news = lock(&self.news);
        let (mut part, mut rows) = (Vec::new(), 0);
        while let Some(next) = news.front() {
            rows += next.rows();
            if rows > ROWS && !part.is_empty() {
                break;
            }
            part.extend(news.pop_front());
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use control_center_store::{Span, Whole};
    use models_domain::UtcMillis;

    use super::*;

    #[test]
    fn a_storm_of_whole_days_is_kept_a_few_at_a_time() {
        let unkept = Unkept::default();
        let span = Span { from: UtcMillis(0), to: UtcMillis(1) };
        let whole = || Some(Whole { vehicle: "bus".parse().unwrap(), span, over: true, again: false });
        for _ in 0..ROWS * 2 + 1 {
            unkept.push(BusNews { whole: whole(), ..BusNews::default() });
        }
        let parts: Vec<usize> = std::iter::from_fn(|| Some(unkept.part().len()).filter(|n| *n > 0)).collect();
        assert_eq!(parts, [ROWS, ROWS, 1]);
    }
}
