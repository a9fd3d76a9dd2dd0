//! What is waited for beside the reading.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// What is there later.
pub(super) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What had to wait, when there is any.
pub(super) async fn next<T>(waiting: Option<&mut Later<T>>) -> T {
    match waiting {
        Some(waiting) => waiting.await,
        None => pending().await,
    }
}

/// What is there already.
pub(super) async fn at_once<T>(waiting: &mut Later<T>) -> Poll<T> {
    poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await
}
