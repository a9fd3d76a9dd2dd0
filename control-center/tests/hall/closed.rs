//! Nothing can be reached without a session: every method of every service, every path of the page.

use prost::Message;
use prost_types::FileDescriptorSet;

use crate::harness::Hall;

fn methods() -> Vec<String> {
    let mut methods = Vec::new();
    let sets = [
        models_wire::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    for set in sets {
        for file in FileDescriptorSet::decode(set).unwrap().file {
            for service in &file.service {
                for method in &service.method {
                    methods.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
    }
    methods
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_without_a_session() {
    let hall = Hall::start();
    let methods = methods();
    assert!(methods.len() >= 13, "{methods:?}");
    let open = "/ngatu.v1.SessionService/SignIn";
    assert!(methods.iter().any(|m| m == open));
    for method in methods.iter().filter(|m| *m != open) {
        for (name, value) in [("x", "y"), ("cookie", "ngatu_session=AAAA"), ("authorization", "Bearer AAAA")]
        {
            let answer = hall.grpc_web(method, &(), &[(name, value)]).await;
            assert_eq!(answer.grpc_status(), "16", "{method} with {name}");
        }
        // Not as a call either.
        assert_eq!(hall.get(method, &[]).await.status(), "303", "{method}");
        assert_eq!(hall.http(&format!("POST {method}"), &[], b"").await.status(), "401", "{method}");
    }
    for path in
        ["/", "/index.html", "/sign-in.html", "/assets/index-x.js", "/x/y/z", "/%2e%2e/x", "//sign-in"]
    {
        let answer = hall.get(path, &[]).await;
        assert_eq!((answer.status(), answer.header("location")), ("303", Some("/sign-in")), "{path}");
    }
    let page = hall.get("/sign-in", &[]).await;
    assert_eq!(page.status(), "200");
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("strict-transport-security").is_some());
    assert_eq!(hall.get("/assets/sign-in-none.js", &[]).await.status(), "404");
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_and_health_work_for_who_signed_in() {
    let hall = Hall::start();
    let token = hall.token().await;
    let bearer = format!("Bearer {token}");
    let health = "/grpc.health.v1.Health/Check";
    assert_eq!(hall.grpc_web(health, &(), &[("authorization", &bearer)]).await.grpc_status(), "0");
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let request = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            tonic_reflection::pb::v1::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let answer = hall.grpc_web(reflection, &request, &[("authorization", &bearer)]).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("ngatu.v1.CityService"));
}
