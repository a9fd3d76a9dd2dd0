//! `SessionService`: signing in and out.

use std::sync::Arc;
use std::time::Duration;

use models_wire::v1;
use models_wire::v1::session_service_server::SessionService;
use tonic::{Request, Response, Status};

use super::internal;
use crate::auth::guard::{self, COOKIE};
use crate::auth::passwords::{NAME_MAX, PASSWORD_MAX, Refused};
use crate::hall::Hall;

pub struct SessionCalls {
    pub hall: Arc<Hall>,
}

#[tonic::async_trait]
impl SessionService for SessionCalls {
    async fn sign_in(
        &self,
        request: Request<v1::SignInRequest>,
    ) -> Result<Response<v1::SignInResponse>, Status> {
        let hall = &self.hall;
        let address = guard::peer(&request).ok_or_else(|| Status::internal("who asks is not known"))?.ip();
        let v1::SignInRequest { name, password } = request.into_inner();
        if name.len() > NAME_MAX || password.len() > PASSWORD_MAX {
            return Err(wrong());
        }
        hall.passwords.may_try(&name, address, hall.clock.elapsed()).map_err(refused)?;
        let known = hall.store.password_hash(&name).await.map_err(internal)?;
        if !hall.passwords.check(password, known).await.map_err(refused)? {
            tracing::warn!(%address, "a sign-in with a wrong name or password");
            return Err(wrong());
        }
        hall.passwords.was_right(&name, address, hall.clock.elapsed());
        let (token, expires) = hall.sessions.begin(&name).await.map_err(internal)?;
        tracing::info!(user = name, %address, "signed in");
        let seconds = (expires.since(hall.clock.now()).0 + 999) / 1000;
        let cookie = self.cookie(&token, seconds);
        let mut response = Response::new(v1::SignInResponse { token, expires_ms: expires.0 });
        response.metadata_mut().insert("set-cookie", cookie.parse().map_err(internal)?);
        Ok(response)
    }

    async fn sign_out(
        &self,
        request: Request<v1::SignOutRequest>,
    ) -> Result<Response<v1::SignOutResponse>, Status> {
        let session = guard::session(&request)?;
        self.hall.sessions.end(&session).await.map_err(internal)?;
        tracing::info!(user = session.user, "signed out");
        let mut response = Response::new(v1::SignOutResponse {});
        response.metadata_mut().insert("set-cookie", self.cookie("", 0).parse().map_err(internal)?);
        Ok(response)
    }

    async fn who_am_i(
        &self,
        request: Request<v1::WhoAmIRequest>,
    ) -> Result<Response<v1::WhoAmIResponse>, Status> {
        let session = guard::session(&request)?;
        Ok(Response::new(v1::WhoAmIResponse { name: session.user, expires_ms: session.expires.0 }))
    }
}

impl SessionCalls {
    fn cookie(&self, token: &str, seconds: i64) -> String {
        let secure = if self.hall.tls { "; Secure" } else { "" };
        format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
    }
}

/// The same for an unknown name and for a wrong password.
fn wrong() -> Status {
    Status::unauthenticated("name or password is wrong")
}

fn refused(why: Refused) -> Status {
    match why {
        Refused::TooOften(wait) => Status::resource_exhausted(format!(
            "too many tries; wait {} s and try again",
            (wait + Duration::from_millis(999)).as_secs().max(1)
        )),
        Refused::Busy => {
            Status::resource_exhausted("too many people are signing in; try again in a few seconds")
        }
    }
}
