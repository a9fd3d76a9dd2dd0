//! Parts of `GatewayState` and `Picture` made of domain values.

use models_domain::geo::LatLon;
use models_domain::scene::Scene;
use models_domain::track::Track;

use super::event::{box_to_wire, class_to_wire};
use crate::v1;

pub fn position_to_wire(position: LatLon) -> v1::Position {
    v1::Position { lat: position.lat.0, lon: position.lon.0 }
}

pub fn lines_to_wire(scene: &Scene) -> Vec<v1::SceneLine> {
    let line = |l: &models_domain::scene::Line| v1::SceneLine {
        line: l.id.to_string(),
        ax: l.a.x as f32,
        ay: l.a.y as f32,
        bx: l.b.x as f32,
        by: l.b.y as f32,
    };
    scene.lines.iter().map(line).collect()
}

pub fn zones_to_wire(scene: &Scene) -> Vec<v1::SceneZone> {
    let zone = |z: &models_domain::scene::Zone| v1::SceneZone {
        zone: z.id.to_string(),
        corners: z.polygon.iter().flat_map(|p| [p.x as f32, p.y as f32]).collect(),
    };
    scene.zones.iter().map(zone).collect()
}

pub fn track_to_wire(track: &Track) -> v1::TrackBox {
    v1::TrackBox {
        track: track.id.0,
        road_user: class_to_wire(track.class).into(),
        r#box: Some(box_to_wire(&track.bbox)),
        score: track.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_on_the_wire() {
        let scene = Scene::parse(
            "size = [640, 360]\n[[line]]\nid = \"n\"\na = [1, 2]\nb = [3, 4]\n\
             [[zone]]\nid = \"z\"\npolygon = [[0,0],[9,0],[9,8]]\n",
        )
        .unwrap();
        assert_eq!(
            lines_to_wire(&scene),
            [v1::SceneLine { line: "n".into(), ax: 1.0, ay: 2.0, bx: 3.0, by: 4.0 }]
        );
        assert_eq!(zones_to_wire(&scene)[0].corners, [0.0, 0.0, 9.0, 0.0, 9.0, 8.0]);
    }
}
