// A small Hanoi for tests of the page: every state that an operator can meet.
import { create } from "@bufbuild/protobuf";

import { CountSchema, FoundTrackSchema, StoredEventSchema, WatchedSchema, type Count, type FoundTrack, type StoredEvent, type Watched } from "../../src/gen/ngatu/v1/api_pb";
import { Direction, Link, MeasureKind, RoadUser, RulePhase } from "../../src/gen/ngatu/v1/event_pb";
import { Priority, Rung, RungWhy } from "../../src/gen/ngatu/v1/gateway_pb";

export const NASTY = `<img src=x onerror="window.hacked=1">`;

const SCENE = {
  width: 1280,
  height: 720,
  lines: [{ line: "bắc", ax: 200, ay: 480, bx: 1100, by: 480 }],
  zones: [{ zone: "vỉa hè", corners: [60, 380, 300, 360, 280, 560, 40, 600] }],
};

const camera = (id: string, name: string, lat: number, lon: number, link = Link.UP, reason = "", gateway = "tram-1") => ({
  gateway,
  info: { camera: id, name, position: { lat, lon }, ...SCENE, link, reason, fps: 12.4 },
});

const junction = (id: string, name: string, lat: number, lon: number, groups: string, link = Link.UP, reason = "") => ({
  gateway: "tram-den",
  info: { junction: id, name, position: { lat, lon }, link, reason, groups },
  sinceMs: BigInt(Date.now() - 12_000),
  groupSinceMs: Array.from(groups, (_, i) => BigInt(Date.now() - 12_000 - i * 7_000)),
  activeAlarms: [] as object[],
});

const gets = (camera: { gateway: string; info: object }, effort: object) => ({ ...camera, info: { ...camera.info, effort } });

const bus = (n: number, lat: number, lon: number, speedMps: number, courseDeg: number, ageMs = 4_000) => ({
  gateway: "tram-xe",
  fix: { vehicle: `29b-${15_000 + n * 137}`, fixMs: BigInt(Date.now() - ageMs), receivedMs: BigInt(Date.now()), lat, lon, speedMps, courseDeg, valid: true, protocol: n % 2 ? "gt06" : "jt808" },
});

export function snapshot() {
  const lamps = junction("kim-lien", "Kim Liên – Đại Cồ Việt", 21.0073, 105.8412, "1GG1");
  Object.assign(lamps.info, { now: { mode: 1, plan: 2, planForced: true, clockAheadMs: 3_200n, cycleS: 23, cycleMs: BigInt(Date.now()), cycleLengthS: 90, order: 1_795_669_536_756n } });
  Object.assign(lamps, { stage: 2 });
  Object.assign(lamps.info, { aggregated: { lowPriorityFault: true, inUse: true } });
  const left = (from: number, to: number) => ({ earliestMs: BigInt(Date.now() + from * 1_000), latestMs: BigInt(Date.now() + to * 1_000) });
  Object.assign(lamps.info, { changes: [left(40, 55), left(70, 70), left(70, 70), { earliestMs: 0n, latestMs: 0n }] });
  lamps.activeAlarms = [{ junction: "kim-lien", code: "A0008", component: "G3", active: true, priority: 2, description: "Bóng đèn đỏ hỏng" },
    { junction: "kim-lien", code: "A0302", component: "DL4", active: false, acknowledged: true, suspended: true, priority: 3, description: "" }];
  return {
    atMs: BigInt(Date.now()),
    gateways: [
      { gateway: "tram-1", alive: true, lastHeardMs: BigInt(Date.now()), waitingEvents: 3n },
      { gateway: "tram-2", alive: false, lastHeardMs: BigInt(Date.now() - 240_000), waitingEvents: 0n },
      { gateway: "tram-den", alive: true, lastHeardMs: BigInt(Date.now()), waitingEvents: 0n },
      { gateway: "tram-xe", alive: true, lastHeardMs: BigInt(Date.now()), waitingEvents: 0n },
    ],
    cameras: [
      gets(camera("trang-tien", "Tràng Tiền – Hàng Bài", 21.025, 105.8535), { rung: Rung.WATCH, why: RungWhy.QUIET, priority: Priority.COUNTING, share: 1, shed: 0n,
        missed: { share: 0.008, low: 0.003, high: 0.013, auditedMs: 900_000n, found: 2n } }),
      gets(camera("cua-nam", "Cửa Nam", 21.0289, 105.8422), { rung: Rung.FULL, why: RungWhy.FOLLOWED, priority: Priority.INCIDENT, share: 0.56, shed: 1_234n }),
      camera("o-cho-dua", "Ô Chợ Dừa", 21.0196, 105.83, Link.DOWN, "rtsp://***@10.1.2.3/1: máy chủ từ chối mật khẩu (401); sửa mật khẩu trong cấu hình trạm"),
      camera("nasty", NASTY, 21.0165, 105.8027, Link.CONNECTING),
      camera("vong", "Ngã Tư Vọng", 20.9975, 105.841, Link.UP, "", "tram-2"),
    ],
    junctions: [
      junction("cua-nam", "Cửa Nam", 21.0292, 105.8412, "11GG"),
      lamps,
      junction("dien-bien-phu", "Điện Biên Phủ – Trần Phú", 21.0308, 105.8402, "NNGG00"),
      junction("nga-tu-so", "Ngã Tư Sở", 21.0033, 105.8203, "", Link.DOWN, "mất tín hiệu watchdog 10 s"),
    ],
    vehicles: [
      bus(1, 21.0225, 105.848, 8, 110),
      bus(2, 21.013, 105.8412, 11, 180),
      bus(3, 21.0303, 105.8128, 7, 265),
      bus(4, 21.041, 105.8495, 0, 0),
      bus(5, 21.0075, 105.816, 9, 320),
      bus(6, 21.0465, 105.795, 12, 90, 400_000),
    ],
  };
}

interface Over {
  rule?: string;
  camera?: string;
  roadUser?: RoadUser;
  phase?: RulePhase;
  /** Kind and value of each. */
  measures?: [MeasureKind, number][];
}

export function rule(seq: number, atMs: number, over: Over = {}): StoredEvent {
  return create(StoredEventSchema, {
    gateway: "tram-1",
    boot: 1n,
    storedMs: BigInt(atMs + 120),
    event: {
      seq: BigInt(seq),
      atMs: BigInt(atMs),
      body: {
        case: "rule",
        value: {
          camera: over.camera ?? "trang-tien",
          rule: over.rule ?? "stopped_vehicle",
          beganMs: BigInt(atMs - 20_000),
          zone: "vỉa hè",
          track: 17n,
          roadUser: over.roadUser ?? RoadUser.CAR,
          box: { x: 420, y: 300, w: 220, h: 150 },
          phase: over.phase ?? RulePhase.MOMENT,
          measures: (over.measures ?? []).map(([what, value]) => ({ what, value })),
        },
      },
    },
  });
}

/** A motorcycle over the line 1.97 s into red, seen three times. */
export function redLight(seq: number, atMs: number): StoredEvent {
  const ms = (after: number): bigint => BigInt(atMs + after);
  const lamp = (state: string, after: number, late = 0) => ({ state, atMs: ms(after), byMs: ms(after + late), controllerMs: ms(after + 3_200) });
  const still = (after: number, x: number, y: number) => ({ atMs: ms(after), box: { x, y, w: 50, h: 80 }, sha256: new Uint8Array(32).fill(7) });
  return create(StoredEventSchema, {
    gateway: "tram-1",
    boot: 1n,
    storedMs: ms(9_000),
    event: {
      seq: BigInt(seq),
      atMs: ms(0),
      body: {
        case: "redLight",
        value: {
          camera: "cua-nam",
          line: "bắc",
          direction: Direction.TO_LEFT,
          junction: "kim-lien",
          group: 3,
          roadUser: RoadUser.MOTORCYCLE,
          track: 41n,
          redForMs: 1_210n,
          intoRedMs: 1_970n,
          cameraErrorMs: 60n,
          signalErrorMs: 230n,
          clockAheadMs: 3_200n,
          knownUntilMs: ms(8_000),
          beforeMs: ms(-470),
          beyondMs: ms(30),
          afterMs: ms(410),
          metMs: ms(0),
          lamp: [lamp("1", -31_970), lamp("4", -26_970), lamp("N", -4_970), lamp("B", -1_970, 30)],
          stills: [still(30, 770, 440), still(-470, 790, 560), still(410, 740, 330)],
        },
      },
    },
  });
}

/** What rules with a begin, an end and figures tell, newest first. */
export function measured(nowMs: number): StoredEvent[] {
  const queue: [MeasureKind, number][] = [[MeasureKind.VEHICLES, 12], [MeasureKind.PCU, 5.6], [MeasureKind.QUEUE_M, 64]];
  return [
    rule(1_008, nowMs - 1_000, { rule: "queue", phase: RulePhase.BEGUN, measures: queue }),
    rule(1_007, nowMs - 9_000, { rule: "camera_covered", camera: "cua-nam", phase: RulePhase.BEGUN, measures: [[MeasureKind.DETAIL_PERCENT, 7]] }),
    rule(1_006, nowMs - 20_000, { rule: "camera_turned", camera: "cua-nam", phase: RulePhase.ENDED }),
    rule(1_005, nowMs - 31_000, { rule: "speed", roadUser: RoadUser.MOTORCYCLE, measures: [[MeasureKind.SPEED_MPS, 21.4], [MeasureKind.SPEED_UNCERTAINTY_MPS, 0.6], [MeasureKind.SPEED_LIMIT_MPS, 13.9]] }),
    rule(1_004, nowMs - 44_000, { rule: "level_of_service", phase: RulePhase.BEGUN, measures: [[MeasureKind.LEVEL_OF_SERVICE, 4], [MeasureKind.DENSITY_PCU_PER_KM_LANE, 26.2]] }),
    rule(1_003, nowMs - 58_000, { rule: "pedestrian_on_carriageway", roadUser: RoadUser.PERSON }),
    rule(1_002, nowMs - 71_000, { rule: "zone_occupancy", phase: RulePhase.FIGURE, measures: [[MeasureKind.VEHICLES, 4.2], [MeasureKind.PCU, 2.1], [MeasureKind.OCCUPANCY_PERCENT, 83]] }),
    rule(1_001, nowMs - 90_000, { rule: "crowd", phase: RulePhase.BEGUN, roadUser: RoadUser.PERSON, measures: [[MeasureKind.PERSONS, 34], [MeasureKind.DENSITY_PERSONS_PER_M2, 1.3]] }),
  ];
}

/** `n` events, newest first, of every kind the list shows. */
export function history(n: number, nowMs: number): StoredEvent[] {
  return Array.from({ length: n }, (_, i) => {
    const seq = n - i;
    const atMs = nowMs - i * 41_000;
    if (i % 5 === 1) return rule(seq, atMs, { rule: "wrong_way", roadUser: RoadUser.MOTORCYCLE, camera: "cua-nam" });
    if (i % 5 === 2) return rule(seq, atMs, { rule: "intrusion", roadUser: RoadUser.PERSON });
    const event = rule(seq, atMs);
    if (i % 5 === 3 && event.event) {
      event.event.body = { case: "cameraState", value: { $typeName: "ngatu.v1.CameraState", camera: "o-cho-dua", link: i % 2 ? Link.DOWN : Link.UP, reason: i % 2 ? "máy chủ từ chối mật khẩu (401)" : "" } };
    } else if (i % 5 === 4 && event.event) {
      event.event.body = { case: "signalAlarm", value: { $typeName: "ngatu.v1.SignalAlarm", junction: "kim-lien", code: "A0008", component: "G3", active: i % 2 === 0, acknowledged: false, suspended: false, priority: 2, description: "Bóng đèn đỏ hỏng" } };
    }
    return event;
  });
}

/** The last fifteen minutes, whole ones, as a hall has them. */
const minutes = (nowMs: number): number[] => {
  const toMs = Math.floor((nowMs - 15_000) / 60_000) * 60_000;
  return Array.from({ length: 15 }, (_, i) => toMs - (15 - i) * 60_000);
};

/** One camera all the time, one not in its first five minutes, one without any traffic. */
export function watched(nowMs: number): Watched[] {
  const all = (camera: string, from: number) =>
    minutes(nowMs).slice(from).map((ms) => create(WatchedSchema, { camera, fromMs: BigInt(ms), watchedMs: 60_000n, analysedMs: 21_000n }));
  return [...all("trang-tien", 0), ...all("cua-nam", 5), ...all("o-cho-dua", 0)];
}

/** `n` tracks, newest first, half a minute apart. */
export function tracks(n: number, nowMs: number): FoundTrack[] {
  return Array.from({ length: n }, (_, i) => {
    const bestMs = nowMs - 20_000 - i * 29_000;
    const roadUser = [RoadUser.MOTORCYCLE, RoadUser.CAR, RoadUser.MOTORCYCLE, RoadUser.BUS][i % 4] ?? RoadUser.CAR;
    return create(FoundTrackSchema, {
      gateway: "tram-1",
      track: {
        number: BigInt(9_000 - i),
        camera: i % 3 ? "trang-tien" : "cua-nam",
        track: 17n,
        roadUser,
        beganMs: BigInt(bestMs - 2_600),
        endedMs: BigInt(bestMs + 3_000),
        pathMs: [0, 1_000, 1_600, 3_000],
        pathX: [90, 260, 220, 520],
        pathY: [430, 10, 30, 120],
        lines: i % 2 ? [{ line: "bắc", direction: Direction.TO_LEFT, afterMs: 2_000 }] : [],
        zones: i % 5 ? [] : [{ zone: "vỉa hè", fromMs: 0, toMs: 900 }],
        bestMs: BigInt(bestMs),
        bestBox: { x: 420, y: 300, w: 220, h: 150 },
        bestScore: 0.8,
        colour: i % 6 === 5 ? 0 : 1 + (i % 10),
        ...(i % 2 ? { meanSpeedMps: 8.3 } : {}),
      },
    });
  });
}

export function counts(nowMs: number): Count[] {
  const all: Count[] = [];
  for (const [camera, line] of [["trang-tien", "bắc"], ["cua-nam", "bắc"]] as const) {
    for (const [roadUser, many] of [[RoadUser.MOTORCYCLE, 31], [RoadUser.CAR, 11], [RoadUser.BUS, 2]] as const) {
      for (const direction of [Direction.TO_RIGHT, Direction.TO_LEFT]) {
        for (const [i, ms] of minutes(nowMs).entries()) {
          if (camera === "cua-nam" && i < 5) continue;
          const crossings = BigInt(Math.round(many * (1 + 0.4 * Math.sin(i / 2 + direction + many))));
          all.push(create(CountSchema, { camera, line, roadUser, direction, crossings, fromMs: BigInt(ms) }));
        }
      }
    }
  }
  return all;
}
