//! `CityService`: the city as it is, live; and what is stored of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use models_domain::UtcMillis;
use models_wire::v1;
use models_wire::v1::city_service_server::CityService;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Response, Status};

use super::streams::{Live, while_signed_in};
use super::{counts, events, tracks};
use crate::auth::guard;
use crate::city_view::Changes;
use crate::hall::Hall;
use crate::pictures::{Look, Wish};

/// A camera that shows nothing new for so long is said to be gone; the page asks again.
const NO_PICTURE: Duration = Duration::from_secs(20);

pub struct City {
    pub hall: Arc<Hall>,
}

#[tonic::async_trait]
impl CityService for City {
    type WatchCityStream = Live<v1::CityUpdate>;
    type WatchPicturesStream = Live<v1::Picture>;

    async fn watch_city(
        &self,
        request: Request<v1::WatchCityRequest>,
    ) -> Result<Response<Self::WatchCityStream>, Status> {
        let session = guard::session(&request)?;
        let hall = self.hall.clone();
        let updates = stream::unfold((hall.clone(), None), next_update);
        Ok(Response::new(while_signed_in(hall, session, updates)))
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        events::list(&self.hall, request.into_inner()).await.map(Response::new)
    }

    async fn get_still(
        &self,
        request: Request<v1::GetStillRequest>,
    ) -> Result<Response<v1::GetStillResponse>, Status> {
        events::still(&self.hall, request.into_inner()).await.map(Response::new)
    }

    async fn get_counts(
        &self,
        request: Request<v1::GetCountsRequest>,
    ) -> Result<Response<v1::GetCountsResponse>, Status> {
        counts::counts(&self.hall, request.into_inner()).await.map(Response::new)
    }

    async fn watch_pictures(
        &self,
        request: Request<v1::WatchPicturesRequest>,
    ) -> Result<Response<Self::WatchPicturesStream>, Status> {
        let session = guard::session(&request)?;
        let asked = request.into_inner();
        let camera = events::camera(&asked.camera)?;
        let hall = self.hall.clone();
        let gateway = hall.view.gateway_of(&camera);
        let gateway = gateway.ok_or_else(|| Status::not_found(format!("there is no camera {camera}")))?;
        let wish = Wish { max_width: asked.max_width, fps: asked.fps };
        let look = hall.pictures.look(&hall.bus, &gateway, &camera, wish);
        let pictures = stream::unfold(Some((look, wish.every(), None)), next_picture);
        Ok(Response::new(while_signed_in(hall, session, pictures)))
    }

    async fn get_figures(
        &self,
        request: Request<v1::GetFiguresRequest>,
    ) -> Result<Response<v1::GetFiguresResponse>, Status> {
        counts::figures(&self.hall, UtcMillis(request.into_inner().since_ms)).await.map(Response::new)
    }

    async fn search_tracks(
        &self,
        request: Request<v1::SearchTracksRequest>,
    ) -> Result<Response<v1::SearchTracksResponse>, Status> {
        let session = guard::session(&request)?;
        tracks::search(&self.hall, &session.user, request.into_inner()).await.map(Response::new)
    }
}

type Watching = (Arc<Hall>, Option<Changes>);

/// The whole city first and after falling behind, else the next change.
async fn next_update((hall, changes): Watching) -> Option<(Result<v1::CityUpdate, Status>, Watching)> {
    if let Some(mut changes) = changes {
        match changes.recv().await {
            Ok(update) => return Some((Ok(update.as_ref().clone()), (hall, Some(changes)))),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
    let (snapshot, changes) = hall.view.watch(hall.clock.now());
    Some((Ok(snapshot), (hall, Some(changes))))
}

type Looking = Option<(Look, Duration, Option<tokio::time::Instant>)>;

/// The newest picture, not sooner than wished.
async fn next_picture(looking: Looking) -> Option<(Result<v1::Picture, Status>, Looking)> {
    let (mut look, every, last) = looking?;
    if let Some(last) = last {
        tokio::time::sleep_until(last + every).await;
    }
    let shown = async {
        loop {
            if last.is_some() || look.newest.borrow().is_none() {
                look.newest.changed().await.ok()?;
            }
            let newest = look.newest.borrow_and_update().clone();
            if let Some(picture) = newest {
                return Some(picture);
            }
        }
    };
    match tokio::time::timeout(NO_PICTURE, shown).await {
        Ok(Some(picture)) => {
            let next = Some((look, every, Some(tokio::time::Instant::now())));
            Some((Ok(picture.as_ref().clone()), next))
        }
        Ok(None) | Err(_) => Some((Err(Status::unavailable("the camera's gateway sends no picture")), None)),
    }
}
