//! How the C library keeps memory: decoders, networks and our own code all take it there.

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
