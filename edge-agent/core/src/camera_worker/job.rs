//! Work that a lane does with a camera's eye, and waiting for it.

use std::pin::Pin;

use super::eye::{Eye, Seen};

/// What a lane gives back.
pub type Done = Box<(Eye, Seen)>;
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Waits for the job to be done and takes it away; for ever when there is none.
pub async fn done(job: &mut Option<Later<Done>>) -> Done {
    match job {
        Some(running) => {
            let done = running.await;
            *job = None;
            done
        }
        None => std::future::pending().await,
    }
}
