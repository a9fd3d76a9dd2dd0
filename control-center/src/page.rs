//! The page's files, compiled in. The guard stands before them.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// Answers GET and HEAD of a file; `/` is `index.html`, `/sign-in` is `sign-in.html`.
pub async fn serve(request: Request) -> Response<Body> {
    let (method, path) = (request.method(), request.uri().path());
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let name = match path {
        "/" => "index.html",
        "/sign-in" => "sign-in.html",
        _ => path.trim_start_matches('/'),
    };
    let Some(file) = Files::get(name) else {
        return (StatusCode::NOT_FOUND, "there is no such page").into_response();
    };
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    // Vite names the files under assets/ after their content.
    let keep = if name.starts_with("assets/") { "private, max-age=31536000, immutable" } else { "no-cache" };
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    if known {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let whole = file.data;
    let range = request.headers().get(header::RANGE).and_then(|v| v.to_str().ok());
    let mut response = match range.map(|r| part(r, whole.len())) {
        Some(Some((from, to))) => {
            let said = format!("bytes {from}-{}/{}", to - 1, whole.len());
            let bytes = whole[from..to].to_vec();
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, said)], bytes).into_response()
        }
        Some(None) => {
            let said = format!("bytes */{}", whole.len());
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, said)]).into_response();
        }
        None => whole.into_owned().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// One range of bytes (RFC 9110 §14.1.2), end exclusive; map tiles are read this way.
fn part(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from, to) {
        ("", last) => (length.checked_sub(last.parse().ok()?)?, length),
        (from, "") => (from.parse().ok()?, length),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.checked_add(1)?.min(length)),
    };
    (from < to && to <= length).then_some((from, to))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "geojson" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(part("bytes=0-4", 10), Some((0, 5)));
        assert_eq!(part("bytes=5-", 10), Some((5, 10)));
        assert_eq!(part("bytes=-3", 10), Some((7, 10)));
        assert_eq!(part("bytes=8-99", 10), Some((8, 10)));
        for bad in [
            "bytes=10-",
            "bytes=5-4",
            "bytes=-11",
            "bytes=a-b",
            "lines=0-1",
            "bytes=-0",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(part(bad, 10), None, "{bad}");
        }
    }
}
