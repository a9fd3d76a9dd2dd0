//! A camera's address taken apart: where it is, and the credentials, which travel separately.

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
        self.password.iter().cloned().collect()
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
        Some((user, password)) => (user, Some(decoded(password))),
        None => (&rest[..at], None),
    };
    Address { url: format!("{scheme}://{}", &rest[at + 1..]), user: Some(decoded(user)), password, tls }
}

/// Percent-decoded; a `%` without two hexadecimal digits behind it stands for itself.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let digits = bytes.get(i + 1..i + 3).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok());
        match byte {
            Some(byte) if bytes[i] == b'%' => {
                out.push(byte);
                i += 3;
            }
            _ => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
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
        check("RTSPS://u:@[::1]:322/x", "RTSPS://[::1]:322/x", Some("u"), Some(""));
    }
}
