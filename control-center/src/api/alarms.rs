//! What people do with alarms of controllers: who may, the question to the gateway, and the record of both.

use std::sync::Arc;
use std::time::Duration;

use control_center_core::city::Junction;
use control_center_store::AuditLine;
use models_domain::JunctionId;
use models_domain::signal::AlarmWish;
use models_wire::convert::alarm::{step_from_wire, wish_to_wire};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message;
use tonic::Status;
use v1::SignalAlarmOutcome as Outcome;

use super::{internal, junction, purpose};
use crate::auth::rights::{self, Right};
use crate::auth::sessions::Session;
use crate::hall::Hall;

/// A pole waits 12 s for the controller's word.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longest code and component of an alarm; what controllers tell is cut to it.
const NAME_MAX: usize = 64;

/// One step for one alarm, and who wants it.
struct Asked {
    hall: Arc<Hall>,
    user: String,
    junction: JunctionId,
    wish: AlarmWish,
    purpose: String,
}

pub async fn handle(
    hall: &Arc<Hall>,
    session: &Session,
    asked: v1::HandleAlarmRequest,
) -> Result<v1::HandleAlarmResponse, Status> {
    let junction = junction(&asked.junction)?;
    let step = step_from_wire(asked.step).map_err(|bad| Status::invalid_argument(bad.to_string()))?;
    for (field, text) in [("code", &asked.code), ("component", &asked.component)] {
        if text.chars().count() > NAME_MAX || text.chars().any(char::is_control) {
            let bad = format!("{field}: at most {NAME_MAX} characters, none of them a control character");
            return Err(Status::invalid_argument(bad));
        }
    }
    let asked_purpose = asked.purpose;
    let wish = AlarmWish { code: asked.code, component: asked.component, step };
    let (hall, user) = (hall.clone(), session.user.clone());
    let mut asked = Asked { hall, user, junction, wish, purpose: String::new() };
    let known = asked.hall.view.junction(&asked.junction);
    let place = asked.hall.place(&asked.junction);
    if let Err(status) = rights::check(session, Right::CommandSignal(&place)) {
        // What does not belong in the record is left out of it.
        asked.purpose = purpose(&asked_purpose).unwrap_or_default().to_owned();
        asked.write("signal_alarm_refused", status.message()).await?;
        return Err(status);
    }
    asked.purpose = purpose(&asked_purpose)?.to_owned();
    let junction = match asked.known(known) {
        Ok(junction) => junction,
        Err(status) => {
            asked.write("signal_alarm_refused", status.message()).await?;
            return Err(status);
        }
    };
    asked.write("signal_alarm_sent", "").await?;
    // Whoever asked may go away; what became of it is written down all the same.
    let answered = tokio::spawn(async move { asked.send(&junction).await });
    answered.await.map_err(internal)?
}

impl Asked {
    /// The junction, when it has such an alarm and can be reached.
    #[allow(clippy::result_large_err, reason = "tonic's own error")]
    fn known(&self, junction: Option<Junction>) -> Result<Junction, Status> {
        let id = &self.junction;
        let junction = junction.ok_or_else(|| Status::not_found(format!("there is no junction {id}")))?;
        let AlarmWish { code, component, .. } = &self.wish;
        if junction.alarm(code, component).is_none() {
            let text = format!("junction {id} has no alarm {code} of {component}; it may be over");
            return Err(Status::not_found(text));
        }
        if !self.hall.view.is_alive(&junction.gateway) {
            let gateway = &junction.gateway;
            return Err(Status::unavailable(format!("gateway {gateway} of junction {id} cannot be reached")));
        }
        Ok(junction)
    }

    async fn send(&self, junction: &Junction) -> Result<v1::HandleAlarmResponse, Status> {
        let key = Key::new(&junction.gateway, What::Alarms).to_string();
        let payload = wish_to_wire(&self.junction, &self.wish).encode_to_vec();
        let answer = match self.hall.bus.ask(&key, payload, PATIENCE).await {
            Ok(answers) => answers.into_iter().find(|answer| answer.key == key),
            Err(err) => {
                tracing::warn!(gateway = %junction.gateway, "{err}");
                None
            }
        };
        let answer = answer.and_then(|answer| v1::SignalAlarmAnswer::decode(&answer.payload[..]).ok());
        let (outcome, detail) = match answer {
            Some(answer) => (answer.outcome(), answer.detail),
            None => (Outcome::Silent, "the gateway did not answer".to_owned()),
        };
        let (outcome, action) = match outcome {
            Outcome::Done => (Outcome::Done, "signal_alarm_done"),
            Outcome::Refused => (Outcome::Refused, "signal_alarm_refused"),
            Outcome::Silent | Outcome::Unspecified => (Outcome::Silent, "signal_alarm_silent"),
        };
        self.write(action, &detail).await?;
        Ok(v1::HandleAlarmResponse { outcome: outcome.into(), detail })
    }

    async fn write(&self, action: &str, detail: &str) -> Result<(), Status> {
        let Self { hall, user, junction, wish, purpose } = self;
        let AlarmWish { code, component, step } = wish;
        let what = format!("junction={junction} alarm={code} component={component} {} {detail}", step.name());
        let line = AuditLine {
            at: hall.clock.now(),
            user: user.clone(),
            action: action.to_owned(),
            purpose: purpose.clone(),
            what: what.trim_end().to_owned(),
        };
        hall.store.keep_audit(&line).await.map_err(internal)
    }
}
