//! Our programs as a test runs them: found beside the test, their lines waited for, ended with the test.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Lines of a program that a test has not read yet; beyond these the program waits.
const UNREAD_LINES: usize = 10_000;

/// The binary `name` of this workspace, in the target folder that the test itself was built into.
///
/// # Panics
/// When it has not been built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/<profile>/deps/<test>
    let folder = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is not there; run cargo build --workspace first", path.display());
    path
}

/// A running program; killed when dropped, so that no failed test leaves one behind.
pub struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts `command`; its standard output is read line by line, its standard error goes where the test's goes. How zenoh works in
    /// it is left to the program, as for whoever starts it by hand.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .env_remove("ZENOH_RUNTIME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("starting {name}: {err}"));
        let out = child.stdout.take().expect("standard output is piped");
        let (tell, lines) = sync_channel(UNREAD_LINES);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self { name, child, lines }
    }

    /// The next line on its standard output.
    ///
    /// # Panics
    /// When none comes within `wait`, or the program ends first.
    pub fn line(&mut self, wait: Duration) -> String {
        match self.lines.recv_timeout(wait) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("{}: no line within {wait:?}", self.name),
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{} ended before its next line: {:?}", self.name, self.child.wait())
            }
        }
    }

    /// The next line that `wanted` accepts; those before it are thrown away.
    ///
    /// # Panics
    /// When none comes within `wait`.
    pub fn line_with(&mut self, wait: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let until = now() + wait;
        loop {
            let line = self.line(until.saturating_duration_since(now()));
            if wanted(&line) {
                return line;
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The names of its threads at this moment, as Linux tells them.
    ///
    /// # Panics
    /// When it has ended.
    pub fn threads(&self) -> Vec<String> {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("a running program has threads");
        // A thread that ends meanwhile has no name any more.
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
    }

    /// Sends a signal by name, such as `INT` or `TERM`.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "sending SIG{name} to {}", self.name);
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it has not within `wait`.
    pub fn wait(&mut self, wait: Duration) -> ExitStatus {
        let mut ended = None;
        until(wait, &format!("{} ends", self.name), || {
            ended = self.child.try_wait().expect("a child can be waited for");
            ended.is_some()
        });
        ended.expect("it has ended")
    }

    /// Ends it at once, as a power cut would (SIGKILL).
    pub fn kill(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    /// A script gets its chance to end what it started, before it is killed.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal("TERM");
            let until = now() + Duration::from_secs(7);
            while matches!(self.child.try_wait(), Ok(None)) && now() < until {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.kill();
    }
}

/// Waits until `condition` holds, looking again every 20 ms.
///
/// # Panics
/// When it does not within `wait`; `what` says what was waited for.
pub fn until(wait: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = now() + wait;
    while !condition() {
        assert!(now() < deadline, "not within {wait:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test's own deadline, not a time that anything is computed from"
)]
fn now() -> Instant {
    Instant::now()
}
