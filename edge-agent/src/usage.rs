//! What this process has used so far.

/// CPU time of all threads of this process, user and system, in seconds; 0 when the system does not tell.
pub fn cpu_seconds() -> f64 {
    used_by(libc::RUSAGE_SELF)
}

/// The same of the thread that asks alone.
pub fn thread_cpu_seconds() -> f64 {
    used_by(libc::RUSAGE_THREAD)
}

fn used_by(whom: libc::c_int) -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage(2) writes one rusage through the pointer; zeroed is a valid rusage should it fail.
    #[allow(unsafe_code, reason = "libc has no safe form of getrusage")]
    let usage = unsafe {
        libc::getrusage(whom, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
