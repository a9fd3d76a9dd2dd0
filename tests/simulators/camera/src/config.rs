//! Which cameras stand in the street, and where their clips are found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Street {
    /// Port of the first camera; each next one adds 1. 0 takes free ports.
    pub port: u16,
    pub camera: Vec<Camera>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Its name, and the path of its address.
    pub id: String,
    /// The first of these that is there is played.
    pub clips: Vec<PathBuf>,
    #[serde(default)]
    pub codec: Codec,
    /// With both, the camera asks for them by digest authentication.
    pub user: Option<String>,
    pub password: Option<String>,
    /// It goes away this often, for 3 s.
    pub restart_every_s: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    #[default]
    H264,
    H265,
    Mjpeg,
}

pub fn read(path: &Path) -> anyhow::Result<Street> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let street: Street = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
    let problems: Vec<String> = street.camera.iter().flat_map(problems).collect();
    if !problems.is_empty() {
        bail!("{}: {}", path.display(), problems.join("; "));
    }
    Ok(street)
}

fn problems(camera: &Camera) -> Vec<String> {
    let mut found = Vec::new();
    let id = &camera.id;
    if camera.clips.is_empty() {
        found.push(format!("camera {id:?}: clips is empty"));
    }
    if camera.user.is_some() != camera.password.is_some() {
        found.push(format!("camera {id:?}: user and password go together"));
    }
    if camera.restart_every_s == Some(0) {
        found.push(format!("camera {id:?}: restart_every_s = 0 would never play"));
    }
    found
}

/// The cache that `deploy/clips` fills, and the field material beside the checkout when it is there.
pub fn usual_folders() -> Vec<PathBuf> {
    let field = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/field/video");
    vec![cache().join("clips"), field]
}

/// `$NGATU_CACHE`, as `deploy/lib/say.sh` has it.
pub fn cache() -> PathBuf {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    var("NGATU_CACHE").unwrap_or_else(|| {
        var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache"))).unwrap_or_default().join("ngatu")
    })
}

/// The first of the camera's clips that is there.
pub fn find(camera: &Camera, folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
    for clip in &camera.clips {
        // A path of its own is found as it is: joining an absolute path replaces the folder.
        let here = std::iter::once(clip.clone()).filter(|_| clip.components().count() > 1 || clip.is_file());
        if let Some(path) = here.chain(folders.iter().map(|f| f.join(clip))).find(|path| path.is_file()) {
            return Ok(path);
        }
    }
    let names: Vec<String> = camera.clips.iter().map(|c| c.display().to_string()).collect();
    let places: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    bail!(
        "camera {:?}: none of {} is in {}; fetch the clips with deploy/clips",
        camera.id,
        names.join(", "),
        places.join(", ")
    )
}

/// `30s` or `30`.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('s').unwrap_or(text).parse::<u64>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{text:?} is not a number of seconds, such as 30s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_street_reads() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/config/street-cameras.toml");
        let street = read(&path).unwrap();
        let ids: Vec<&str> = street.camera.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(ids, ["trang-tien", "kim-ma", "ba-trieu", "hang-dau"]);
    }

    #[test]
    fn seconds_read() {
        assert_eq!(seconds("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("5"), Ok(Duration::from_secs(5)));
        assert!(seconds("0s").is_err() && seconds("soon").is_err());
    }
}
