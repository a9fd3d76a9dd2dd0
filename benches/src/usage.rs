//! What other programs cost.

use std::process::{Command, Output};

use anyhow::{Context, bail};

/// A program that has ended, and the CPU time of all its threads, user and system, in seconds.
pub struct Ran {
    pub output: Output,
    pub cpu_s: f64,
}

/// Runs a program to its end. Not beside another one: the children of this process are measured together.
///
/// # Errors
/// When it cannot be started or fails; the text has the end of what it said.
pub fn run(command: &mut Command) -> anyhow::Result<Ran> {
    let name = command.get_program().to_string_lossy().into_owned();
    let before = children_s();
    let output = command.output().with_context(|| format!("starting {name}"))?;
    let cpu_s = children_s() - before;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let end: Vec<&str> = said.trim().lines().rev().take(3).collect();
        bail!("{name}: {}: {}", output.status, end.into_iter().rev().collect::<Vec<_>>().join(" / "));
    }
    Ok(Ran { output, cpu_s })
}

/// CPU time of all children that have ended.
fn children_s() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage(2) writes one rusage through the pointer; zeroed is a valid rusage should it fail.
    #[allow(unsafe_code, reason = "libc has no safe form of getrusage")]
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
