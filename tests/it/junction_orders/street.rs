//! One junction of the street, a pole for it, and a wire that can be cut.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ngatu_tests::programs::{Running, program};
use tokio::net::{TcpListener as Listener, TcpStream};
use tokio::sync::watch;

pub const WAIT: Duration = Duration::from_secs(90);

/// Group 1 against 2; group 3 is on foot and walks with 1. A cycle of 34 s.
const STREET: &str = r#"
reconnect_s = 0.3
watchdog_s = 60.0
acknowledgement_s = 20.0
speed = SPEED
alarm_every_s = 0.0
alarm_lasts_s = 0.0

[[site]]
junction = "a"
site_id = "HN+A"
component = "HN+A=001TC000"
offset_s = 0
yellow_s = 3
all_red_s = 2
walk_clear_s = 4
groups = ["vehicle", "vehicle", "walk"]
stages = [{ green_s = 12, groups = [1, 3] }, { green_s = 12, groups = [2] }]
plans = { 2 = [14, 10] }
all_red_input = 3
"#;

/// `certificates`: the folder of the gateway's own.
pub fn start_pole(dir: &Path, hall: &str, rsmp: &str, certificates: &str) -> Running {
    let text = format!(
        r#"
[gateway]
id = "edge-street"
data_dir = "pole"

[hall]
connect = "{hall}"
ca = "{certificates}/ca.pem"
certificate = "{certificates}/cert.pem"
key = "{certificates}/key.pem"

[signals]
listen = "{rsmp}"

[[signals.site]]
site_id = "HN+A"
component = "HN+A=001TC000"
junction = "a"
name = "A"
position = [21.02, 105.85]
plans = [1, 2]
security_code = "2222"
all_red_input = 3
group = [
    {{ component = "HN+A=001SG001", red_max_s = 60 }},
    {{ component = "HN+A=001SG002", red_max_s = 60 }},
    {{ component = "HN+A=001SG003", red_max_s = 60, kind = "pedestrian", clearance_s = 4 }},
]
conflict = [{{ groups = [1, 3], with = [2], intergreen_s = 5 }}]
"#
    );
    run_pole(dir, &text)
}

/// A pole with this configuration.
pub fn run_pole(dir: &Path, text: &str) -> Running {
    fs::write(dir.join("pole.toml"), text).unwrap();
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("pole.log")).unwrap();
    let mut command = Command::new(program("edge-agent"));
    let mut pole =
        Running::start(command.args(["run", "--config", "pole.toml"]).current_dir(dir).stderr(log));
    pole.line_with(WAIT, |line| line.contains("is ready"));
    pole
}

pub fn start_street(dir: &Path, rsmp: &str) -> Running {
    start_street_at(dir, rsmp, 1.0)
}

pub fn write_street(dir: &Path, speed: f64) {
    fs::write(dir.join("street.toml"), STREET.replace("SPEED", &format!("{speed:?}"))).unwrap();
}

/// So many times as fast as a street.
pub fn start_street_at(dir: &Path, rsmp: &str, speed: f64) -> Running {
    write_street(dir, speed);
    let mut street = Running::start(
        Command::new(program("signal-simulator"))
            .args(["--config", "street.toml", "--connect", rsmp])
            .current_dir(dir),
    );
    street.line_with(WAIT, |line| line.contains("ready"));
    street
}

/// Carries bytes to `to` until it is cut, and again when it is mended.
pub struct Wire {
    pub address: String,
    whole: Arc<watch::Sender<bool>>,
}

impl Wire {
    pub async fn to(to: String) -> Self {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let whole = Arc::new(watch::Sender::new(true));
        let state = whole.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (to, mut state) = (to.clone(), state.subscribe());
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(&to).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        Self { address, whole }
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}
