//! The one gate in front of everything: gRPC, reflection, health and page. Closed unless [`is_open`] says otherwise.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use tonic::Status;

use super::sessions::Session;
use crate::hall::Hall;
use crate::metrics;

pub const COOKIE: &str = "ngatu_session";
pub const SIGN_IN: &str = "/sign-in";
const SIGN_IN_CALL: &str = "/ngatu.v1.SessionService/SignIn";

/// Lets a request through with its [`Session`], or answers it.
pub async fn guard(State(hall): State<Arc<Hall>>, mut request: Request, next: Next) -> Response<Body> {
    request.extensions_mut().remove::<Session>();
    if is_open(request.method(), request.uri().path(), hall.public_buses) {
        return match forged(request.headers(), request.uri().path()) {
            Some(status) => refuse(&request, status),
            None => next.run(request).await,
        };
    }
    let Some((token, by_cookie)) = token(request.headers()) else {
        return refuse(&request, Status::unauthenticated("sign in first"));
    };
    if !by_cookie && is_scraper(&hall, &request, &token) {
        return next.run(request).await;
    }
    match hall.sessions.find(&token).await {
        Ok(Some(session)) => {
            // A browser sends the cookie by itself, so a call must be one that no foreign page can make.
            if by_cookie && request.method() != Method::GET && request.method() != Method::HEAD {
                let web = content_type(request.headers()).starts_with("application/grpc-web");
                if !web || foreign(request.headers()) {
                    return refuse(
                        &request,
                        Status::permission_denied("this call did not come from the page"),
                    );
                }
            }
            request.extensions_mut().insert(session);
            next.run(request).await
        }
        Ok(None) => refuse(&request, Status::unauthenticated("the session is over; sign in again")),
        Err(err) => {
            tracing::error!("looking for a session: {:#}", anyhow::Error::from(err));
            refuse(&request, Status::unavailable("the hall's database does not answer; try again"))
        }
    }
}

/// What needs no session: signing in, the files that the sign-in page is made of, and what passengers are told of buses if they are.
fn is_open(method: &Method, path: &str, public_buses: bool) -> bool {
    if path == SIGN_IN_CALL {
        return method == Method::POST;
    }
    let read = method == Method::GET || method == Method::HEAD;
    let file = path == SIGN_IN
        || path.starts_with("/sign-in/")
        || path.starts_with("/assets/sign-in-")
        || path.starts_with("/assets/shared-");
    read && (file || (public_buses && crate::transit::web::is_open(path)))
}

/// The token of the scraper opens the metrics alone.
fn is_scraper(hall: &Hall, request: &Request, token: &str) -> bool {
    let read = request.method() == Method::GET || request.method() == Method::HEAD;
    read && request.uri().path() == metrics::PATH && hall.scraper.as_ref().is_some_and(|s| s.is(token))
}

/// Signing in must be a call too: a foreign page could otherwise sign its victim in as somebody else.
fn forged(headers: &HeaderMap, path: &str) -> Option<Status> {
    let call = content_type(headers).starts_with("application/grpc") && !foreign(headers);
    (path == SIGN_IN_CALL && !call).then(|| Status::permission_denied("this is no call of the sign-in page"))
}

/// Browsers say where a request comes from; programs do not.
fn foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// The token and whether it came as a cookie. A program's `authorization` goes first.
fn token(headers: &HeaderMap) -> Option<(String, bool)> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| (token.trim().to_owned(), false));
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = cookies.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| (token.to_owned(), true))
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// A call gets a gRPC status, a page is sent to the sign-in page, anything else gets 401, 403 or 503.
fn refuse(request: &Request, status: Status) -> Response<Body> {
    let asked = content_type(request.headers());
    if asked.starts_with("application/grpc") {
        let mut response = status.into_http();
        if asked.starts_with("application/grpc-web")
            && let Ok(same) = HeaderValue::from_str(asked)
        {
            response.headers_mut().insert(header::CONTENT_TYPE, same);
        }
        return response;
    }
    let unauthenticated = status.code() == tonic::Code::Unauthenticated;
    // A scraper does not sign in by a page.
    let page = request.uri().path() != metrics::PATH;
    if unauthenticated && page && (request.method() == Method::GET || request.method() == Method::HEAD) {
        let to_sign_in = [(header::LOCATION, SIGN_IN), (header::CACHE_CONTROL, "no-store")];
        return (StatusCode::SEE_OTHER, to_sign_in).into_response();
    }
    let code = if unauthenticated {
        StatusCode::UNAUTHORIZED
    } else if status.code() == tonic::Code::PermissionDenied {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, status.message().to_owned()).into_response()
}

/// Whether this is a call of gRPC or gRPC-Web.
pub fn is_call(request: &Request) -> bool {
    content_type(request.headers()).starts_with("application/grpc")
}

/// Where a request comes from.
pub fn peer<T>(request: &tonic::Request<T>) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

/// The session of a call; the guard put it there.
///
/// # Errors
/// `UNAUTHENTICATED` when it did not.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn session<T>(request: &tonic::Request<T>) -> Result<Session, Status> {
    request.extensions().get::<Session>().cloned().ok_or_else(|| Status::unauthenticated("sign in first"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sign_in_page_is_open() {
        let open = |path: &str| is_open(&Method::GET, path, true);
        for path in ["/sign-in", "/assets/sign-in-abc.js", "/assets/shared-x.css", "/sign-in/logo.svg"] {
            assert!(open(path), "{path}");
        }
        for path in [
            "/",
            "/index.html",
            "/sign-in.html",
            "/sign-inx",
            "/assets/index-abc.js",
            "//sign-in",
            "/Sign-in",
            "/assets/",
            "/ngatu.v1.SessionService/SignIn",
            "/ngatu.v1.SessionService/SignIn/",
        ] {
            assert!(!open(path), "{path}");
        }
        assert!(!is_open(&Method::POST, "/sign-in", true));
        assert!(is_open(&Method::POST, SIGN_IN_CALL, false));
        for path in ["/stops", "/stops/xe/s1", "/gtfs-rt/xe/alerts.pb", "/siri/xe/vehicle-monitoring.json"] {
            assert!(open(path) && !is_open(&Method::GET, path, false), "{path}");
        }
        assert!(!open("/transit/report.csv"));
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], want: Option<(&str, bool)>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(axum::http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        assert_eq!(token(&map), want.map(|(t, c)| (t.to_owned(), c)));
    }

    #[test]
    fn tokens_come_as_cookie_or_bearer() {
        check(&[], None);
        check(&[("cookie", "a=b; ngatu_session=T; c=d")], Some(("T", true)));
        check(&[("cookie", "xngatu_session=T")], None);
        check(&[("authorization", "Bearer T")], Some(("T", false)));
        check(&[("authorization", "bearer T"), ("cookie", "ngatu_session=U")], Some(("T", false)));
        check(&[("authorization", "Basic eDp5"), ("cookie", "ngatu_session=U")], None);
    }
}
