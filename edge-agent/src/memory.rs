//! How the C library keeps memory: decoders, networks and our own code all take it there.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// What is free is given back so often: a busy minute's memory is no use to a quiet one.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(60);

/// Lets all threads take memory out of as many arenas as there are cores. Left to itself glibc makes one for nearly every thread, up to
/// eight a core, and each keeps the most that its threads ever needed: memory then creeps for hours. To be called before any thread is
/// started. Other C libraries have no arenas, and nothing is done there.
pub fn share_arenas() {
    #[cfg(target_env = "gnu")]
    {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let arenas = libc::c_int::try_from(cores).unwrap_or(libc::c_int::MAX);
        // SAFETY: mallopt(3) takes two numbers and may be called at any time.
        #[allow(unsafe_code, reason = "libc has no safe form of mallopt")]
        let taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
        if taken == 0 {
            tracing::warn!("the C library does not bound its arenas: memory may creep");
        }
    }
}

/// Gives memory that is free back to the system, again and again until `stop`. By itself glibc gives back what is free at the end of an
/// arena alone: what decoders and queues of a busy minute took stays for ever between what is still used, 16 of 215 MB after five hours
/// of four cameras.
pub async fn give_back(stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(GIVE_BACK_EVERY) => {
                if let Err(err) = tokio::task::spawn_blocking(trim).await {
                    tracing::error!("giving memory back: {err}");
                }
            }
        }
    }
}

/// Some milliseconds, in which who takes memory may wait.
fn trim() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: malloc_trim(3) takes a number and may be called at any time, from any thread.
        #[allow(unsafe_code, reason = "libc has no safe form of malloc_trim")]
        let _ = unsafe { libc::malloc_trim(0) };
    }
}
