//! What people do with alarms of controllers, at the pole: handed to the controller, whose own word is the answer.

use std::sync::Arc;
use std::time::Duration;

use hardware_ports::signal::{Put, SignalDesk};
use models_wire::convert::alarm::wish_from_wire;
use models_wire::v1;
use v1::SignalAlarmOutcome as Outcome;

/// RSMP leaves a site 30 s for its acknowledgement; a person does not wait for so long, and sees it when it comes later.
const ANSWER_MAX: Duration = Duration::from_secs(12);

/// Changes no lamp, so neither `safety` nor an expiry stands here; who may is judged in the hall.
pub struct SignalAlarms {
    desk: Arc<dyn SignalDesk>,
    answer_max: Duration,
}

impl SignalAlarms {
    pub fn new(desk: Arc<dyn SignalDesk>) -> Self {
        Self { desk, answer_max: ANSWER_MAX }
    }

    /// Asks the controller, and waits for its word.
    pub async fn take(&self, asked: v1::SignalAlarmOrder) -> v1::SignalAlarmAnswer {
        let (junction, wish) = match wish_from_wire(asked) {
            Ok(known) => known,
            Err(bad) => return answer(Outcome::Refused, bad.to_string()),
        };
        let put = tokio::time::timeout(self.answer_max, self.desk.alarm(&junction, &wish)).await;
        let (outcome, detail) = match put {
            Ok(Put::Taken) => (Outcome::Done, String::new()),
            Ok(Put::Refused(why)) => (Outcome::Refused, why),
            Ok(Put::Silent) | Err(_) => {
                (Outcome::Silent, "the controller did not say in time whether it is so".to_owned())
            }
        };
        let (code, component, step) = (&wish.code, &wish.component, wish.step.name());
        tracing::info!(%junction, code, component, step, outcome = outcome.as_str_name(), detail, "alarm");
        answer(outcome, detail)
    }
}

fn answer(outcome: Outcome, detail: String) -> v1::SignalAlarmAnswer {
    v1::SignalAlarmAnswer { outcome: outcome.into(), detail }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use models_domain::signal::AlarmWish;
    use models_domain::signal::order::{ControllerNow, Wanted};
    use models_domain::{DurationMs, JunctionId};

    use super::*;

    /// `None`: it never answers.
    struct Says(Option<Put>);

    #[async_trait]
    impl SignalDesk for Says {
        async fn put(&self, _: &JunctionId, _: &Wanted, _: DurationMs) -> Put {
            Put::Silent
        }

        async fn release(&self, _: &JunctionId, _: &Wanted) -> Put {
            Put::Silent
        }

        async fn alarm(&self, _: &JunctionId, _: &AlarmWish) -> Put {
            match self.0.clone() {
                Some(put) => put,
                None => std::future::pending().await,
            }
        }

        async fn read(&self, _: &JunctionId) -> Result<ControllerNow, String> {
            Err(String::new())
        }
    }

    #[track_caller]
    fn check(says: Option<Put>, step: v1::SignalAlarmStep, want: &str) {
        let alarms = SignalAlarms { desk: Arc::new(Says(says)), answer_max: Duration::from_millis(20) };
        let asked = v1::SignalAlarmOrder {
            junction: "a".into(),
            code: "A0202".into(),
            component: "SG1".into(),
            step: step.into(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let told = runtime.block_on(alarms.take(asked));
        assert_eq!(format!("{:?} {}", told.outcome(), told.detail), want);
    }

    #[test]
    fn the_controllers_word_is_the_answer() {
        let step = v1::SignalAlarmStep::Acknowledge;
        check(Some(Put::Taken), step, "Done ");
        check(Some(Put::Refused("there is no such alarm".into())), step, "Refused there is no such alarm");
        let silent = "Silent the controller did not say in time whether it is so";
        check(Some(Put::Silent), step, silent);
        check(None, step, silent);
        let unknown = "Refused step: 0 is not known; say acknowledge, suspend or resume";
        check(Some(Put::Taken), v1::SignalAlarmStep::Unspecified, unknown);
    }
}
