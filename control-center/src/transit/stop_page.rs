//! The page of a stop for people who wait there: next buses, no script, no sign-in, Vietnamese or English.

use std::fmt::Write;

use axum::http::{HeaderMap, header};
use models_domain::DurationMs;
use models_domain::transit::timetable::{FeedId, StopId};

use super::shown::{NextBus, Shown};

/// Stops that a search lists.
const FOUND_MAX: usize = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Vietnamese,
    English,
}

impl Language {
    /// What the address asks for, or the browser; Vietnamese when neither says.
    pub fn of(asked: &str, headers: &HeaderMap) -> Self {
        let browser = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or("");
        match asked {
            "en" => Self::English,
            "vi" => Self::Vietnamese,
            _ if browser.to_ascii_lowercase().starts_with("en") => Self::English,
            _ => Self::Vietnamese,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Vietnamese => "vi",
            Self::English => "en",
        }
    }

    fn say(self, vi: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Vietnamese => vi,
            Self::English => en,
        }
    }
}

const STYLE: &str = "body{font:17px/1.4 system-ui,sans-serif;margin:0 auto;max-width:36rem;padding:1rem;color:#14202b;background:#f6f8fa}\
h1{font-size:1.4rem;margin:.2rem 0}p{margin:.3rem 0}.soft{color:#4a5b6a;font-size:.9rem}a{color:#0b5cad}\
ul{list-style:none;margin:1rem 0;padding:0}li{background:#fff;border:1px solid #d9e0e6;border-radius:.5rem;padding:.7rem .9rem;margin:.5rem 0;\
display:flex;gap:.9rem;align-items:center}.route{background:#0b5cad;color:#fff;border-radius:.35rem;font-weight:700;min-width:3rem;padding:.2rem .5rem;text-align:center}\
.where{flex:1;min-width:0}.when{font-weight:700;font-size:1.15rem;text-align:right;white-space:nowrap}.live{color:#0a6b3d}\
form{display:flex;gap:.5rem;margin:1rem 0}input{flex:1;font:inherit;padding:.5rem;border:1px solid #8a9aa8;border-radius:.35rem}\
button{font:inherit;padding:.5rem 1rem;border:0;border-radius:.35rem;background:#0b5cad;color:#fff}\
@media(prefers-color-scheme:dark){body{background:#10161c;color:#e8eef3}li{background:#1a232c;border-color:#2e3b47}.soft{color:#a5b4c1}a{color:#7db8ff}.live{color:#58d695}}";

/// The page of one stop; `None` when there is no such stop.
pub fn stop(shown: &Shown, key: &(FeedId, StopId), language: Language) -> Option<String> {
    let (stop, zone) = (shown.stops.get(key)?, shown.zone_by_feed.get(&key.0)?);
    let mut list = String::new();
    for bus in &stop.buses {
        let clock = &zone.local(bus.at)[11..16];
        let soon = wait((bus.at.0 - shown.at.0) / 60_000, language);
        let (class, source, when, clock) = match (&bus.vehicle, bus.every) {
            (Some(_), _) => (" live", language.say("theo vị trí xe", "from the bus's position"), soon, clock),
            (None, None) => ("", language.say("theo biểu đồ", "from the timetable"), soon, clock),
            // No time is promised, so none is told.
            (None, Some(every)) => {
                ("", language.say("theo giãn cách", "by how often it runs"), often(every, language), "")
            }
        };
        write!(
            list,
            "<li><span class=route>{}</span><span class=where>{}<br><span class=soft>{source}</span></span>\
             <span class=\"when{class}\">{when}<br><span class=soft>{clock}</span></span></li>",
            escape(&bus.route),
            escape(toward(bus, language)),
        )
        .ok()?;
    }
    if stop.buses.is_empty() {
        let none = language.say("Không có xe nào trong 90 phút tới.", "No bus within the next 90 minutes.");
        list = format!("<li>{none}</li>");
    }
    let name = if stop.name.is_empty() { key.1.as_str() } else { &stop.name };
    let body = format!(
        "<p class=soft>{}</p><h1>{}</h1><p class=soft>{} {} · {} {}</p><ul>{list}</ul><p><a href=\"/stops?lang={}\">{}</a></p>",
        language.say("Trạm xe buýt", "Bus stop"),
        escape(name),
        language.say("Mã", "Code"),
        escape(if stop.code.is_empty() { key.1.as_str() } else { &stop.code }),
        language.say("cập nhật lúc", "as of"),
        &zone.local(shown.at)[11..19],
        language.code(),
        language.say("Tìm trạm khác", "Find another stop"),
    );
    // Whoever reads it wants the next minute's answer; whoever types must not be interrupted.
    Some(page(name, "<meta http-equiv=refresh content=15>", &body, "", language))
}

/// The page where stops are looked for by name or code.
pub fn find(shown: &Shown, asked: &str, language: Language) -> String {
    let wanted = plain(asked.trim());
    let fits = |text: &str| plain(text).contains(&wanted);
    let mut list = String::new();
    let found = shown.stops.iter().filter(|((_, id), s)| fits(&s.name) || fits(&s.code) || fits(id.as_str()));
    let found: Vec<_> = found.take(if wanted.is_empty() { 0 } else { FOUND_MAX + 1 }).collect();
    for ((feed, id), stop) in found.iter().take(FOUND_MAX) {
        let name = if stop.name.is_empty() { id.as_str() } else { &stop.name };
        // Both sides of a street have one name.
        let code = Some(if stop.code.is_empty() { id.as_str() } else { &stop.code }).filter(|c| *c != name);
        let code = code.map_or(String::new(), |code| format!("<span class=soft>{}</span>", escape(code)));
        list += &format!(
            "<li><a href=\"/stops/{}/{}?lang={}\">{}</a>{code}</li>",
            percent(feed.as_str()),
            percent(id.as_str()),
            language.code(),
            escape(name)
        );
    }
    if found.len() > FOUND_MAX {
        let more = language
            .say("Còn trạm khác: gõ thêm tên hoặc mã.", "There are more: type more of the name or code.");
        list += &format!("<li>{more}</li>");
    }
    if list.is_empty() && !wanted.is_empty() {
        list = format!("<li>{}</li>", language.say("Không tìm thấy trạm nào.", "No such stop."));
    }
    let title = language.say("Xe buýt sắp đến", "Next buses");
    let body = format!(
        "<h1>{title}</h1><form action=\"/stops\"><input name=q aria-label=\"{0}\" placeholder=\"{0}\" value=\"{1}\">\
         <input type=hidden name=lang value={2}><button>{3}</button></form><ul>{list}</ul>",
        language.say("Tên hoặc mã trạm", "Name or code of a stop"),
        escape(asked),
        language.code(),
        language.say("Tìm", "Find"),
    );
    page(title, "", &body, asked, language)
}

/// `asked`: what the search field holds, which goes along into the other language.
fn page(title: &str, refresh: &str, body: &str, asked: &str, language: Language) -> String {
    let (other, other_name) = match language {
        Language::Vietnamese => ("en", "English"),
        Language::English => ("vi", "Tiếng Việt"),
    };
    let query = if asked.is_empty() { String::new() } else { format!("q={}&amp;", percent(asked)) };
    format!(
        "<!doctype html><html lang={}><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
         {refresh}<title>{}</title><style>{STYLE}</style><main>{body}</main>\
         <footer class=soft><a href=\"?{query}lang={other}\" lang={other}>{other_name}</a></footer></html>",
        language.code(),
        escape(title)
    )
}

fn toward(bus: &NextBus, language: Language) -> &str {
    if bus.headsign.is_empty() { language.say("Tuyến xe buýt", "Bus") } else { &bus.headsign }
}

fn wait(minutes: i64, language: Language) -> String {
    match minutes {
        i64::MIN..=0 => language.say("sắp đến", "now").to_owned(),
        _ => format!("{minutes} {}", language.say("phút", "min")),
    }
}

fn often(every: DurationMs, language: Language) -> String {
    let minutes = ((every.seconds() / 60.0).round() as i64).max(1);
    match language {
        Language::Vietnamese => format!("khoảng {minutes} phút/chuyến"),
        Language::English => format!("about every {minutes} min"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// In small letters without tone marks, composed or not: half of all phones write none.
fn plain(text: &str) -> String {
    let small = text.chars().flat_map(char::to_lowercase);
    small.filter(|c| !('\u{300}'..='\u{36f}').contains(c)).map(unmarked).collect()
}

fn unmarked(letter: char) -> char {
    match letter {
        'à' | 'á' | 'ả' | 'ã' | 'ạ' | 'ă' | 'ằ' | 'ắ' | 'ẳ' | 'ẵ' | 'ặ' | 'â' | 'ầ' | 'ấ' | 'ẩ' | 'ẫ'
        | 'ậ' => 'a',
        'è' | 'é' | 'ẻ' | 'ẽ' | 'ẹ' | 'ê' | 'ề' | 'ế' | 'ể' | 'ễ' | 'ệ' => 'e',
        'ì' | 'í' | 'ỉ' | 'ĩ' | 'ị' => 'i',
        'ò' | 'ó' | 'ỏ' | 'õ' | 'ọ' | 'ô' | 'ồ' | 'ố' | 'ổ' | 'ỗ' | 'ộ' | 'ơ' | 'ờ' | 'ớ' | 'ở' | 'ỡ'
        | 'ợ' => 'o',
        'ù' | 'ú' | 'ủ' | 'ũ' | 'ụ' | 'ư' | 'ừ' | 'ứ' | 'ử' | 'ữ' | 'ự' => 'u',
        'ỳ' | 'ý' | 'ỷ' | 'ỹ' | 'ỵ' => 'y',
        'đ' => 'd',
        other => other,
    }
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            out += &format!("%{b:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::shown::ShownStop;
    use super::*;

    #[test]
    fn a_name_cannot_become_markup() {
        assert_eq!(escape("<b a=\"x\">&"), "&lt;b a=&quot;x&quot;&gt;&amp;");
        assert_eq!(percent("a/b ế"), "a%2Fb%20%E1%BA%BF");
        let page = find(&Shown::default(), "\"><script>", Language::English);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("http-equiv=refresh"), "a search is not interrupted: {page}");
    }

    fn city(stops: &[(&str, &str, &str)]) -> Shown {
        let mut shown = Shown::default();
        for (id, name, code) in stops {
            let stop = ShownStop { code: (*code).into(), name: (*name).into(), buses: Vec::new() };
            shown.stops.insert(("xe".into(), (*id).into()), stop);
        }
        shown
    }

    #[test]
    fn a_stop_is_found_without_tone_marks_and_told_from_the_one_across_the_street() {
        let shown =
            city(&[("1", "Bến xe Mỹ Đình", "MD-A"), ("2", "Bến xe Mỹ Đình", ""), ("3", "Đường Láng", "")]);
        let found = |asked: &str| {
            let page = find(&shown, asked, Language::Vietnamese);
            ["1", "2", "3"].map(|id| page.contains(&format!("/stops/xe/{id}?")))
        };
        for asked in ["ben xe my dinh", "Bến xe Mỹ Đình", "BẾN XE", "Be\u{302}\u{301}n xe", "mỹ đinh"]
        {
            assert_eq!(found(asked), [true, true, false], "{asked}");
        }
        assert_eq!((found("duong lang"), found("md-a")), ([false, false, true], [true, false, false]));
        let page = find(&shown, "dinh", Language::Vietnamese);
        assert!(page.contains("</a><span class=soft>MD-A</span>"), "{page}");
        assert!(page.contains("</a><span class=soft>2</span>"), "{page}");
    }

    #[test]
    fn that_more_stops_were_found_than_are_listed_is_said() {
        let names: Vec<String> = (0..=FOUND_MAX).map(|i| format!("s{i:02}")).collect();
        let stops: Vec<_> = names.iter().map(|id| (id.as_str(), "Nguyễn Trãi", "")).collect();
        let listed = |stops: &[(&str, &str, &str)]| {
            let page = find(&city(stops), "nguyen trai", Language::Vietnamese);
            (page.matches("<li><a").count(), page.contains("Còn trạm khác"))
        };
        assert_eq!((listed(&stops[..FOUND_MAX]), listed(&stops)), ((FOUND_MAX, false), (FOUND_MAX, true)));
    }

    #[test]
    fn what_was_typed_goes_along_into_the_other_language() {
        let link = |asked, language| {
            let page = find(&Shown::default(), asked, language);
            let from = page.find("<footer").unwrap();
            page[from..].split('"').nth(1).unwrap().to_owned()
        };
        let typed = "Bệnh viện E & \"108\"";
        let want = "?q=B%E1%BB%87nh%20vi%E1%BB%87n%20E%20%26%20%22108%22&amp;lang=en";
        assert_eq!(link(typed, Language::Vietnamese), want);
        assert_eq!(link("100% +1", Language::English), "?q=100%25%20%2B1&amp;lang=vi");
        assert_eq!(link("", Language::English), "?lang=vi");
    }

    #[test]
    fn the_address_wins_over_the_browser() {
        let mut headers = HeaderMap::new();
        assert_eq!(Language::of("", &headers), Language::Vietnamese);
        headers.insert(header::ACCEPT_LANGUAGE, header::HeaderValue::from_static("en-GB,en"));
        assert_eq!(Language::of("", &headers), Language::English);
        assert_eq!(Language::of("vi", &headers), Language::Vietnamese);
    }
}
