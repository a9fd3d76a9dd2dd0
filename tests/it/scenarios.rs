//! Streets as data: `scenarios/<name>/{scene.toml,in.jsonl,want.txt}`, run through tracker, counters and rules.
//!
//! A line of `in.jsonl` is one picture: `{"at_ms", "detections": [{"class", "bbox", "score"}]}`, or with ready
//! `"tracks": [{"id", "class", "bbox"}]`, one that the tracker carries on with `"unseen": true` and one never seen well with
//! `"clear": false`; a made-up `"look"` besides is what the camera shows, small and grey, and `"unwatched": [from, until]` tells
//! before it in which span nobody watched the stream. With `NGATU_BLESS=1` a run writes `want.txt` anew: read what it wrote.

mod painted;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use models_domain::event::Phase;
use models_domain::scene::Scene;
use models_domain::track::{Settings, Track, Trail};
use models_domain::watch::Watch;
use models_domain::{BBox, CameraId, Class, Detection, EventBody, TrackId, UtcMillis};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Picture {
    at_ms: i64,
    #[serde(default)]
    detections: Vec<Seen>,
    #[serde(default)]
    tracks: Vec<Known>,
    look: Option<painted::Look>,
    /// From when until when before this picture, in ms.
    unwatched: Option<[i64; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    class: Class,
    bbox: [f64; 4],
    score: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    id: u64,
    class: Class,
    bbox: [f64; 4],
    #[serde(default)]
    unseen: bool,
    /// Whether the network was ever sure of it.
    #[serde(default = "yes")]
    clear: bool,
}

fn yes() -> bool {
    true
}

#[test]
fn every_scenario_ends_as_written() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names: Vec<_> = std::fs::read_dir(&folder)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    names.sort();
    assert!(!names.is_empty(), "no scenario in {}", folder.display());
    let mut wrong = String::new();
    for path in names {
        let got = run(&path).with_context(|| format!("scenario {}", path.display()))?;
        let want = path.join("want.txt");
        if std::env::var_os("NGATU_BLESS").is_some() {
            std::fs::write(&want, &got)?;
        }
        let want = std::fs::read_to_string(&want).unwrap_or_default();
        if got != want {
            writeln!(wrong, "== {}\n-- want\n{want}-- got\n{got}", path.display())?;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    Ok(())
}

fn run(path: &Path) -> Result<String> {
    let scene = Scene::parse(&std::fs::read_to_string(path.join("scene.toml"))?)?;
    let watch = Watch::new(CameraId::new("c")?, &scene, Settings::default());
    let mut watch = watch.map_err(|problems| anyhow!(problems.join("; ")))?;
    let (mut out, mut past_by_id) = (Vec::new(), BTreeMap::new());
    for (i, line) in std::fs::read_to_string(path.join("in.jsonl"))?.lines().enumerate() {
        let picture: Picture = serde_json::from_str(line).with_context(|| format!("line {}", i + 1))?;
        let at = UtcMillis(picture.at_ms);
        if let Some([from, until]) = picture.unwatched {
            watch.unwatched(UtcMillis(from), UtcMillis(until));
        }
        let asks = if picture.tracks.is_empty() {
            let seen: Vec<Detection> = picture.detections.iter().map(Seen::detection).collect();
            watch.follow(at, &seen, false)
        } else {
            let tracks: Vec<Track> =
                picture.tracks.iter().map(|known| known.track(at, &mut past_by_id)).collect();
            watch.follow_tracks(at, &tracks)
        };
        let thumb = picture.look.map(|look| look.thumb(i));
        if let Some(thumb) = thumb.as_ref().filter(|_| asks) {
            watch.place(at, thumb);
        }
        watch.judge(at, false, &mut out);
        if let Some(thumb) = &thumb {
            watch.look(at, thumb, &mut out);
        }
    }
    watch.finish(&mut out);
    Ok(out.iter().map(|(at, body)| text(*at, body)).collect())
}

impl Seen {
    fn detection(&self) -> Detection {
        let [x, y, w, h] = self.bbox;
        Detection { class: self.class, bbox: BBox::new(x, y, w, h), score: self.score }
    }
}

/// What is known of a ready track from the pictures before.
struct Past {
    began: UtcMillis,
    began_bbox: BBox,
    last: (UtcMillis, BBox),
    velocity: (f64, f64),
    trail: Trail,
}

impl Known {
    fn track(&self, at: UtcMillis, past_by_id: &mut BTreeMap<u64, Past>) -> Track {
        let [x, y, w, h] = self.bbox;
        let bbox = BBox::new(x, y, w, h);
        let past = past_by_id.entry(self.id).or_insert(Past {
            began: at,
            began_bbox: bbox,
            last: (at, bbox),
            velocity: (0.0, 0.0),
            trail: Trail::default(),
        });
        if !self.unseen {
            past.trail.push(at, &bbox);
            let (last, last_bbox) = std::mem::replace(&mut past.last, (at, bbox));
            let (p, q) = (last_bbox.center(), bbox.center());
            let seconds = at.since(last).seconds().max(0.001);
            past.velocity = ((q.x - p.x) / seconds, (q.y - p.y) / seconds);
        }
        Track {
            id: TrackId(self.id),
            class: self.class,
            bbox,
            velocity: past.velocity,
            trail: past.trail,
            score: 0.9,
            began: past.began,
            began_bbox: past.began_bbox,
            seen: past.last.0,
            witnessed: true,
            faint: false,
            clear: self.clear,
            as_before: false,
        }
    }
}

fn text(at: UtcMillis, body: &EventBody) -> String {
    if let EventBody::LineCrossing { crossing: c, .. } = body {
        return format!("{:>6} {} {} {} track {}\n", at.0, c.line, c.class, c.direction, c.track.0);
    }
    let EventBody::Rule { event: e, .. } = body else { return format!("{:>6} {}\n", at.0, body.kind()) };
    let phase = if e.phase == Phase::Moment { String::new() } else { format!(" {}", e.phase.name()) };
    let way = e.way.as_ref().map_or(String::new(), |way| format!(" {} to {}", way.from, way.to));
    let measures: String = e.measures.iter().map(|m| format!(" {m}")).collect();
    format!(
        "{:>6} {}{phase} {} track {} zone {} began {}{way}{measures}\n",
        at.0,
        e.rule,
        e.class.map_or("-", Class::name),
        e.track.map_or(0, |t| t.0),
        e.zone.as_ref().map_or("-", |z| z.as_str()),
        e.began.0,
    )
}
