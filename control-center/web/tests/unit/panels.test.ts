// The pure parts of the panels.
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import type { Camera } from "../../src/city";
import { CountSchema, StoredEventSchema, WatchedSchema, type StoredEvent } from "../../src/gen/ngatu/v1/api_pb";
import { Direction, Link, RoadUser } from "../../src/gen/ngatu/v1/event_pb";
import { missedOf, priorityOf, rungOf, shedOf } from "../../src/effort";
import { EffortSchema, Priority, Rung, RungWhy } from "../../src/gen/ngatu/v1/gateway_pb";
import { fit } from "../../src/overlay";
import { spanOf } from "../../src/panels/counts/counts";
import { courseOf, rowsOf } from "../../src/panels/counts/table";
import { describe, wanted, type Group } from "../../src/panels/events/describe";
import { EventList } from "../../src/panels/events/list";
import { callsOf } from "../../src/panels/events/buses";
import { at, metres, onFix } from "../../src/panels/map/motion";
import { lineOf, minutes, shownAs } from "../../src/panels/map/traffic";
import { arrange, gridFor } from "../../src/panels/wall/layout";
import { plain } from "../../src/plain";
import { aspectsOf } from "../../src/signals";

type Body = NonNullable<StoredEvent["event"]>["body"];

const event = (seq: number, atMs: number, body?: object): StoredEvent =>
  create(StoredEventSchema, { gateway: "g", boot: 1n, event: { seq: BigInt(seq), atMs: BigInt(atMs), body: (body ?? { case: "rule", value: { camera: "c1", rule: "wrong_way" } }) as Body } });

test.each([
  [{ case: "rule", value: { camera: "c1", rule: "wrong_way", roadUser: RoadUser.MOTORCYCLE, zone: "z" } }, "rule high Đi ngược chiều | Xe máy · z | still"],
  [{ case: "rule", value: { camera: "c1", rule: "lost_luggage" } }, "rule middle lost_luggage |  | still"],
  [{ case: "rule", value: { camera: "c1", rule: "queue", zone: "bắc", phase: 2, measures: [{ what: 1, value: 7 }, { what: 2, value: 3.35 }, { what: 5, value: 41.6 }] } }, "rule middle Hàng xe chờ | 7 xe · 3,4 PCU · bắc | still"],
  [{ case: "rule", value: { camera: "c1", rule: "camera_covered", phase: 3, beganMs: 1n - 95_000n, measures: [{ what: 13, value: 97 }] } }, "rule good Hết: Camera bị che | 2 phút | still"],
  [{ case: "rule", value: { camera: "c1", rule: "speed", phase: 1, roadUser: RoadUser.CAR, measures: [{ what: 8, value: 20 }, { what: 9, value: 0.5 }, { what: 10, value: 13.89 }] } }, "rule middle Quá tốc độ | Ô tô · 72 km/h · ± 1,8 km/h | still"],
  [{ case: "rule", value: { camera: "c1", rule: "turning_movement", phase: 4, roadUser: RoadUser.MOTORCYCLE, wayFrom: "tây", wayTo: "bắc", measures: [{ what: 1, value: 31 }, { what: 99, value: 1 }] } }, "figure low Hướng rẽ | Xe máy · tây → bắc · 31 xe | "],
  [{ case: "rule", value: { camera: "c1", rule: "level_of_service", phase: 4, measures: [{ what: 11, value: 4 }, { what: 6, value: 26 }] } }, "figure low Mức phục vụ | mức E · 26 PCU/km mỗi làn | "],
  [{ case: "lineCrossing", value: { camera: "c1", line: "bắc", roadUser: RoadUser.BUS, direction: Direction.TO_LEFT } }, "crossing low Qua vạch bắc | Xe buýt · sang trái | still"],
  [{ case: "redLight", value: { camera: "c1", line: "bắc", roadUser: RoadUser.MOTORCYCLE, intoRedMs: 1_970n, cameraErrorMs: 60n, signalErrorMs: 230n } }, "rule high Vượt đèn đỏ | Xe máy · đỏ 1,97 s ± 0,29 s · bắc | still"],
  [{ case: "rule", value: { camera: "c1", rule: "red_light", zone: "bắc", phase: 4, measures: [{ what: 15, value: 2 }, { what: 16, value: 5 }, { what: 17, value: 0 }] } }, "figure low Xe qua vạch lúc đèn đỏ | bắc · vượt đèn đỏ: 2 · trong sai số, không kết luận: 5 · không đủ chứng cứ: 0 | "],
  [{ case: "cameraState", value: { camera: "c1", link: Link.DOWN, reason: "401" } }, "camera high Mất camera | 401 | "],
  [{ case: "signalState", value: { junction: "j", link: Link.UP } }, "signal good Nút đèn có kết nối |  | "],
  [{ case: "signalAlarm", value: { junction: "j", code: "A1", active: true, priority: 1, component: "G3" } }, "signal high Báo động đèn A1 | G3 | "],
  [{ case: "signalAlarm", value: { junction: "j", code: "A1", active: false } }, "signal good Hết báo động đèn A1 |  | "],
])("an event in words: %o", (body, want) => {
  const d = describe(event(1, 1, body));
  expect(`${d.group} ${d.weight} ${d.what} | ${d.more} | ${d.still ? "still" : ""}`).toBe(want);
});

test.each([
  [{ rung: Rung.WATCH, why: RungWhy.QUIET, priority: Priority.HEALTH, share: 1 }, "Chỉ theo dõi luồng · không có chuyển động | Tình trạng |  | chưa đo được"],
  [{ rung: Rung.FULL, why: RungWhy.PINNED, priority: Priority.COUNTING, share: 1 }, "Toàn bộ · theo cấu hình | Đếm xe |  | "],
  [{ rung: Rung.FULL, why: RungWhy.LOOKED_AT, priority: Priority.COUNTING, share: 0.56, missed: { share: 0.008, low: 0.003, high: 0.013 } }, "Toàn bộ · có người đang xem | Đếm xe | quá tải: phân tích 56 % | 0,8 % lượt qua vạch (0,3 đến 1,3, độ tin cậy 95 %)"],
])("what a camera gets, in words: %o", (what, want) => {
  const effort = create(EffortSchema, what);
  expect([rungOf(effort), priorityOf(effort), shedOf(effort), missedOf(effort)].join(" | ")).toBe(want);
});

test("a filter by kind and camera", () => {
  const groups = new Set<Group>(["rule"]);
  expect(wanted(event(1, 1), groups, "")).toBe(true);
  expect(wanted(event(1, 1), groups, "c1")).toBe(true);
  expect(wanted(event(1, 1), groups, "c2")).toBe(false);
  expect(wanted(event(1, 1), new Set<Group>(["signal"]), "")).toBe(false);
  expect(wanted(event(1, 1, { case: "fix", value: {} }), new Set<Group>(["rule", "camera", "signal", "crossing"]), "")).toBe(false);
});

test("the list holds each event once, newest first, late ones in their place", () => {
  const list = new EventList();
  list.reset([event(5, 500), event(3, 300)], "page-2");
  const places = [list.live(event(6, 600)), list.live(event(5, 500)), list.live(event(4, 400)), list.live(event(1, 100))];
  expect(places).toEqual([0, -1, 2, -1]); // 100 is older than what is loaded: page 2 brings it
  list.older([event(3, 300), event(2, 200), event(1, 100)], "");
  expect(list.events.map((e) => Number(e.event?.seq))).toEqual([6, 5, 4, 3, 2, 1]);
  expect(list.live(event(0, 50))).toBe(6);
});

test.each([
  [1, 600, 300, "1x1"],
  [4, 780, 400, "2x2"],
  [5, 780, 400, "3x2"],
  [6, 1100, 300, "3x2"],
  [4, 380, 640, "1x4"],
  [100, 780, 400, "4x3"],
  [0, 780, 400, "1x1"],
  [9, 0, 0, "1x1"],
])("%d cameras in %d x %d stand %s", (count, w, h, want) => {
  const { columns, rows } = gridFor(count, w, h, 16);
  expect(`${columns}x${rows}`).toBe(want);
});

test("the wall has an order that failures do not change, and finds without marks", () => {
  const cameras = ["Tràng Tiền", "Ô Chợ Dừa", "Đê La Thành"].map((name, i) => ({ id: `c${i}`, name }) as Camera);
  expect(arrange(cameras, "").map((c) => c.name)).toEqual(["Đê La Thành", "Ô Chợ Dừa", "Tràng Tiền"]);
  expect(arrange(cameras, "de la").map((c) => c.name)).toEqual(["Đê La Thành"]);
  expect(plain("Đường Láng – Ngã Tư Sở")).toBe("duong lang – nga tu so");
});

test("a bus glides from where it is drawn to its new fix, and never lags by more than 12 s", () => {
  const first = onFix(undefined, [105.8, 21], 1_000, 50_000, true);
  const second = onFix(first, [105.801, 21], 6_000, 60_000, true);
  expect(at(second, 60_000)).toEqual([105.8, 21]);
  expect(at(second, 62_500)[0]).toBeCloseTo(105.8005, 6);
  expect(at(second, 65_000)).toEqual([105.801, 21]);
  expect(onFix(second, [105.801, 21], 6_000, 63_000, true)).toBe(second);
  expect(onFix(second, [105.802, 21], 900_000, 70_000, true).endMs).toBe(82_000);
  expect(onFix(second, [105.9, 21], 7_000, 70_000, true).from).toEqual([105.9, 21]); // a leap
  expect(onFix(second, [105.802, 21], 7_000, 70_000, false).endMs).toBe(70_000); // less motion
  expect(metres([105.8524, 21.0287], [105.819, 21.0587])).toBeCloseTo(4_810, -2);
});

test("counts fall into rows and buckets; what lies outside the span is left out", () => {
  const count = (roadUser: RoadUser, direction: Direction, fromMs: number, crossings: bigint) =>
    create(CountSchema, { camera: "c1", line: "n", roadUser, direction, fromMs: BigInt(fromMs), crossings });
  const saw = (camera: string, fromMs: number, watchedMs: number) => create(WatchedSchema, { camera, fromMs: BigInt(fromMs), watchedMs: BigInt(watchedMs) });
  const span = { fromMs: 600_000, toMs: 780_000, bucketMs: 60_000 };
  const watched = [saw("c1", 600_000, 60_000), saw("c1", 660_000, 60_000), saw("c2", 600_000, 30_000), saw("c3", 540_000, 60_000)];
  const rows = rowsOf([
    count(RoadUser.CAR, Direction.TO_LEFT, 600_000, 2n),
    count(RoadUser.BUS, Direction.TO_LEFT, 720_000, 1n),
    count(RoadUser.CAR, Direction.TO_RIGHT, 660_000, 5n),
    count(RoadUser.CAR, Direction.TO_RIGHT, 540_000, 99n),
  ], watched, (camera) => [camera === "c1" ? "n" : "m"], span);
  // c2 was watched and nobody crossed; c3 was not watched in the span.
  expect(rows.map((r) => `${r.camera} ${r.line} ${r.direction} ${r.total} ${r.trend} ${r.watched.toFixed(2)}`)).toEqual([
    "c1 n 1 5 0,5,0 0.67", "c1 n 2 3 2,0,1 0.67", "c2 m 0 0 0,0,0 0.17",
  ]);
  const course = courseOf(rows, watched, span);
  expect([course.crossings, course.watched]).toEqual([[2, 5, 1], [0.75, 0.5, undefined]]);
});

test("of a bucket that is still running the part that is over is the whole", () => {
  const span = { fromMs: 0, toMs: 420_000, bucketMs: 300_000 };
  const watched = [0, 1, 2, 3, 4, 5, 6].map((n) => create(WatchedSchema, { camera: "c", fromMs: BigInt(n * 60_000), watchedMs: 60_000n }));
  expect(courseOf([], watched, span).watched).toEqual([1, 1]);
  expect(courseOf([], watched.slice(0, 5), span).watched).toEqual([1, undefined]);
});

test("spans are whole minutes that have been told; today starts at midnight in Hanoi", () => {
  const now = Date.parse("2026-11-22T01:30:10+07:00");
  const text = (ms: number) => new Date(ms).toISOString();
  const today = spanOf("today", now);
  expect([text(today.fromMs), text(today.toMs)]).toEqual(["2026-11-21T17:00:00.000Z", "2026-11-21T18:29:00.000Z"]);
  const quarter = spanOf("15m", now);
  expect([text(quarter.fromMs), text(quarter.toMs)]).toEqual(["2026-11-21T18:14:00.000Z", "2026-11-21T18:29:00.000Z"]);
  const hour = spanOf("1h", now);
  expect([text(hour.fromMs), text(hour.toMs)]).toEqual(["2026-11-21T17:25:00.000Z", "2026-11-21T18:29:00.000Z"]);
  const midnight = spanOf("today", Date.parse("2026-11-22T00:00:05+07:00"));
  expect(midnight.toMs - midnight.fromMs).toBe(60_000);
});

test("RSMP group states", () => {
  expect(aspectsOf("0148NOghAGPabZ")).toEqual(["red-yellow", "green", "green", "green", "yellow", "yellow", "red", "red", "red", "red", "red", "dark", "dark", "unknown"]);
});

test("a picture keeps its shape and boxes follow the scene's pixels", () => {
  expect(fit(800, 600, 640, 360, 1280, 720)).toEqual({ x: 0, y: 75, w: 800, h: 450, sx: 0.625, sy: 0.625 });
  expect(fit(800, 600, 640, 360, 0, 0).sx).toBe(1.25);
});

test("a road is drawn by its level, and as old when it is or when the link is lost", () => {
  expect([shownAs({ level: "heavy", fresh: true }, true), shownAs({ level: "", fresh: true }, true)]).toEqual(["heavy", "unknown"]);
  expect([shownAs({ level: "heavy", fresh: false }, true), shownAs({ level: "free", fresh: true }, false)]).toEqual(["old", "old"]);
  expect([minutes(119.7), minutes(61.2), minutes(0.4)]).toEqual(["2:00", "1:01", "0:00"]);
  expect(lineOf([2_100_000, 10_580_000, 10, -20])).toEqual([[105.8, 21], [105.7998, 21.0001]]);
});

test("a run that nobody is seen on says whose work it is part of", () => {
  const bus = { finding: "run_unseen", value: 80, beganMs: 5_000n, endedMs: 65_000n, routeName: "32", block: "32-04", stopName: "Giáp Bát" };
  expect(describe(create(StoredEventSchema, { bus })).more).toMatch(/^80% lượt khác.* · đã hết, .* · tuyến 32 · nốt 32-04 · Giáp Bát$/);
  expect(describe(create(StoredEventSchema, { bus: { ...bus, block: "" } })).more).not.toContain("nốt");
});

test("a call for help from where the bus was before says when it was there", () => {
  const beganMs = BigInt(Date.UTC(2026, 2, 2, 3, 0));
  const more = (value?: number) => describe(create(StoredEventSchema, { bus: { finding: "sos", vehicle: "b", beganMs, ...(value === undefined ? {} : { value }) } })).more;
  expect(more(1_080)).toMatch(/^vị trí cuối lúc 09:42 · /);
  expect(more()).not.toContain("vị trí cuối");
});

test("a finding that ends changes its row, one that was not so goes, and calls for help are called out also when the tracker says no more of them", () => {
  const sos = (over: object = {}) => create(StoredEventSchema, { bus: { finding: "sos", vehicle: "b", beganMs: 5_000n, name: "n", ...over } });
  const list = new EventList();
  list.reset([event(1, 9_000), event(2, 1_000)], "");
  expect(list.live(sos())).toBe(1);
  expect(callsOf(list.events, new Set(), 6_000).length).toBe(1);
  expect(callsOf(list.events, new Set(["bus/5000/n"]), 6_000).length).toBe(0);
  expect(callsOf(list.events, new Set(), 5_000 + 21 * 3_600_000).length).toBe(0);
  expect(list.again(sos({ endedMs: 7_000n }))).toBe(1);
  expect([list.events.length, callsOf(list.events, new Set(), 8_000).length]).toEqual([3, 1]);
  expect(callsOf(list.events, new Set(), 7_000 + 3 * 3_600_000).length).toBe(0);
  expect(describe(list.events[1]!).more).toContain("đã hết");
  expect(list.again({ ...sos(), withdrawn: true })).toBe(1);
  expect([list.events.length, list.again(sos())]).toEqual([2, -1]);
});
