//! Passwords and tokens in addresses: wherever camera makers let people write them, they are struck out before anybody sees them.
//!
//! When in doubt more is hidden: a piece of a path can be missed, a piece of a password cannot be taken back.

/// What stands for a secret.
const STRUCK: &str = "***";
/// A pair whose name has one of these in it, in any case, holds a secret: `password`, `loginPas`, `pwd`, `X-Amz-Signature` …
const PARTS: &[&str] = &[
    "pas",
    "pwd",
    "psw",
    "token",
    "secret",
    "auth",
    "credential",
    "sign",
    "session",
    "key",
    "hash",
    "digest",
    "jwt",
];
/// Names too short to look for inside others.
const WHOLE: &[&str] = &["p", "pw", "sid", "sig"];
/// Shorter values of pairs are struck out by their place only: replaced everywhere they would make texts unreadable.
const COPY_MIN: usize = 4;

/// The URL with its password struck out, for people and logs: in `user:password@`, and in pairs such as `password=…`
/// anywhere behind the host, whatever separates them (`?a&b`, or as Xiongmai writes, `/user=admin_password=…_channel=1`).
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // A path, or an address whose scheme was forgotten.
        return if url.starts_with(['/', '.']) {
            url.to_owned()
        } else {
            userinfo(&pairs(url, url_ends), url_authority(url))
        };
    };
    let authority = url_authority(rest);
    let shown = match rest[..authority].rfind('@') {
        // The password itself may look like a pair.
        Some(at) => format!("{}{}", userinfo(&rest[..=at], at + 1), pairs(&rest[at + 1..], url_ends)),
        None => {
            let struck = pairs(rest, url_ends);
            userinfo(&struck, url_authority(&struck))
        }
    };
    format!("{scheme}://{shown}")
}

/// A text of some library, which may quote an address: every pair that holds a secret struck out.
pub fn without_pairs(text: &str) -> String {
    pairs(text, text_ends)
}

/// Values behind the host of `url` that must not be seen elsewhere either, as written and percent-decoded.
pub fn secrets(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let behind = rest.get(url_authority(rest)..).unwrap_or("");
    let mut found = Vec::new();
    for (from, to) in values(behind, url_ends) {
        let value = &behind[from..to];
        for secret in [value.to_owned(), percent_decoded(value)] {
            if secret.len() >= COPY_MIN && !found.contains(&secret) {
                found.push(secret);
            }
        }
    }
    found
}

/// Percent-decoded (RFC 3986 §2.1); a `%` without two hexadecimal digits behind it stands for itself.
pub fn percent_decoded(text: &str) -> String {
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

fn url_authority(rest: &str) -> usize {
    rest.find(['/', '?', '#']).unwrap_or(rest.len())
}

/// `user:password@` with the password struck out.
fn userinfo(rest: &str, authority: usize) -> String {
    // The last '@' ends the credentials: passwords with an unescaped '@' are common in cameras' manuals.
    // A password with an unescaped '/' ends later still; then rather hide a piece of the path than show one of the password.
    let Some(at) = rest[..authority].rfind('@').or_else(|| rest.rfind('@')) else {
        return rest.to_owned();
    };
    match rest[..at].split_once(':') {
        Some((user, _)) => format!("{user}:{STRUCK}{}", &rest[at..]),
        None => rest.to_owned(),
    }
}

fn pairs(text: &str, ends: fn(char) -> bool) -> String {
    let (mut out, mut shown) = (String::with_capacity(text.len()), 0);
    for (from, to) in values(text, ends) {
        out.push_str(&text[shown..from]);
        out.push_str(STRUCK);
        shown = to;
    }
    out.push_str(&text[shown..]);
    out
}

/// Byte ranges of the values that are secrets, none of them empty.
fn values(text: &str, ends: fn(char) -> bool) -> Vec<(usize, usize)> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(equals) = text[from..].find('=').map(|i| from + i) {
        let before = &text[from..equals];
        let name =
            before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("").to_ascii_lowercase();
        let begin = equals + 1;
        let secret = WHOLE.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part));
        from = begin;
        if secret {
            let end = end_of_value(text, begin, ends);
            if end > begin {
                found.push((begin, end));
            }
            from = end;
        }
    }
    found
}

/// A value goes on until a separator that begins the next pair: passwords have `_`, `/` and even `&` in them.
fn end_of_value(text: &str, begin: usize, ends: fn(char) -> bool) -> usize {
    for (i, c) in text[begin..].char_indices() {
        let next = &text[begin + i + c.len_utf8()..];
        let over = match c {
            '&' | ';' | '?' => begins_pair(next, true),
            '_' | '/' | ',' | '|' => begins_pair(next, false),
            c => ends(c),
        };
        if over {
            return begin + i;
        }
    }
    text.len()
}

/// Whether `text` begins with `name=`.
fn begins_pair(text: &str, underscores: bool) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || (underscores && c == '_');
    let name = text.find(|c: char| !part(c)).unwrap_or(text.len());
    name > 0 && text[name..].starts_with('=')
}

fn url_ends(_: char) -> bool {
    false
}

fn text_ends(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ')' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, want: &str) {
        assert_eq!(without_password(url), want);
    }

    #[test]
    fn passwords_before_the_host() {
        check("rtsp://admin:s3cret@10.0.0.9:554/a?b=c@d", "rtsp://admin:***@10.0.0.9:554/a?b=c@d");
        check("rtsp://admin:p@ss@cam/x", "rtsp://admin:***@cam/x");
        check("rtsp://admin@cam/x", "rtsp://admin@cam/x");
        check("rtsp://cam/x", "rtsp://cam/x");
        check("rtsp://admin:a/b@cam/x", "rtsp://admin:***@cam/x");
        check("rtsp://admin:pass=word@cam/x?y=1", "rtsp://admin:***@cam/x?y=1");
        check("/clips/a:b@c.mp4", "/clips/a:b@c.mp4");
        check("admin:s3cret@10.0.0.9/x", "admin:***@10.0.0.9/x");
        // Hikvision, Dahua, Axis: nothing but the user information is secret.
        check("rtsp://admin:x@h:554/Streaming/Channels/101", "rtsp://admin:***@h:554/Streaming/Channels/101");
        check(
            "rtsp://admin:x@h/cam/realmonitor?channel=1&subtype=0",
            "rtsp://admin:***@h/cam/realmonitor?channel=1&subtype=0",
        );
        check(
            "rtsp://root:x@h/axis-media/media.amp?videocodec=h264&resolution=1280x720",
            "rtsp://root:***@h/axis-media/media.amp?videocodec=h264&resolution=1280x720",
        );
    }

    #[test]
    fn passwords_behind_the_host() {
        // Xiongmai, both ways it is written.
        check(
            "rtsp://10.0.0.9:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.9:554/user=admin_password=***_channel=1_stream=0.sdp?real_stream",
        );
        check(
            "rtsp://10.0.0.9:554/user=admin&password=a_b/c&channel=1&stream=0.sdp?",
            "rtsp://10.0.0.9:554/user=admin&password=***&channel=1&stream=0.sdp?",
        );
        check("rtsp://h:554/user=admin&password=&channel=1", "rtsp://h:554/user=admin&password=&channel=1");
        check(
            "rtsp://h/user=admin_password=my_pass_word_channel=2",
            "rtsp://h/user=admin_password=***_channel=2",
        );
        // Foscam, VStarcam, Vivotek, Reolink, TVT, and what servers in between add.
        check(
            "http://h:88/cgi-bin/CGIStream.cgi?cmd=GetMJStream&usr=u&pwd=x",
            "http://h:88/cgi-bin/CGIStream.cgi?cmd=GetMJStream&usr=u&pwd=***",
        );
        check(
            "http://h/videostream.cgi?user=u&pwd=x&rate=0",
            "http://h/videostream.cgi?user=u&pwd=***&rate=0",
        );
        check(
            "http://h/videostream.cgi?loginuse=u&loginpas=x",
            "http://h/videostream.cgi?loginuse=u&loginpas=***",
        );
        check(
            "rtsp://h/live.sdp?userName=u&passWord=x&codec=h264",
            "rtsp://h/live.sdp?userName=u&passWord=***&codec=h264",
        );
        check(
            "http://h/flv?app=bcs&stream=channel0_main.bcs&user=u&password=x",
            "http://h/flv?app=bcs&stream=channel0_main.bcs&user=u&password=***",
        );
        check(
            "http://h/cgi-bin/api.cgi?cmd=Snap&channel=0&token=abc123",
            "http://h/cgi-bin/api.cgi?cmd=Snap&channel=0&token=***",
        );
        check(
            "rtsp://h/?chID=1&streamType=main&userName=u&passWord=x",
            "rtsp://h/?chID=1&streamType=main&userName=u&passWord=***",
        );
        check("rtsp://h/ch0_0.264?auth=YWRtaW46eA==", "rtsp://h/ch0_0.264?auth=***");
        check("rtsp://h/mystream?jwt=e.y.J&x=1", "rtsp://h/mystream?jwt=***&x=1");
        check("srt://h:9000?passphrase=long%20one&mode=caller", "srt://h:9000?passphrase=***&mode=caller");
        check(
            "https://h/s?X-Amz-Credential=A/b&X-Amz-Signature=c",
            "https://h/s?X-Amz-Credential=***&X-Amz-Signature=***",
        );
        check("rtsp://h/s?u=admin&p=x", "rtsp://h/s?u=admin&p=***");
        check("rtsp://h/s?PASSWORD=x", "rtsp://h/s?PASSWORD=***");
        check("rtsp://h/s;password=x;channel=1", "rtsp://h/s;password=***;channel=1");
        // What is not a secret stays, and both kinds together.
        check("rtsp://h/media/video1?profile=main&fps=25", "rtsp://h/media/video1?profile=main&fps=25");
        check("rtsp://u:x@h/s?password=y", "rtsp://u:***@h/s?password=***");
    }

    #[test]
    fn unescaped_characters_do_not_end_a_password_early() {
        check("rtsp://h:554/user=u&password=p@ss&channel=1", "rtsp://h:554/user=u&password=***&channel=1");
        check("rtsp://h/s?password=a&b&channel=1", "rtsp://h/s?password=***&channel=1");
        check("rtsp://h/s?password=a#b", "rtsp://h/s?password=***");
        check("rtsp://h/s?password=a?b=c", "rtsp://h/s?password=***?b=c");
        check("rtsp://h/s?password=a=b", "rtsp://h/s?password=***");
        check("rtsp://h/s?password=mật-khẩu&x=1", "rtsp://h/s?password=***&x=1");
    }

    #[test]
    fn copies_and_quotes_are_found() {
        assert_eq!(secrets("rtsp://h/s?user=u&password=a%2Fbc&p=1"), ["a%2Fbc", "a/bc"]);
        assert_eq!(secrets("rtsp://u:x@h/s"), Vec::<String>::new());
        assert_eq!(
            without_pairs("GET \"rtsp://h/s?password=x1\" failed: 404 (token=abc) at 12:30"),
            "GET \"rtsp://h/s?password=***\" failed: 404 (token=***) at 12:30"
        );
    }
}
