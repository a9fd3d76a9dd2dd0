//! `SignalService`: what people order of junctions.

use std::sync::Arc;

use control_center_store::{AuditLine, NewOrder, OrderRow, WAITING};
use models_domain::signal::GroupSet;
use models_domain::signal::order::{PATIENCE_MAX, Wanted};
use models_domain::signal::safety::Refusal;
use models_domain::{DurationMs, JunctionId};
use models_wire::convert::signal::{layout_to_wire, refusal_to_wire, wanted_from_wire};
use models_wire::v1;
use models_wire::v1::signal_service_server::SignalService;
use tonic::{Request, Response, Status};

use super::{
    advices, alarms, bus_priorities, calendars, corridors, detectors, emergencies, internal, junction,
    purpose,
};
use crate::auth::guard;
use crate::auth::rights::{self, Right, Scope};
use crate::auth::sessions::Session;
use crate::convert::{order_row, signal_now};
use crate::hall::Hall;
use crate::signals::{self, Judged};

const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 200;

pub struct SignalCalls {
    pub hall: Arc<Hall>,
}

#[tonic::async_trait]
impl SignalService for SignalCalls {
    async fn get_junction(
        &self,
        request: Request<v1::GetJunctionRequest>,
    ) -> Result<Response<v1::GetJunctionResponse>, Status> {
        let session = guard::session(&request)?;
        let id = junction(&request.get_ref().junction)?;
        let known = self.hall.view.junction(&id).ok_or_else(|| no_junction(&id))?;
        let place = self.hall.place(&id);
        let may = rights::may(&session, Right::CommandSignal(&place));
        Ok(Response::new(v1::GetJunctionResponse {
            layout: known.info.can.as_ref().map(layout_to_wire),
            now: Some(signal_now(&known.info)),
            may_order: known.info.can.is_some() && may,
            areas: place.areas.iter().map(|area| area.name.clone()).collect(),
            may_order_in: session.signals.names(&self.hall.areas),
            alarms_can_be_handled: known.info.handles_alarms,
            may_handle_alarms: known.info.handles_alarms && may,
        }))
    }

    async fn preview_order(
        &self,
        request: Request<v1::PreviewOrderRequest>,
    ) -> Result<Response<v1::OrderPreview>, Status> {
        let session = guard::session(&request)?;
        let asked = request.into_inner();
        let id = junction(&asked.junction)?;
        rights::check(&session, Right::CommandSignal(&self.hall.place(&id)))?;
        let (wanted, hold) = wanted(asked.wanted.as_ref(), asked.hold_ms)?;
        let judged = self.judge(&id, &wanted, hold).await?;
        let (loses, waits) = signals::touched(&judged, &wanted);
        let numbers = |groups: GroupSet| groups.iter().map(|group| u32::from(group) + 1).collect();
        Ok(Response::new(v1::OrderPreview {
            refusals: judged.refusals.iter().map(refusal_to_wire).collect(),
            needs_second_person: wanted.stops_service(),
            ends_ms: judged.ends.0,
            now: Some(signal_now(&judged.junction.info)),
            loses_green: numbers(loses),
            waits: numbers(waits),
            replaces: judged.junction.info.order,
        }))
    }

    async fn request_order(
        &self,
        request: Request<v1::RequestOrderRequest>,
    ) -> Result<Response<v1::SignalOrderRow>, Status> {
        let session = guard::session(&request)?;
        let asked = request.into_inner();
        let id = junction(&asked.junction)?;
        self.check(&session, &id, "order").await?;
        let purpose = purpose(&asked.purpose)?.to_owned();
        let (wanted, hold) = wanted(asked.wanted.as_ref(), asked.hold_ms)?;
        if !(0..=PATIENCE_MAX.0).contains(&asked.patience_ms) {
            return Err(Status::invalid_argument(format!("patience_ms is outside 0..={}", PATIENCE_MAX.0)));
        }
        let patience = DurationMs(asked.patience_ms);
        let judged = self.judge(&id, &wanted, hold).await?;
        // Who approves comes later: the moment is judged then.
        let against = if wanted.stops_service() { judged.lasting() } else { judged.against(patience) };
        self.granted(&session, &id, &against, &purpose).await?;
        let hall = &self.hall;
        let gateway = judged.junction.gateway;
        let user = session.user.clone();
        let order = NewOrder { gateway, junction: id, wanted, hold, patience, purpose, asked_by: user };
        let number = hall.store.ask_order(&order, hall.clock.now()).await.map_err(internal)?;
        let row = self.row(number).await?;
        if order.wanted.stops_service() {
            return Ok(Response::new(self.told(&session, &row)));
        }
        self.send(&session, &row, None).await
    }

    async fn approve_order(
        &self,
        request: Request<v1::ApproveOrderRequest>,
    ) -> Result<Response<v1::SignalOrderRow>, Status> {
        let session = guard::session(&request)?;
        let row = self.row(request.into_inner().id).await?;
        let NewOrder { junction, wanted, hold, patience, purpose, asked_by, .. } = &row.order;
        self.check(&session, junction, "approve").await?;
        if *asked_by == session.user {
            return Err(Status::permission_denied(
                "whoever asked for it cannot approve it; a second person must",
            ));
        }
        if row.state != WAITING {
            return Err(gone(&row));
        }
        self.still(&session, &row).await?;
        let judged = self.judge(junction, wanted, *hold).await?;
        self.granted(&session, junction, &judged.against(*patience), purpose).await?;
        self.send(&session, &row, Some(&session.user)).await
    }

    async fn decline_order(
        &self,
        request: Request<v1::DeclineOrderRequest>,
    ) -> Result<Response<v1::SignalOrderRow>, Status> {
        let session = guard::session(&request)?;
        let row = self.row(request.into_inner().id).await?;
        self.check(&session, &row.order.junction, "decline").await?;
        let detail = format!("by {}", session.user);
        let now = self.hall.clock.now();
        let moved =
            self.hall.store.move_order(&row, (WAITING, "declined"), &session.user, &detail, now).await;
        if !moved.map_err(internal)? {
            return Err(gone(&row));
        }
        Ok(Response::new(self.told(&session, &self.row(row.id).await?)))
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<v1::ListOrdersResponse>, Status> {
        let session = guard::session(&request)?;
        let asked = request.into_inner();
        let limit = match asked.limit {
            0 => LIMIT,
            1..=LIMIT_MAX => asked.limit,
            more => {
                return Err(Status::invalid_argument(format!("limit: {more} is outside 1..={LIMIT_MAX}")));
            }
        };
        let id = if asked.junction.is_empty() { None } else { Some(junction(&asked.junction)?) };
        let rows = match id.as_ref().filter(|_| !asked.waiting && !asked.adaptive) {
            Some(id) => self.hall.store.orders_but_adaptive(id, limit).await,
            None => self.hall.store.orders(id.as_ref().map(JunctionId::as_str), asked.waiting, limit).await,
        };
        let orders: Vec<_> = rows.map_err(internal)?.iter().map(|row| self.told(&session, row)).collect();
        let may_order = match &id {
            Some(id) => rights::may(&session, Right::CommandSignal(&self.hall.place(id))),
            None => orders.iter().any(|row| row.may_decide),
        };
        Ok(Response::new(v1::ListOrdersResponse { orders, may_order }))
    }

    async fn get_signal_history(
        &self,
        request: Request<v1::GetSignalHistoryRequest>,
    ) -> Result<Response<v1::GetSignalHistoryResponse>, Status> {
        guard::session(&request)?;
        let asked = request.into_inner();
        let id = junction(&asked.junction)?;
        Ok(Response::new(corridors::history(&self.hall, &id, asked.from_ms, asked.to_ms).await?))
    }

    async fn list_corridors(
        &self,
        request: Request<v1::ListCorridorsRequest>,
    ) -> Result<Response<v1::ListCorridorsResponse>, Status> {
        guard::session(&request)?;
        Ok(Response::new(corridors::list(&self.hall)))
    }

    async fn get_corridor(
        &self,
        request: Request<v1::GetCorridorRequest>,
    ) -> Result<Response<v1::GetCorridorResponse>, Status> {
        guard::session(&request)?;
        Ok(Response::new(corridors::get(&self.hall, request.get_ref()).await?))
    }

    async fn get_detector_counts(
        &self,
        request: Request<v1::GetDetectorCountsRequest>,
    ) -> Result<Response<v1::GetDetectorCountsResponse>, Status> {
        guard::session(&request)?;
        let id = junction(&request.get_ref().junction)?;
        Ok(Response::new(detectors::counts(&self.hall, &id, request.get_ref()).await?))
    }

    async fn start_emergency(
        &self,
        request: Request<v1::StartEmergencyRequest>,
    ) -> Result<Response<v1::EmergencyRun>, Status> {
        let session = guard::session(&request)?;
        Ok(Response::new(emergencies::start(&self.hall, &session, request.get_ref()).await?))
    }

    async fn advance_emergency(
        &self,
        request: Request<v1::AdvanceEmergencyRequest>,
    ) -> Result<Response<v1::EmergencyRun>, Status> {
        let session = guard::session(&request)?;
        Ok(Response::new(emergencies::advance(&self.hall, &session, request.get_ref()).await?))
    }

    async fn end_emergency(
        &self,
        request: Request<v1::EndEmergencyRequest>,
    ) -> Result<Response<v1::EmergencyRun>, Status> {
        let session = guard::session(&request)?;
        Ok(Response::new(emergencies::end(&self.hall, &session, request.get_ref().id).await?))
    }

    async fn list_emergencies(
        &self,
        request: Request<v1::ListEmergenciesRequest>,
    ) -> Result<Response<v1::ListEmergenciesResponse>, Status> {
        let session = guard::session(&request)?;
        Ok(Response::new(emergencies::list(&self.hall, &session)))
    }

    async fn get_calendar(
        &self,
        request: Request<v1::GetCalendarRequest>,
    ) -> Result<Response<v1::GetCalendarResponse>, Status> {
        guard::session(&request)?;
        Ok(Response::new(calendars::get(&self.hall, &junction(&request.get_ref().junction)?)))
    }

    async fn get_advice(
        &self,
        request: Request<v1::GetAdviceRequest>,
    ) -> Result<Response<v1::GetAdviceResponse>, Status> {
        guard::session(&request)?;
        Ok(Response::new(advices::get(&self.hall, &junction(&request.get_ref().junction)?)))
    }

    async fn handle_alarm(
        &self,
        request: Request<v1::HandleAlarmRequest>,
    ) -> Result<Response<v1::HandleAlarmResponse>, Status> {
        let session = guard::session(&request)?;
        Ok(Response::new(alarms::handle(&self.hall, &session, request.into_inner()).await?))
    }

    async fn list_bus_priority(
        &self,
        request: Request<v1::ListBusPriorityRequest>,
    ) -> Result<Response<v1::ListBusPriorityResponse>, Status> {
        guard::session(&request)?;
        let asked = &request.get_ref().junction;
        let id = if asked.is_empty() { None } else { Some(junction(asked)?) };
        Ok(Response::new(bus_priorities::list(&self.hall, id.as_ref()).await?))
    }
}

impl SignalCalls {
    /// Who may not is written down too.
    async fn check(&self, session: &Session, junction: &JunctionId, what: &str) -> Result<(), Status> {
        match rights::check(session, Right::CommandSignal(&self.hall.place(junction))) {
            Ok(()) => Ok(()),
            Err(status) => {
                self.refused(session, junction, "", &format!("{what}: {}", status.message())).await?;
                Err(status)
            }
        }
    }

    /// Whoever asked must still have the right when a second person says yes.
    async fn still(&self, session: &Session, row: &OrderRow) -> Result<(), Status> {
        let NewOrder { junction, asked_by, purpose, .. } = &row.order;
        let grants = self.hall.store.grants(asked_by).await.map_err(internal)?;
        let scope = Scope::of(&grants, rights::COMMAND_SIGNALS);
        let place = self.hall.place(junction);
        if scope.holds(&place) {
            return Ok(());
        }
        let why = rights::refusal(asked_by, &scope, &place);
        self.refused(session, junction, purpose, &format!("approve: {why}")).await?;
        Err(Status::failed_precondition(why))
    }

    async fn refused(
        &self,
        session: &Session,
        junction: &JunctionId,
        purpose: &str,
        why: &str,
    ) -> Result<(), Status> {
        let line = AuditLine {
            at: self.hall.clock.now(),
            user: session.user.clone(),
            action: "signal_order_refused".to_owned(),
            purpose: purpose.to_owned(),
            what: format!("junction={junction} {why}"),
        };
        self.hall.store.keep_audit(&line).await.map_err(internal)
    }

    async fn judge(&self, id: &JunctionId, wanted: &Wanted, hold: DurationMs) -> Result<Judged, Status> {
        let judged = signals::judge(&self.hall, id, wanted, hold).await.map_err(internal)?;
        let Some(judged) = judged else {
            self.hall.view.junction(id).ok_or_else(|| no_junction(id))?;
            return Err(Status::failed_precondition(format!(
                "junction {id} is not set up to be commanded; its gateway's configuration has no groups for it"
            )));
        };
        if *wanted == Wanted::AllRed && !judged.can.all_red {
            return Err(Status::failed_precondition(format!(
                "the controller of {id} has no input that makes it show red to everybody"
            )));
        }
        if !self.hall.view.is_alive(&judged.junction.gateway) {
            return Err(Status::unavailable(format!(
                "gateway {} of junction {id} cannot be reached",
                judged.junction.gateway
            )));
        }
        Ok(judged)
    }

    async fn granted(
        &self,
        session: &Session,
        junction: &JunctionId,
        against: &[Refusal],
        purpose: &str,
    ) -> Result<(), Status> {
        let texts: Vec<String> = against.iter().map(ToString::to_string).collect();
        if texts.is_empty() {
            return Ok(());
        }
        let why = texts.join("; ");
        self.refused(session, junction, purpose, &why).await?;
        Err(Status::failed_precondition(why))
    }

    async fn row(&self, id: u64) -> Result<OrderRow, Status> {
        let row = self.hall.store.order(id).await.map_err(internal)?;
        row.ok_or_else(|| Status::not_found(format!("there is no order {id}")))
    }

    fn told(&self, session: &Session, row: &OrderRow) -> v1::SignalOrderRow {
        let place = self.hall.place(&row.order.junction);
        let may_decide = rights::may(session, Right::CommandSignal(&place));
        v1::SignalOrderRow { may_decide, ..order_row(row) }
    }

    async fn send(
        &self,
        session: &Session,
        row: &OrderRow,
        approved_by: Option<&str>,
    ) -> Result<Response<v1::SignalOrderRow>, Status> {
        match signals::send(&self.hall, row, approved_by, None).await.map_err(internal)? {
            Some(row) => Ok(Response::new(self.told(session, &row))),
            None => Err(gone(row)),
        }
    }
}

fn no_junction(id: &JunctionId) -> Status {
    Status::not_found(format!("there is no junction {id}"))
}

fn gone(row: &OrderRow) -> Status {
    Status::failed_precondition(format!("order {} does not wait for approval any more", row.id))
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn wanted(wanted: Option<&v1::SignalWanted>, hold_ms: i64) -> Result<(Wanted, DurationMs), Status> {
    let wanted = wanted_from_wire(wanted).map_err(|bad| Status::invalid_argument(bad.to_string()))?;
    // Going back is over as soon as the controller is back; so long the pole may try.
    let hold = if wanted == Wanted::OwnPlan { DurationMs(60_000) } else { DurationMs(hold_ms) };
    if hold.0 <= 0 {
        return Err(Status::invalid_argument("hold_ms: say for how long; every order ends by itself"));
    }
    Ok((wanted, hold))
}
