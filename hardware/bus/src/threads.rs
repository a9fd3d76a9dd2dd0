//! On which of its own threads zenoh works.

/// What zenoh calls the setting, which it reads from the environment only.
const SETTING: &str = "ZENOH_RUNTIME";
/// Whatever was received is worked on by the one thread that sends.
const ONE_THREAD: &str = "(rx: (handover: tx))";

/// Lets zenoh read and write on one thread, where the two take turns. On several, zenoh 1.10 reads and writes one TLS connection at
/// once, which rustls does not allow: under load that ends the program, seldom (eclipse-zenoh/zenoh#2557). Whoever sets
/// `ZENOH_RUNTIME` is left with what they set.
///
/// To be called first of all in a program, before any thread is started.
pub fn read_and_write_on_one_thread() {
    if std::env::var_os(SETTING).is_none() {
        // SAFETY: no other thread is there yet that could read the environment at this moment.
        #[allow(
            unsafe_code,
            reason = "zenoh takes this from nowhere else, and the standard library has no safe form"
        )]
        unsafe {
            std::env::set_var(SETTING, ONE_THREAD);
        }
    }
}
