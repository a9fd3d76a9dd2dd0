//! The page's stream, as the page reads it.

use std::sync::Arc;

use anyhow::Context;
use models_wire::v1;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use v1::city_service_client::CityServiceClient;
use v1::city_update::Update;
use v1::session_service_client::SessionServiceClient;

use super::site::{Street, index_of};

pub struct Page {
    updates: tonic::Streaming<v1::CityUpdate>,
    street: Arc<Street>,
}

/// # Errors
/// When nobody can sign in there.
pub async fn watch(page: &str, password: &str, street: Arc<Street>) -> anyhow::Result<Page> {
    let channel: Channel =
        Endpoint::from_shared(page.to_owned())?.connect().await.context("dialling the hall")?;
    let request = v1::SignInRequest { name: "admin".to_owned(), password: password.to_owned() };
    let session = SessionServiceClient::new(channel.clone()).sign_in(request).await.context("signing in")?;
    let mut request = tonic::Request::new(v1::WatchCityRequest {});
    let token = format!("Bearer {}", session.into_inner().token);
    request.metadata_mut().insert("authorization", token.parse().context("the token")?);
    let mut city = CityServiceClient::new(channel).max_decoding_message_size(64 * 1024 * 1024);
    let updates = city.watch_city(request).await.context("watching the city")?.into_inner();
    Ok(Page { updates, street })
}

impl Page {
    /// Reads until `stop`.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let update = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                update = self.updates.message() => update.context("the page's stream")?.context("the stream ended")?,
            };
            match update.update {
                Some(Update::Junction(junction)) => self.seen(&junction),
                Some(Update::Snapshot(snapshot)) => {
                    snapshot.junctions.iter().for_each(|junction| self.seen(junction))
                }
                Some(_) | None => {}
            }
        }
    }

    fn seen(&self, junction: &v1::JunctionNow) {
        let Some(info) = &junction.info else { return };
        if let Some(index) = index_of(&info.junction) {
            self.street.seen(index, &info.groups);
        }
    }
}
