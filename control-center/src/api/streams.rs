//! How long a stream lives: until its caller goes away, its session is over, or the hall stops.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use tonic::Status;

use crate::auth::sessions::Session;
use crate::hall::Hall;

pub type Live<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// `stream`, then one last error that says why it ended.
pub fn while_signed_in<T: Send + 'static>(
    hall: Arc<Hall>,
    session: Session,
    stream: impl Stream<Item = Result<T, Status>> + Send + 'static,
) -> Live<T> {
    let over = stream::once(async move {
        let why = tokio::select! {
            () = hall.stop.cancelled() => Status::unavailable("the hall is stopping"),
            () = hall.sessions.over(&session) => Status::unauthenticated("the session is over; sign in again"),
        };
        Last::Why(why)
    });
    let items = stream.map(Last::Item).chain(stream::once(async { Last::Done }));
    let both = stream::select(items, over);
    // One step past the end: `Done` and `Why` both end it, `Why` is told.
    Box::pin(both.scan(false, |ended, next| {
        let out = match next {
            _ if *ended => None,
            Last::Done => None,
            Last::Item(item) => Some(item),
            Last::Why(why) => {
                *ended = true;
                Some(Err(why))
            }
        };
        std::future::ready(out)
    }))
}

enum Last<T> {
    Item(Result<T, Status>),
    Why(Status),
    Done,
}
