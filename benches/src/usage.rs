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

/// What a running process has used so far, all its threads together.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// User and system.
    pub cpu_s: f64,
    /// The most memory it ever held; 0 when it has ended and nobody has taken notice.
    pub peak_mb: f64,
    /// What it holds now.
    pub mb: f64,
}

/// Clock ticks a second of /proc (USER_HZ is 100 on every Linux).
const TICKS: f64 = 100.0;

/// # Errors
/// When there is no such process.
pub fn used(process: u32) -> anyhow::Result<Used> {
    let read = |file: &str| {
        let path = format!("/proc/{process}/{file}");
        std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    };
    let (stat, status) = (read("stat")?, read("status")?);
    // utime and stime, counted after the name, which may hold spaces (proc(5)).
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    let mb = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let kb = value.and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
        (kb.unwrap_or(0.0) / 102.4).round() / 10.0
    };
    Ok(Used { cpu_s: ticks / TICKS, peak_mb: mb("VmHWM:"), mb: mb("VmRSS:") })
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
