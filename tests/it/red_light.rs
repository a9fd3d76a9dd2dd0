//! Who runs a red light, with real programs: a camera and two controllers over their own protocols, the pole that joins them,
//! and the hall that fetches the evidence. Three stop lines stand in one picture: a lamp that is always red, one that is
//! always green, and one that changes faster than its times are known.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_camera::Mp4Writer;
use hardware_infer::rgb::Rgb;
use hardware_ports::camera::{Picture, Transport};
use models_domain::DurationMs;
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use sha2::{Digest, Sha256};
use sqlx::ConnectOptions;
use tonic::transport::Channel;
use v1::city_service_client::CityServiceClient;
use v1::event::Body;

use crate::cameras::{bikes, camera_of};
use crate::junction_orders::{Hall, Person, WAIT, run_pole};
use crate::streams::{decoded, open, unit, wait};

fn site(name: &str, more: &str) -> String {
    format!(
        "[[site]]\njunction = \"{name}\"\nsite_id = \"{name}\"\ncomponent = \"{name}=001TC000\"\noffset_s = 0\n\
         yellow_s = 0\n{more}\n"
    )
}

/// A controller `speed` times as fast as a street.
fn controller(dir: &Path, rsmp: &str, name: &str, speed: f64, more: &str) -> Running {
    let head = format!(
        "reconnect_s = 0.3\nwatchdog_s = 60.0\nacknowledgement_s = 20.0\nspeed = {speed:?}\nalarm_every_s = 0.0\n\
         alarm_lasts_s = 0.0\n"
    );
    let file = format!("{name}.toml");
    fs::write(dir.join(&file), head + &site(name, more)).unwrap();
    let mut command = Command::new(program("signal-simulator"));
    Running::start(command.args(["--config", &file, "--connect", rsmp]).current_dir(dir))
}

fn pole(hall: &str, rsmp: &str, url: &str) -> String {
    let line = |id: &str, x: u32| format!("{{ id = \"{id}\", a = [{x}, 0], b = [{x}, 360] }}");
    let lights: String = [("red", "a", 1), ("green", "a", 2), ("fast", "b", 1)]
        .iter()
        .flat_map(|light| [(light, "to_left"), (light, "to_right")])
        .map(|((line, junction, group), direction)| {
            format!(
                "[[cameras.camera.red_light]]\nline = \"{line}\"\ndirection = \"{direction}\"\n\
                 junction = \"{junction}\"\ngroup = {group}\n"
            )
        })
        .collect();
    let sites: String = ["a", "b"]
        .iter()
        .map(|name| {
            format!(
                "[[signals.site]]\nsite_id = \"{name}\"\ncomponent = \"{name}=001TC000\"\njunction = \"{name}\"\n\
                 name = \"{name}\"\n"
            )
        })
        .collect();
    format!(
        "[gateway]\nid = \"pole-1\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"{hall}\"\nca = \"certificates/ca.pem\"\ncertificate = \"certificates/cert.pem\"\n\
         key = \"certificates/key.pem\"\n\
         [cameras]\n[[cameras.camera]]\nid = \"c\"\nurl = \"{url}\"\nanalyze_fps = 10\ncrossings = \"counted\"\n\
         [cameras.camera.scene]\nsize = [640, 360]\nhealth = {{ off = [\"all\"] }}\n\
         line = [{}, {}, {}]\n\
         {lights}[signals]\nlisten = \"{rsmp}\"\n{sites}",
        line("red", 300),
        line("green", 320),
        line("fast", 340),
    )
}

/// A car out of a real clip drives over a grey ground from left to right, 125 pixels a second, again and again.
fn street(clip: &Path, to: &Path) {
    const SIZE: (usize, usize) = (640, 360);
    const CAR: (usize, usize, usize, usize) = (292, 88, 150, 92);
    let mut units = Vec::new();
    wait(async {
        let mut stream = open(&clip.display().to_string(), Transport::Tcp).await.unwrap();
        while units.len() < 180 {
            units.push(unit(&mut *stream).await);
        }
    });
    let seen = Rgb::of(&decoded(&units)[160].picture).unwrap();
    let mut writer = Mp4Writer::create(to, 640, 360).unwrap();
    for n in 0..125_usize {
        let mut data = vec![128; SIZE.0 * SIZE.1 * 3];
        let (x, y, w, h) = CAR;
        let wide = w.min(SIZE.0.saturating_sub(n * 5));
        for row in 0..h {
            let from = ((y + row) * seen.width as usize + x) * 3;
            let at = ((150 + row) * SIZE.0 + n * 5) * 3;
            data[at..at + wide * 3].copy_from_slice(&seen.data[from..from + wide * 3]);
        }
        let picture = Picture::from_rgb(640, 360, data);
        writer.write(&picture, DurationMs(i64::try_from(n).unwrap() * 40)).unwrap();
    }
    writer.close().unwrap();
}

type City = CityServiceClient<Channel>;

/// Everything of a kind that is stored, until it is enough.
async fn runs(city: &mut City, admin: &Person<'_>, enough: usize) -> Vec<v1::StoredEvent> {
    let asking = async {
        loop {
            let kinds = vec!["red_light".to_owned()];
            let asked = v1::ListEventsRequest { kinds, limit: 500, ..Default::default() };
            let events = city.list_events(admin.with(asked)).await.unwrap().into_inner().events;
            if events.len() >= enough {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(WAIT, asking).await.expect("somebody is told of")
}

fn run(event: &v1::StoredEvent) -> &v1::RedLight {
    let Some(Body::RedLight(run)) = event.event.as_ref().unwrap().body.as_ref() else { panic!("{event:?}") };
    run
}

/// What was counted at a stop line.
async fn counted(city: &mut City, admin: &Person<'_>, line: &str, what: v1::MeasureKind) -> f64 {
    let asked = v1::GetMeasuresRequest { rule: "red_light".into(), ..Default::default() };
    let told = city.get_measures(admin.with(asked)).await.unwrap().into_inner().measured;
    let of_line = told.iter().filter(|m| m.zone.as_deref() == Some(line)).filter_map(|m| m.measure);
    of_line.filter(|measure| measure.what() == what).map(|measure| measure.value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_passes_at_red_is_told_of_with_proof_and_nobody_else() {
    let Some(clip) = bikes() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_camera, url) = tokio::task::block_in_place(|| {
        street(&clip, &dir.join("red-light.mp4"));
        camera_of(&dir.join("red-light.mp4"), &[]).unwrap()
    });
    let (hall, password) = Hall::start(dir, "127.0.0.1:0", "127.0.0.1:0").await;
    hall.run(&["gateway-certificate", "--gateway", "pole-1", "--out", "certificates"]);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let mut city = CityServiceClient::new(hall.channel.clone());
    let rsmp = free_address();
    let pole_1 = run_pole(dir, &pole(&hall.bus, &rsmp, &url));
    // Group 1 is in no stage, group 2 green for ever; group 3 changes every few seconds, so that the controller has a word to say.
    let always = "walk_clear_s = 3\nall_red_s = 0\ngroups = [\"vehicle\", \"vehicle\", \"walk\"]\n\
                  stages = [{ green_s = 10, groups = [2, 3] }]";
    let _a = controller(dir, &rsmp, "a", 1.0, always);
    // Red for 0.2 s, green for 0.2 s.
    let fast = "walk_clear_s = 0\nall_red_s = 1\ngroups = [\"vehicle\", \"vehicle\"]\n\
                stages = [{ green_s = 9, groups = [1] }, { green_s = 9, groups = [2] }]";
    let _b = controller(dir, &rsmp, "b", 50.0, fast);

    let events = runs(&mut city, &admin, 3).await;
    for event in &events {
        let run = run(event);
        assert_eq!((run.line.as_str(), run.junction.as_str(), run.group), ("red", "a", 1), "{run:?}");
        assert!(run.red_for_ms >= 0 && run.into_red_ms >= run.red_for_ms, "{run:?}");
        assert!((1..5_000).contains(&run.camera_error_ms) && run.signal_error_ms >= 200, "{run:?}");
        assert!(run.before_ms < run.beyond_ms && run.beyond_ms < run.after_ms, "{run:?}");
        assert!(run.known_until_ms > run.beyond_ms + run.camera_error_ms, "{run:?}");
        assert_eq!(run.lamp.last().unwrap().state, "B", "{run:?}");
        let event = event.event.as_ref().unwrap();
        assert_eq!(event.at_ms, run.met_ms);
        let shown: Vec<i64> = run.stills.iter().map(|still| still.at_ms).collect();
        assert_eq!(shown, [run.beyond_ms, run.before_ms, run.after_ms]);
    }

    // Those whom a clock's error explains are counted, at the end of their minute; at green there is nobody to count.
    let asking = async {
        while counted(&mut city, &admin, "fast", v1::MeasureKind::RedWithinError).await < 1.0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(2 * WAIT, asking).await.expect("a passage within the errors is counted");
    assert!(counted(&mut city, &admin, "red", v1::MeasureKind::RanRed).await >= 1.0);
    for (line, what) in [
        ("fast", v1::MeasureKind::RanRed),
        ("green", v1::MeasureKind::RanRed),
        ("green", v1::MeasureKind::RedWithinError),
    ] {
        assert!(counted(&mut city, &admin, line, what).await < 1.0, "{line}: {what:?}");
    }
    for event in runs(&mut city, &admin, 3).await {
        assert_eq!(run(&event).line, "red");
    }

    // The pole's disk is gone: what was fetched by itself is here, and is what the event was told with.
    let proven = events.last().unwrap();
    let seq = proven.event.as_ref().unwrap().seq;
    fetched(dir, 9).await;
    drop(pole_1);
    fs::remove_dir_all(dir.join("pole/stills")).unwrap();
    for (part, still) in (0..).zip(&run(proven).stills) {
        let asked = v1::GetStillRequest { gateway: "pole-1".into(), boot: proven.boot, seq, part };
        let jpeg = city.get_still(admin.with(asked)).await.unwrap().into_inner().jpeg;
        assert_eq!(jpeg[..2], [0xff, 0xd8], "a JPEG");
        assert_eq!(Sha256::digest(&jpeg)[..], still.sha256[..], "picture {part}");
    }
    // What is not kept any more is not asked of a gateway that may answer with anything.
    forget_first(dir).await;
    for part in [0, 3] {
        let asked = v1::GetStillRequest { gateway: "pole-1".into(), boot: proven.boot, seq, part };
        assert_eq!(city.get_still(admin.with(asked)).await.unwrap_err().code(), tonic::Code::NotFound);
    }
}

/// As if the first pictures had been given up, or were too old.
async fn forget_first(dir: &Path) {
    let mut database = database(dir).await;
    for sql in ["DELETE FROM evidence WHERE part = 0", "DELETE FROM evidence_wanted WHERE part = 0"] {
        sqlx::query(sql).execute(&mut database).await.unwrap();
    }
}

async fn database(dir: &Path) -> sqlx::SqliteConnection {
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.join("hall/city.db"));
    file.busy_timeout(WAIT).connect().await.unwrap()
}

/// Waits until the hall holds so many pictures.
async fn fetched(dir: &Path, pictures: i64) {
    let mut database = database(dir).await;
    let waiting = async {
        loop {
            let sql = "SELECT count(*) FROM evidence";
            let here: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
            if here >= pictures {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(WAIT, waiting).await.expect("the hall fetches the evidence by itself");
}
