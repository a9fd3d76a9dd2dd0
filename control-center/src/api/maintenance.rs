//! `MaintenanceService`: what is wrong with controllers, and the work orders to mend it.

use std::sync::Arc;

use models_domain::signal::maintenance::{FaultKind, Step};
use models_wire::v1;
use models_wire::v1::maintenance_service_server::MaintenanceService;
use tonic::{Request, Response, Status};

use super::{health, work_orders};
use crate::auth::guard;
use crate::hall::Hall;

pub struct Maintenance {
    pub hall: Arc<Hall>,
}

#[tonic::async_trait]
impl MaintenanceService for Maintenance {
    async fn list_health(
        &self,
        request: Request<v1::ListHealthRequest>,
    ) -> Result<Response<v1::ListHealthResponse>, Status> {
        let session = guard::session(&request)?;
        health::list(&self.hall, &session, request.get_ref()).await.map(Response::new)
    }

    async fn list_work_orders(
        &self,
        request: Request<v1::ListWorkOrdersRequest>,
    ) -> Result<Response<v1::ListWorkOrdersResponse>, Status> {
        let session = guard::session(&request)?;
        work_orders::list(&self.hall, &session, request.get_ref()).await.map(Response::new)
    }

    async fn get_work_order(
        &self,
        request: Request<v1::GetWorkOrderRequest>,
    ) -> Result<Response<v1::WorkOrder>, Status> {
        let session = guard::session(&request)?;
        work_orders::get(&self.hall, &session, request.get_ref().id).await.map(Response::new)
    }

    async fn open_work_order(
        &self,
        request: Request<v1::OpenWorkOrderRequest>,
    ) -> Result<Response<v1::WorkOrder>, Status> {
        let session = guard::session(&request)?;
        work_orders::open(&self.hall, &session, request.into_inner()).await.map(Response::new)
    }

    async fn move_work_order(
        &self,
        request: Request<v1::MoveWorkOrderRequest>,
    ) -> Result<Response<v1::WorkOrder>, Status> {
        let session = guard::session(&request)?;
        work_orders::step(&self.hall, &session, request.into_inner()).await.map(Response::new)
    }
}

pub fn kind_to_wire(kind: FaultKind) -> v1::FaultKind {
    match kind {
        FaultKind::Safety => v1::FaultKind::Safety,
        FaultKind::Controller => v1::FaultKind::Controller,
        FaultKind::Lamp => v1::FaultKind::Lamp,
        FaultKind::Detector => v1::FaultKind::Detector,
        FaultKind::Power => v1::FaultKind::Power,
        FaultKind::Door => v1::FaultKind::Door,
        FaultKind::Clock => v1::FaultKind::Clock,
        FaultKind::Link => v1::FaultKind::Link,
        FaultKind::Other => v1::FaultKind::Other,
    }
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn kind_from_wire(kind: i32) -> Result<FaultKind, Status> {
    let known = FaultKind::ALL.into_iter().find(|known| kind_to_wire(*known) as i32 == kind);
    known.ok_or_else(|| {
        Status::invalid_argument(format!("kind: {kind} is not known; say what is to be mended"))
    })
}

pub fn step_to_wire(step: Step) -> v1::WorkOrderStep {
    match step {
        Step::Take => v1::WorkOrderStep::Take,
        Step::GiveBack => v1::WorkOrderStep::GiveBack,
        Step::Note => v1::WorkOrderStep::Note,
        Step::Done => v1::WorkOrderStep::Done,
        Step::Cancel => v1::WorkOrderStep::Cancel,
        Step::Reopen => v1::WorkOrderStep::Reopen,
    }
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn step_from_wire(step: i32) -> Result<Step, Status> {
    let known = Step::ALL.into_iter().find(|known| step_to_wire(*known) as i32 == step);
    known.ok_or_else(|| Status::invalid_argument(format!("step: {step} is none that can be taken")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_steps_come_back_from_the_wire() {
        for kind in FaultKind::ALL {
            assert_eq!(kind_from_wire(kind_to_wire(kind) as i32).unwrap(), kind);
        }
        for step in Step::ALL {
            assert_eq!(step_from_wire(step_to_wire(step) as i32).unwrap(), step);
        }
        for unknown in [0, -1, 99] {
            assert!(kind_from_wire(unknown).is_err(), "{unknown}");
        }
        // Opening is a call of its own.
        for unknown in [0, v1::WorkOrderStep::Open as i32, 99] {
            assert!(step_from_wire(unknown).is_err(), "{unknown}");
        }
    }
}
