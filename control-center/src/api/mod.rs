//! What the hall offers over gRPC and gRPC-Web: one file per service, one list.

mod advices;
mod alarms;
mod bus_priorities;
mod calendars;
mod city;
mod corridors;
mod counts;
mod detectors;
mod emergencies;
mod events;
mod health;
mod maintenance;
mod measures;
mod segments;
mod session;
mod signals;
mod streams;
mod tracker_orders;
mod tracks;
pub mod transit;
mod work_orders;

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use control_center_store::AuditLine;
use models_domain::{JunctionId, UtcMillis};
use models_wire::v1::city_service_server::CityServiceServer;
use models_wire::v1::maintenance_service_server::MaintenanceServiceServer;
use models_wire::v1::session_service_server::SessionServiceServer;
use models_wire::v1::signal_service_server::SignalServiceServer;
use models_wire::v1::transit_service_server::TransitServiceServer;
use tonic::Status;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::Layer;

pub use events::is_listed;
pub use tracks::SEARCHES;

use crate::auth::guard;
use crate::auth::sessions::Session;
use crate::hall::Hall;
use crate::signals::emergency;
use crate::{headers, page};

/// No request of this API is bigger.
const REQUEST_MAX: usize = 64 * 1024;

/// Everything that is reachable: calls, reflection, health and page, all behind the guard.
///
/// # Errors
/// When the descriptors are damaged.
pub async fn router(hall: &Arc<Hall>) -> anyhow::Result<Router> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(models_wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<CityServiceServer<city::City>>().await;
    let city = CityServiceServer::new(city::City { hall: hall.clone() });
    let session = SessionServiceServer::new(session::SessionCalls { hall: hall.clone() });
    let signals = SignalServiceServer::new(signals::SignalCalls { hall: hall.clone() });
    let maintenance = MaintenanceServiceServer::new(maintenance::Maintenance { hall: hall.clone() });
    let transit = TransitServiceServer::new(transit::Transit { hall: hall.clone() });
    let calls = Routes::new(city.max_decoding_message_size(REQUEST_MAX))
        .add_service(signals.max_decoding_message_size(REQUEST_MAX))
        .add_service(session.max_decoding_message_size(REQUEST_MAX))
        .add_service(maintenance.max_decoding_message_size(REQUEST_MAX))
        .add_service(transit.max_decoding_message_size(REQUEST_MAX))
        .add_service(reflection().build_v1().context("reading the API's descriptors")?)
        .add_service(reflection().build_v1alpha().context("reading the API's descriptors")?)
        .add_service(health)
        .prepare();
    let calls = GrpcWebLayer::new().layer(calls);
    let public = if hall.public_buses { crate::transit::web::router(hall) } else { Router::new() };
    let pages = Router::new().fallback(page::serve);
    Ok(Router::new()
        .route_service("/{service}/{method}", by_content(calls, pages.clone()))
        .merge(public)
        .merge(crate::transit::downloads::router(hall))
        .merge(crate::metrics::router(hall))
        .fallback_service(pages)
        .layer(axum::middleware::from_fn_with_state(hall.clone(), guard::guard))
        .layer(axum::middleware::from_fn_with_state(hall.clone(), headers::add)))
}

/// A call says so in its content type; anything else is about the page.
fn by_content<C, P>(
    calls: C,
    pages: P,
) -> impl tower::Service<
    axum::extract::Request,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static
where
    C: tower::Service<
            axum::extract::Request,
            Response = axum::http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static,
    P: tower::Service<
            axum::extract::Request,
            Response = axum::response::Response,
            Error = std::convert::Infallible,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    tower::service_fn(move |request: axum::extract::Request| {
        let (calls, pages) = (calls.clone(), pages.clone());
        async move {
            if guard::is_call(&request) {
                Ok(tower::ServiceExt::oneshot(calls, request).await?.map(axum::body::Body::new))
            } else {
                tower::ServiceExt::oneshot(pages, request).await
            }
        }
    })
}

const PURPOSE: std::ops::RangeInclusive<usize> = 3..=200;

#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn junction(text: &str) -> Result<JunctionId, Status> {
    text.parse().map_err(|e| Status::invalid_argument(format!("junction: {e}")))
}

/// Why somebody does something that is written down.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn purpose(text: &str) -> Result<&str, Status> {
    let text = text.trim();
    if emergency::is_run(text) {
        return Err(Status::invalid_argument(
            "purpose: that is how orders of an emergency run begin; say it in other words",
        ));
    }
    if PURPOSE.contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    let (least, most) = (PURPOSE.start(), PURPOSE.end());
    Err(Status::invalid_argument(format!(
        "purpose: say in {least} to {most} characters on one line what it is for; it is written down"
    )))
}

/// What a user did or was refused, for the record.
fn audit(at: UtcMillis, session: &Session, action: &str, purpose: &str, what: String) -> AuditLine {
    AuditLine { at, user: session.user.clone(), action: action.into(), purpose: purpose.into(), what }
}

/// A failure of the hall itself: the log gets the whole chain, the caller what helps.
fn internal(err: impl Into<anyhow::Error>) -> Status {
    let err = err.into();
    tracing::error!("answering a call: {err:#}");
    Status::unavailable("the hall cannot answer just now; its log says why")
}
