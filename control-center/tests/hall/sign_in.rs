//! Signing in and out: as a page by cookie, as a program by token; how often one may fail; when streams end.

use models_wire::v1;
use models_wire::v1::city_service_client::CityServiceClient;
use models_wire::v1::session_service_client::SessionServiceClient;
use tonic::Code;

use crate::harness::{Hall, with};

const SIGN_IN: &str = "/ngatu.v1.SessionService/SignIn";
const SIGN_OUT: &str = "/ngatu.v1.SessionService/SignOut";
const WHO_AM_I: &str = "/ngatu.v1.SessionService/WhoAmI";

fn request(name: &str, password: &str) -> v1::SignInRequest {
    v1::SignInRequest { name: name.into(), password: password.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_signs_in_by_cookie() {
    let hall = Hall::start();
    let password = hall.password.clone().unwrap();
    let answer = hall.grpc_web(SIGN_IN, &request("admin", &password), &[]).await;
    assert_eq!(answer.grpc_status(), "0");
    let set = answer.header("set-cookie").unwrap();
    for part in
        ["ngatu_session=", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Max-Age=36000"]
    {
        assert!(set.contains(part), "{set} has no {part}");
    }
    let cookie = set.split(';').next().unwrap().to_owned();
    let cookie = ("cookie", cookie.as_str());
    assert_eq!(hall.get("/", &[cookie]).await.status(), "200");
    assert_eq!(hall.get("/nothing", &[cookie]).await.status(), "404");
    assert_eq!(hall.grpc_web(WHO_AM_I, &(), &[cookie]).await.grpc_status(), "0");
    // What a foreign page could make the browser send.
    let foreign = ("sec-fetch-site", "cross-site");
    assert_eq!(hall.grpc_web(WHO_AM_I, &(), &[cookie, foreign]).await.grpc_status(), "7");
    let plain = [cookie, ("content-type", "text/plain")];
    assert_eq!(hall.http(&format!("POST {WHO_AM_I}"), &plain, b"").await.status(), "403");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(hall.http(&format!("POST {SIGN_IN}"), &form, b"").await.status(), "403");
    let out = hall.grpc_web(SIGN_OUT, &(), &[cookie]).await;
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(hall.grpc_web(WHO_AM_I, &(), &[cookie]).await.grpc_status(), "16");
    assert_eq!(hall.get("/", &[cookie]).await.status(), "303");
    let secret = cookie.1.split_once('=').unwrap().1;
    for word in [secret, &password] {
        assert!(!hall.log().contains(word), "a secret in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_signs_in_by_token_and_its_streams_end_with_the_session() {
    let hall = Hall::start();
    let token = hall.token().await;
    let mut sessions = SessionServiceClient::new(hall.channel().await);
    let me = sessions.who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap().into_inner();
    assert_eq!(me.name, "admin");
    let mut city = CityServiceClient::new(hall.channel().await);
    let mut updates = city.watch_city(with(&token, v1::WatchCityRequest {})).await.unwrap().into_inner();
    let first = updates.message().await.unwrap().unwrap().update.unwrap();
    assert!(matches!(first, v1::city_update::Update::Snapshot(_)));
    sessions.sign_out(with(&token, v1::SignOutRequest {})).await.unwrap();
    assert_eq!(updates.message().await.unwrap_err().code(), Code::Unauthenticated);
    let err = city.get_figures(with(&token, v1::GetFiguresRequest::default())).await.unwrap_err();
    assert_eq!(err.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_say_little_and_run_out() {
    let hall = Hall::start();
    let mut sessions = SessionServiceClient::new(hall.channel().await);
    let mut texts = Vec::new();
    for (name, password) in
        [("admin", "wrong"), ("nobody", "wrong"), ("admin", ""), ("", ""), (&"x".repeat(99), "y")]
    {
        let err = sessions.sign_in(request(name, password)).await.unwrap_err();
        assert_eq!(err.code(), Code::Unauthenticated);
        texts.push(err.message().to_owned());
    }
    texts.dedup();
    assert_eq!(texts, ["name or password is wrong"]);
    let mut code = Code::Unauthenticated;
    for _ in 0..5 {
        code = sessions.sign_in(request("admin", "wrong")).await.unwrap_err().code();
    }
    assert_eq!(code, Code::ResourceExhausted);
    let right = hall.password.clone().unwrap();
    let err = sessions.sign_in(request("admin", &right)).await.unwrap_err();
    assert_eq!(err.code(), Code::ResourceExhausted);
    assert!(err.message().starts_with("too many tries; wait "), "{}", err.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_sessions() {
    let hall = Hall::start();
    let token = hall.token().await;
    let printed = hall.run(&["reset-password", "--user", "admin"]);
    let new = printed.lines().find_map(|l| l.split_once("Password ")).unwrap().1.trim().to_owned();
    let mut sessions = SessionServiceClient::new(hall.channel().await);
    let err = sessions.who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap_err();
    assert_eq!(err.code(), Code::Unauthenticated);
    let old = hall.password.clone().unwrap();
    assert!(sessions.sign_in(request("admin", &old)).await.is_err());
    sessions.sign_in(request("admin", &new)).await.unwrap();
}
