// One bus route as a hall tells it: a run every ten minutes, one bus falling back until the next is behind it as one.
import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { StoredEventSchema, type StoredEvent } from "../../src/gen/ngatu/v1/api_pb";
import { GetSegmentDayResponseSchema, ListSegmentsResponseSchema, type GetSegmentDayResponse, type ListSegmentsResponse } from "../../src/gen/ngatu/v1/transit_pb";
import { BusEventSchema, BusNowSchema, GetBusDayResponseSchema, GetSpaceTimeResponseSchema, GetTransitReportResponseSchema, ListRoutesResponseSchema, TrackerSchema, type BusEvent, type BusNow, type GetBusDayResponse, type GetSpaceTimeResponse, type GetTransitReportResponse, type ListRoutesResponse, type Tracker } from "../../src/gen/ngatu/v1/transit_pb";

const STOPS = ["Bến xe Giáp Bát", "Ngã Tư Vọng", "Bệnh viện Bạch Mai", "Kim Liên", "Ga Hà Nội", "Cửa Nam", "Điện Biên Phủ", "Văn Miếu", "Cát Linh", "Giảng Võ", "Cầu Giấy", "Xuân Thủy", "Mai Dịch", "Cầu Diễn", "Phú Diễn", "Nhổn"];
const APART_M = 1_150;
const MINUTE = 60_000;
const RUN_MIN = 3;

const alongM = (i: number) => i * APART_M;
/** Departures around now, ten minutes apart. */
const departures = (nowMs: number) => Array.from({ length: 24 }, (_, i) => Math.floor(nowMs / (10 * MINUTE)) * 10 * MINUTE + (i - 16) * 10 * MINUTE);
/** Seconds late of a run at its stop. */
const lateAt = (run: number, i: number) => (run === 13 ? 34 * i : run === 11 ? -9 * i : run === 8 ? 26 * i : 40 * Math.sin(run) + 3 * i);

export function spaceTime(nowMs: number): GetSpaceTimeResponse {
  const due = (departsMs: number, i: number) => departsMs + i * RUN_MIN * MINUTE;
  const runs = departures(nowMs);
  const driven = runs.flatMap((departsMs, run) => {
    if (run === 6) return []; // nobody came
    const points = STOPS.map((_, i) => ({ atMs: BigInt(Math.round(due(departsMs, i) + lateAt(run, i) * 1000)), alongM: alongM(i) })).filter((p) => Number(p.atMs) <= nowMs);
    const now = points.length > 0 && points.length < STOPS.length;
    return points.length > 0 ? [{ trip: `t${run}`, vehicle: `29B-${410 + run}`, now, points }] : [];
  });
  return create(GetSpaceTimeResponseSchema, {
    day: new Date(nowMs + 7 * 3_600_000).toISOString().slice(0, 10),
    atMs: BigInt(nowMs),
    lengthM: alongM(STOPS.length - 1),
    stops: STOPS.map((name, i) => ({ stop: `s${i}`, name, alongM: alongM(i) })),
    scheduled: runs.map((departsMs, run) => ({ trip: `t${run}`, points: STOPS.map((_, i) => ({ atMs: BigInt(due(departsMs, i)), alongM: alongM(i) })) })),
    driven,
  });
}

const predictions = [{ leadMin: 3, scored: 412n, meanAbsoluteS: 17, meanS: -4, within60S: 401n, within180S: 412n }, { leadMin: 12, scored: 380n, meanAbsoluteS: 48, meanS: 11, within60S: 281n, within180S: 366n }];

export function routes(nowMs: number): ListRoutesResponse {
  const directions = [{ direction: 0, headsign: "Nhổn", runsToday: 96 }, { direction: 1, headsign: "Giáp Bát", runsToday: 96 }];
  const of = (shortName: string, longName: string, over: Record<string, number> = {}) => ({ feed: "hn", route: `r${shortName}`, operator: "Transerco", shortName, longName, directions, buses: 6, ...over });
  return create(ListRoutesResponseSchema, {
    atMs: BigInt(nowMs),
    routes: [{ ...of("32", "Giáp Bát – Nhổn", { buses: 9, late: 2, bunched: 1, missing: 1 }), predictions, toldArrivals: { came: 412n, neverCame: 3n }, timetableToldArrivals: { came: 0n, neverCame: 21n } }, of("01", "Bến xe Gia Lâm – Bến xe Yên Nghĩa", { late: 1 }), of("02", "Bác Cổ – Bến xe Yên Nghĩa"), of("09A", "Bờ Hồ – Cầu Giấy – Bờ Hồ", { early: 2 }), of("16", "Bến xe Mỹ Đình – Bến xe Nước Ngầm", { offRoute: 1 }), of("26", "Mai Động – Sân vận động Quốc gia")],
  });
}

export function buses(nowMs: number): BusNow[] {
  const line = spaceTime(nowMs);
  const running = line.driven.filter((d) => d.now).reverse();
  const all: BusNow[] = [];
  for (const d of running.sort((a, b) => (b.points.at(-1)?.alongM ?? 0) - (a.points.at(-1)?.alongM ?? 0))) {
    const run = Number(d.trip.slice(1));
    const stop = d.points.length;
    const ahead = all.at(-1);
    const bunched = run === 14;
    const over: MessageInitShape<typeof BusNowSchema> = ahead
      ? { aheadS: bunched ? 95 : 600 + lateAt(run, stop) - lateAt(run - 1, stop), aheadTimetabledS: 600, aheadVehicle: ahead.vehicle, bunched }
      : {};
    const advice = bunched ? { advice: { holdS: 150, waitSavedS: 84, worthBelowLoad: 3.4 } } : {};
    all.push(create(BusNowSchema, { vehicle: d.vehicle, feed: "hn", route: "r32", direction: 0, headsign: "Nhổn", trip: d.trip, departsMs: departures(nowMs)[run] ? BigInt(departures(nowMs)[run]!) : 0n, fixMs: BigInt(nowMs - 8_000),
      lat: 21.0 + run / 400, lon: 105.84 - run / 300, alongM: d.points.at(-1)?.alongM ?? 0, lengthM: line.lengthM, nextStop: STOPS[stop] ?? "", lateS: lateAt(run, stop - 1), offRoute: run === 15, ...over, ...advice }));
  }
  return all;
}

export function alerts(nowMs: number): BusEvent[] {
  const of = (minutes: number, finding: string, over: { vehicle?: string; value?: number; endedMs?: bigint; stopName?: string } = {}) =>
    create(BusEventSchema, { finding, vehicle: "29B-424", feed: "hn", route: "r32", direction: 0, trip: "t14", beganMs: BigInt(nowMs - minutes * MINUTE), place: { lat: 21.0245, lon: 105.841 }, ...over });
  return [
    of(1, "bunching", { value: 95 }),
    of(4, "overspeed", { vehicle: "29B-421", value: 63, endedMs: BigInt(nowMs - 3 * MINUTE) }),
    of(7, "late", { vehicle: "29B-423", value: 372 }),
    of(12, "off_route", { vehicle: "29B-425" }),
    of(22, "stop_skipped", { vehicle: "29B-419", stopName: "Cửa Nam", endedMs: BigInt(nowMs - 22 * MINUTE) }),
    of(95, "run_missing", { vehicle: "", stopName: "Bến xe Giáp Bát" }),
    of(140, "early", { vehicle: "29B-421", value: -95, endedMs: BigInt(nowMs - 120 * MINUTE) }),
  ];
}

export function trackers(nowMs: number): Tracker[] {
  const of = (n: number, over: MessageInitShape<typeof TrackerSchema> = {}) =>
    create(TrackerSchema, { vehicle: `29B-${410 + n}`, protocol: n % 3 ? "jt808" : "gt06", fixMs: BigInt(nowMs - 9_000), receivedMs: BigInt(nowMs - 8_000), reports: 358, clockOffMs: 900n, ...over });
  return [
    ...Array.from({ length: 14 }, (_, n) => of(n)),
    of(20, { receivedMs: BigInt(nowMs - 47 * MINUTE), reports: 12, ailments: ["silent"] }),
    of(21, { rejected: [{ reason: "jump", reports: 31 }, { reason: "double", reports: 4 }], ailments: ["jumping"] }),
    of(22, { rejected: [{ reason: "future", reports: 340 }], clockOffMs: -3_600_000n, ailments: ["wrong_clock"] }),
    of(23, { rejected: [{ reason: "invalid", reports: 122 }], ailments: ["no_satellites"] }),
  ];
}

export function report(day: string): GetTransitReportResponse {
  const of = (shortName: string, n: number) => ({ day, feed: "hn", operator: "Transerco", route: shortName && `r${shortName}`, shortName, runsScheduled: 96 * n, runsWhole: 91 * n, runsPartial: 3 * n, kmScheduled: 1656 * n, kmDriven: 1598.4 * n, passings: 1_490 * n, onTime: 1_240 * n, early: 60 * n, late: 190 * n,
    lateMeanS: 74, headways: 1_400 * n, headwayVariation: 0.42, excessWaitS: 55, bunchings: 4 * n, overspeeds: 2 * n, overspeedKmhMax: 63, vehicles: 14 * n, positionsRejected: 35 * n, gapMedianS: 10 });
  return create(GetTransitReportResponseSchema, { routes: [of("32", 1), of("01", 1), of("09A", 1)], operators: [of("", 3), { day, overspeeds: 2, overspeedKmhMax: 81, vehicles: 4, positionsRejected: 122 }] });
}

export function busDay(nowMs: number): GetBusDayResponse {
  const fixes = Array.from({ length: 240 }, (_, i) => ({ atMs: BigInt(nowMs - (240 - i) * 15_000), lat: 20.985 + i * 0.00025, lon: 105.842 - 0.02 * Math.sin(i / 60), speedMps: i % 20 < 3 ? 0 : 7.5 }));
  const passings = STOPS.slice(0, 12).map((stopName, i) => ({ atMs: BigInt(nowMs - (60 - 5 * i) * MINUTE), dueMs: BigInt(nowMs - (61 - 5 * i) * MINUTE), route: "32", stopName }));
  return create(GetBusDayResponseSchema, { fixes, passings });
}

/** Pieces of road round the city in every state, the second beside a camera. */
export function segments(nowMs: number): ListSegmentsResponse {
  const ways: [string, number, number, number, number, number, boolean][] = [
    ["free", 21.0312, 105.8405, 21.0229, 105.8412, 8.1, true],
    ["slow", 21.0251, 105.8532, 21.0256, 105.8412, 4.9, true],
    ["heavy", 21.0205, 105.8415, 21.0092, 105.8413, 3.2, true],
    ["standing", 21.0092, 105.8413, 20.9992, 105.8412, 1.4, true],
    ["", 21.0196, 105.83, 21.0301, 105.8302, 5.5, true],
    ["", 21.0036, 105.8206, 21.0168, 105.8273, 6.5, false],
  ];
  const name = (i: number) => `s${i}`;
  return create(ListSegmentsResponseSchema, {
    atMs: BigInt(nowMs),
    roads: 7n,
    segments: ways.map(([, a, b, c, d], i) => ({ segment: name(i), fromStop: STOPS[i]!, toStop: STOPS[i + 1]!, routes: ["32", "01"], lengthM: 1_180, line: [Math.round(a * 1e5), Math.round(b * 1e5), Math.round((c - a) * 1e5), Math.round((d - b) * 1e5)] })),
    now: ways.map(([level, , , , , speedMps, fresh], i) => ({ segment: name(i), newestMs: BigInt(nowMs - (fresh ? 80_000 : 2_400_000)), fresh, buses: 3, speedMps, level, travelS: 1_180 / speedMps, standsS: 22, ...(i === 4 ? {} : { referenceMps: 8.6 }),
      ...(i === 1 ? { flow: { camera: "trang-tien", awayM: 38, fromMs: BigInt(nowMs - 960_000), toMs: BigInt(nowMs - 60_000), watchedMs: 900_000n, line: "bắc", classes: [{ roadUser: 4, crossings: 610n }, { roadUser: 3, crossings: 140n }] } } : {}) })),
  });
}

export function segmentDay(nowMs: number): GetSegmentDayResponse {
  const fromMs = Math.floor((nowMs - 20 * 3_600_000) / 300_000) * 300_000;
  const count = Math.floor((nowMs - fromMs) / 300_000);
  const at = (i: number) => BigInt(fromMs + i * 300_000);
  const buckets = Array.from({ length: count }, (_, i) => i).filter((i) => i > 24 && i % 7 !== 0);
  return create(GetSegmentDayResponseSchema, { day: "2026-11-26", fromMs: BigInt(fromMs), toMs: BigInt(fromMs + 86_400_000), referenceMps: 8.6, camera: "trang-tien", awayM: 38, line: "bắc",
    buckets: buckets.map((i) => ({ fromMs: at(i), buses: 2, speedMps: 6.4 + 2 * Math.sin(i / 17) + Math.sin(i * 1.7) * 0.6, standsS: 20 })),
    flow: Array.from({ length: count }, (_, i) => ({ fromMs: at(i), crossings: BigInt(Math.round(150 + 120 * Math.sin(i / 40))), watchedMs: 300_000n })) });
}

/** The same findings as events of the list, one of them a call for help. */
export const findings = (nowMs: number): StoredEvent[] =>
  [create(BusEventSchema, { finding: "sos", vehicle: "29b-15137", beganMs: BigInt(nowMs - 40_000), place: { lat: 21.0225, lon: 105.848 }, routeName: "32", name: "sos 1" }), ...alerts(nowMs)].map((bus, i) =>
    create(StoredEventSchema, { storedMs: BigInt(nowMs), bus: { ...bus, routeName: "32", name: `${bus.finding} ${i}` } }));
