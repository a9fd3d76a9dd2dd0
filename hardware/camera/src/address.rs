//! A camera's address taken apart: where it is, and the credentials, which travel separately.

use hardware_ports::secrets::{self, percent_decoded};

/// The parts of `rtsp://user:password@host:554/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without credentials.
    pub url: String,
    pub user: Option<String>,
    pub password: Option<String>,
    /// `rtsps://`
    pub tls: bool,
}

impl Address {
    /// What must never be seen in a text: the password as written is struck out by its place, this is for its copies.
    pub fn secrets(&self) -> Vec<String> {
        self.password.iter().cloned().chain(secrets::secrets(&self.url)).collect()
    }
}

/// Credentials may be percent-encoded (RFC 3986 §3.2.1). The last `@` before the path ends them, since cameras' manuals
/// show passwords with an unescaped one.
pub fn parse(url: &str) -> Address {
    let (scheme, rest) = url.split_once("://").unwrap_or(("rtsp", url));
    let tls = scheme.eq_ignore_ascii_case("rtsps");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return Address { url: url.to_owned(), user: None, password: None, tls };
    };
    let (user, password) = match rest[..at].split_once(':') {
        Some((user, password)) => (user, Some(percent_decoded(password))),
        None => (&rest[..at], None),
    };
    Address {
        url: format!("{scheme}://{}", &rest[at + 1..]),
        user: Some(percent_decoded(user)),
        password,
        tls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, want: &str, user: Option<&str>, password: Option<&str>) {
        let got = parse(url);
        assert_eq!((got.url.as_str(), got.user.as_deref(), got.password.as_deref()), (want, user, password));
    }

    #[test]
    fn credentials_leave_the_address() {
        check("rtsp://cam/x", "rtsp://cam/x", None, None);
        check("rtsp://cam:8554/x?a=b@c", "rtsp://cam:8554/x?a=b@c", None, None);
        check("rtsp://u:p@cam/x", "rtsp://cam/x", Some("u"), Some("p"));
        check("rtsp://u@cam/x", "rtsp://cam/x", Some("u"), None);
        check("rtsp://u:p@ss:w@cam", "rtsp://cam", Some("u"), Some("p@ss:w"));
        check("rtsp://u:a%2Fb%@cam/", "rtsp://cam/", Some("u"), Some("a/b%"));
        check("rtsp://u:%zz%4@cam/", "rtsp://cam/", Some("u"), Some("%zz%4"));
        check("rtsp://cam/x?password=a@b", "rtsp://cam/x?password=a@b", None, None);
        check("RTSPS://u:@[::1]:322/x", "RTSPS://[::1]:322/x", Some("u"), Some(""));
    }

    #[test]
    fn every_secret_of_an_address_is_known() {
        let secrets = |url: &str| parse(url).secrets();
        assert_eq!(secrets("rtsp://u:p%40ss@cam/x?token=abcd"), ["p@ss", "abcd"]);
        assert_eq!(secrets("rtsp://cam/user=u_password=tlJwpbo6_channel=1"), ["tlJwpbo6"]);
    }
}
