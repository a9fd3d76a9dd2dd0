//! The program itself: what it prints, what it refuses, how it stops.

use std::process::Command;
use std::time::Duration;

use crate::harness::{Hall, PROGRAM, write_config};

fn fails(dir: &std::path::Path, args: &[&str]) -> String {
    let out = Command::new(PROGRAM).args(args).current_dir(dir).output().unwrap();
    assert!(!out.status.success());
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_printed_once_and_a_signal_stops_in_time() {
    let mut hall = Hall::start();
    assert_eq!(hall.password.as_ref().unwrap().len(), 23);
    // A stream that would go on for ever must not hold up the end.
    let token = hall.token().await;
    let mut city = models_wire::v1::city_service_client::CityServiceClient::new(hall.channel().await);
    let request = crate::harness::with(&token, models_wire::v1::WatchCityRequest {});
    let mut updates = city.watch_city(request).await.unwrap().into_inner();
    updates.message().await.unwrap();
    let pid = hall.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(updates.message().await.unwrap_err().code(), tonic::Code::Unavailable);
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Some(status) = hall.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(ended.await.expect("stops within 5 s").success());
    let again = Hall::start_in(hall.dir.clone(), &[]);
    assert_eq!(again.password, None);
}

#[test]
fn a_port_in_use_is_named() {
    let hall = Hall::start();
    let other = tempfile::tempdir().unwrap();
    write_config(other.path(), &hall.http.to_string(), "127.0.0.1:0");
    let err = fails(other.path(), &["serve", "--config", "hall.toml"]);
    let want = format!("if another program has port {}, stop it or change hall.listen", hall.http.port());
    assert!(err.contains(&want), "{err}");
    write_config(other.path(), "127.0.0.1:0", &hall.bus.to_string());
    let err = fails(other.path(), &["serve", "--config", "hall.toml"]);
    assert!(err.contains(&format!("port {}", hall.bus.port())) && err.contains("bus.listen"), "{err}");
}

#[test]
fn bad_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let err = fails(dir.path(), &["serve", "--config", "none.toml"]);
    assert!(err.contains("reading the configuration none.toml"), "{err}");
    write_config(dir.path(), "127.0.0.1:0", "127.0.0.1:0");
    let err = fails(dir.path(), &["reset-password", "--config", "hall.toml", "--user", "admin"]);
    assert!(err.contains("there is no database"), "{err}");
    std::fs::create_dir_all(dir.path().join("data")).unwrap();
    std::fs::write(dir.path().join("data/city.db"), "not a database".repeat(999)).unwrap();
    let err = fails(dir.path(), &["serve", "--config", "hall.toml"]);
    assert!(err.contains("city.db is damaged or is no SQLite file; put back a backup"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn insecure_http_serves_this_machine_only() {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    write_config(dir.path(), "0.0.0.0:0", "127.0.0.1:0");
    let hall = Hall::start_in(dir, &["--insecure-http"]);
    assert!(hall.http.ip().is_loopback());
    assert!(hall.log().contains("--insecure-http serves this machine only"), "{}", hall.log());
    let mut sessions = models_wire::v1::session_service_client::SessionServiceClient::connect(format!(
        "http://{}",
        hall.http
    ))
    .await
    .unwrap();
    let password = hall.password.clone().unwrap();
    let request = models_wire::v1::SignInRequest { name: "admin".into(), password };
    let answer = sessions.sign_in(request).await.unwrap();
    let cookie = answer.metadata().get("set-cookie").unwrap().to_str().unwrap();
    assert!(!cookie.contains("Secure") && cookie.contains("HttpOnly"), "{cookie}");
}
