//! What the gateway says of itself every few seconds, from the board and the site.

use models_domain::UtcMillis;
use models_domain::event::{Link, LinkState};
use models_wire::convert::alarm::{aggregated_to_wire, alarm_to_wire};
use models_wire::convert::effort::effort_to_wire;
use models_wire::convert::event::link_to_wire;
use models_wire::convert::gateway::{lines_to_wire, position_to_wire, zones_to_wire};
use models_wire::convert::signal::{changes_to_wire, layout_to_wire, now_to_wire};
use models_wire::v1::{CameraInfo, GatewayState, JunctionAlarms, JunctionInfo, SignalNow};

use crate::board::Board;
use crate::site::{CameraSite, JunctionSite, Site};

/// How it is about events at this pole.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Events that the hall has not confirmed.
    pub waiting: u64,
    /// Nothing more is kept until there is room.
    pub full: bool,
}

pub fn gateway_state(at: UtcMillis, site: &Site, board: &Board, kept: Kept) -> GatewayState {
    GatewayState {
        at_ms: at.0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cameras: site.cameras.iter().map(|c| camera(c, board)).collect(),
        junctions: site.junctions.iter().map(|j| junction(j, board)).collect(),
        waiting_events: kept.waiting,
        keeps_nothing: kept.full,
    }
}

fn unheard() -> LinkState {
    LinkState { link: Link::Connecting, reason: String::new() }
}

fn camera(site: &CameraSite, board: &Board) -> CameraInfo {
    let now = board.camera(&site.id);
    let (state, fps, effort) = now.map_or((unheard(), 0.0, None), |now| (now.state, now.fps, now.effort));
    CameraInfo {
        camera: site.id.to_string(),
        name: site.name.clone(),
        position: site.position.map(position_to_wire),
        width: site.scene.size.0,
        height: site.scene.size.1,
        lines: lines_to_wire(&site.scene),
        zones: zones_to_wire(&site.scene),
        link: link_to_wire(state.link).into(),
        reason: state.reason,
        fps,
        effort: effort.as_ref().map(effort_to_wire),
    }
}

fn junction(site: &JunctionSite, board: &Board) -> JunctionInfo {
    let now = board.junction(&site.id);
    let told = now.as_ref().map(|now| SignalNow {
        order: now.order.unwrap_or(0),
        ending: now.ending.map(|why| why.name().to_owned()).unwrap_or_default(),
        ..now_to_wire(&now.now)
    });
    let changes = now.as_ref().map(|now| changes_to_wire(&now.changes)).unwrap_or_default();
    let alarms = now.as_ref().map(|now| now.alarms.iter().map(|one| alarm_to_wire(site.id.as_str(), one)));
    let alarms = JunctionAlarms {
        alarms: alarms.into_iter().flatten().collect(),
        can_be_handled: site.handles_alarms,
    };
    let aggregated = now.as_ref().and_then(|now| now.aggregated.as_ref()).map(aggregated_to_wire);
    let (state, groups) = now.map_or((unheard(), String::new()), |now| (now.state, now.groups));
    JunctionInfo {
        junction: site.id.to_string(),
        name: site.name.clone(),
        position: site.position.map(position_to_wire),
        link: link_to_wire(state.link).into(),
        reason: state.reason,
        groups,
        now: told,
        layout: site.can.as_ref().map(layout_to_wire),
        changes,
        alarms: Some(alarms),
        aggregated,
    }
}

#[cfg(test)]
mod tests {
    use models_domain::effort::{Effort, Priority};
    use models_domain::ladder::{Rung, Why};
    use models_domain::scene::Scene;
    use models_wire::v1;

    use super::*;

    #[test]
    fn what_was_not_heard_of_is_connecting() {
        let id: models_domain::CameraId = "cam".parse().unwrap();
        let scene = Scene::empty((640, 360));
        let site = Site {
            cameras: vec![CameraSite { id: id.clone(), name: "Tràng Tiền".into(), position: None, scene }],
            junctions: Vec::new(),
        };
        let board = Board::default();
        let kept = Kept { waiting: 3, full: true };
        let told = gateway_state(UtcMillis(7), &site, &board, kept);
        assert!(told.keeps_nothing);
        assert_eq!((told.at_ms, told.waiting_events, told.cameras[0].link()), (7, 3, v1::Link::Connecting));
        board.update_camera(&id, |c| c.state = LinkState { link: Link::Down, reason: "no route".into() });
        let told = gateway_state(UtcMillis(8), &site, &board, kept);
        assert_eq!((told.cameras[0].link(), told.cameras[0].reason.as_str()), (v1::Link::Down, "no route"));
        assert_eq!(told.cameras[0].effort, None);
    }

    #[test]
    fn what_a_camera_gets_is_told() {
        let id: models_domain::CameraId = "cam".parse().unwrap();
        let scene = Scene::empty((640, 360));
        let cameras = vec![CameraSite { id: id.clone(), name: "cam".into(), position: None, scene }];
        let (site, board) = (Site { cameras, junctions: Vec::new() }, Board::default());
        let (rung, why, priority) = (Rung::Watch, Some(Why::Quiet), Priority::Incident);
        let effort = Effort { rung, why, priority, share: 0.5, shed: 12, missed: None };
        board.update_camera(&id, |c| c.effort = Some(effort));
        let told = gateway_state(UtcMillis(7), &site, &board, Kept { waiting: 0, full: false }).cameras[0]
            .effort
            .unwrap();
        let want = (v1::Rung::Watch, v1::RungWhy::Quiet, v1::Priority::Incident, 0.5, 12);
        assert_eq!((told.rung(), told.why(), told.priority(), told.share, told.shed), want);
    }
}
