// A scripted SignalService for tests of the page: a junction that does what it is told a moment later.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import {
  BusPriorityRequestSchema,
  CorridorSchema,
  DetectorBucketSchema,
  EmergencyRunSchema,
  EmergencyStopState,
  GetCorridorResponseSchema,
  SignalAdviceSchema,
  SignalAlarmOutcome,
  SignalCalendarSchema,
  SignalCalendarState,
  SignalChangeSchema,
  SignalLayoutSchema,
  SignalOrderRowSchema,
  SignalService,
  SignalWish,
  type BusPriorityRequest,
  type Corridor,
  type DetectorBucket,
  type EmergencyRun,
  type GetCorridorResponse,
  type HandleAlarmRequest,
  type RequestOrderRequest,
  type SignalAdvice,
  type SignalCalendar,
  type SignalChange,
  type SignalOrderRow,
  type SignalRefusal,
} from "../../src/gen/ngatu/v1/signal_pb";

export class FixtureSignals {
  mayOrder = true;
  /** Names of areas: where the junction is, and where the user may order. */
  areas: string[] = [];
  mayOrderIn: string[] = [];
  user = "admin";
  /** Newest first. */
  orders: SignalOrderRow[] = [];
  refusals: Partial<SignalRefusal>[] = [];
  asked: RequestOrderRequest[] = [];
  handlesAlarms = true;
  handled: HandleAlarmRequest[] = [];
  alarmAnswer: { outcome: SignalAlarmOutcome; detail: string } = { outcome: SignalAlarmOutcome.DONE, detail: "" };
  corridors: Corridor[] = [];
  cyclesDiffer = false;
  /** Newest first. */
  emergencies: EmergencyRun[] = [];
  calendar: SignalCalendar | undefined;
  advice: SignalAdvice | undefined;
  /** Newest first; none: nothing is said of the junction. */
  priorities: BusPriorityRequest[] | undefined;

  routes(router: ConnectRouter, guard: (context: HandlerContext) => void): void {
    const layout = create(SignalLayoutSchema, {
      groups: [0, 1, 2, 3].map((i) => ({ onFoot: i === 3, greenMinMs: 5_000n, clearanceMs: i === 3 ? 8_000n : 3_000n, redMaxMs: 120_000n })),
      conflicts: [[1, 3], [2, 3]].map(([ending, beginning]) => ({ ending: ending ?? 0, beginning: beginning ?? 0, intergreenMs: 5_000n })),
      plans: [1, 2, 3],
      allRed: true,
    });
    router.service(SignalService, {
      handleAlarm: (asked, context) => {
        guard(context);
        this.handled.push(asked);
        return this.alarmAnswer;
      },
      getJunction: (_, context) => (guard(context), { layout, alarmsCanBeHandled: this.handlesAlarms, mayHandleAlarms: this.handlesAlarms && this.mayOrder, mayOrder: this.mayOrder, areas: this.areas, mayOrderIn: this.mayOrder ? ["*"] : this.mayOrderIn }),
      previewOrder: ({ wanted, holdMs }, context) => {
        guard(context);
        const grave = wanted?.wish === SignalWish.FLASH || wanted?.wish === SignalWish.DARK || wanted?.wish === SignalWish.ALL_RED;
        return { refusals: this.refusals as never, needsSecondPerson: grave, endsMs: BigInt(Date.now()) + holdMs, losesGreen: grave ? [1, 4] : [], waits: wanted?.wish === SignalWish.ALL_RED ? [1, 2, 3, 4] : [], replaces: 0n };
      },
      requestOrder: (asked, context) => {
        guard(context);
        this.asked.push(asked);
        const grave = asked.wanted?.wish === SignalWish.FLASH || asked.wanted?.wish === SignalWish.DARK || asked.wanted?.wish === SignalWish.ALL_RED;
        return this.add(asked, this.user, grave ? "waiting" : "done");
      },
      approveOrder: ({ id }, context) => {
        guard(context);
        const row = this.orders.find((order) => order.id === id);
        if (!row) throw new ConnectError("there is no such order", Code.NotFound);
        if (row.askedBy === this.user) throw new ConnectError("whoever asked for it cannot approve it; a second person must", Code.PermissionDenied);
        return Object.assign(row, { state: "done", approvedBy: this.user, detail: "mode flash, plan 1, green" });
      },
      declineOrder: ({ id }, context) => {
        guard(context);
        const row = this.orders.find((order) => order.id === id);
        if (!row) throw new ConnectError("there is no such order", Code.NotFound);
        return Object.assign(row, { state: "declined", detail: `by ${this.user}` });
      },
      getSignalHistory: ({ fromMs, toMs }, context) => (guard(context), { changes: shown(Number(fromMs), Number(toMs)) }),
      getDetectorCounts: ({ fromMs, toMs, bucketMs }, context) => (guard(context), { buckets: counted(Number(fromMs), Number(toMs), Number(bucketMs)) }),
      listCorridors: (_, context) => (guard(context), { corridors: this.corridors }),
      getCorridor: ({ id, fromMs, toMs }, context) => {
        guard(context);
        const corridor = this.corridors.find((one) => one.id === id);
        if (!corridor) throw new ConnectError("there is no corridor", Code.NotFound);
        return wave(corridor, Number(fromMs), Number(toMs), this.cyclesDiffer);
      },
      startEmergency: (asked, context) => {
        guard(context);
        const corridor = this.corridors.find((one) => one.id === asked.corridor);
        if (!corridor) throw new ConnectError("there is no corridor", Code.NotFound);
        if (asked.vehicle === "xe-la") throw new ConnectError("there is no vehicle xe-la", Code.NotFound);
        const run = underWay(corridor, { vehicle: asked.vehicle, speedKmh: asked.speedKmh, back: asked.back, purpose: asked.purpose, startedBy: this.user });
        this.emergencies.unshift(run);
        return run;
      },
      advanceEmergency: ({ id, junction }, context) => {
        guard(context);
        const run = this.#emergency(id);
        const here = run.stops.findIndex((stop) => stop.junction === junction);
        run.stops.forEach((stop, i) => i < here && Object.assign(stop, { state: EmergencyStopState.PASSED, expectedMs: 0n }));
        run.hereM = run.stops[here]?.atM ?? 0;
        return run;
      },
      endEmergency: ({ id }, context) => {
        guard(context);
        return Object.assign(this.#emergency(id), { endedMs: BigInt(Date.now()), endedBy: this.user });
      },
      listEmergencies: (_, context) => (guard(context), { runs: this.emergencies }),
      getCalendar: (_, context) => (guard(context), this.calendar ? { calendar: this.calendar } : {}),
      listBusPriority: (_, context) => (guard(context), { configured: this.priorities !== undefined, requests: this.priorities ?? [] }),
      getAdvice: (_, context) => (guard(context), this.advice ? { advice: this.advice } : {}),
      listOrders: ({ junction, waiting }, context) => {
        guard(context);
        const orders = this.orders.filter((row) => (!junction || row.junction === junction) && (!waiting || row.state === "waiting"));
        for (const row of orders) row.mayDecide = this.mayOrder;
        return { orders, mayOrder: this.mayOrder };
      },
    });
  }

  #emergency(id: bigint): EmergencyRun {
    const run = this.emergencies.find((one) => one.id === id);
    if (!run) throw new ConnectError("there is no emergency", Code.NotFound);
    return run;
  }

  add(asked: Pick<RequestOrderRequest, "junction" | "wanted" | "holdMs" | "purpose">, askedBy: string, state: string, detail = "", agoMs = 0): SignalOrderRow {
    const askedMs = BigInt(Date.now() - agoMs);
    const row = create(SignalOrderRowSchema, {
      id: BigInt(this.orders.length + 1),
      junction: asked.junction,
      ...(asked.wanted ? { wanted: asked.wanted } : {}),
      holdMs: asked.holdMs,
      purpose: asked.purpose,
      askedBy,
      askedMs,
      endsMs: askedMs + asked.holdMs,
      state,
      detail,
      stateMs: askedMs,
    });
    this.orders.unshift(row);
    return row;
  }
}

const CYCLE_MS = 90_000;

/** Two stages of 40 and 35 s, and a minute in which nobody knows. */
function shown(fromMs: number, toMs: number): SignalChange[] {
  const steps: [number, string][] = [[0, "11B1"], [40, "NNBB"], [43, "BBBB"], [45, "BB1B"], [80, "BBNB"], [83, "BBBB"], [85, "00BB"]];
  const changes = [];
  for (let at = Math.floor(fromMs / CYCLE_MS) * CYCLE_MS; at < toMs; at += CYCLE_MS)
    for (const [s, groups] of steps) if (at + s * 1000 < toMs) changes.push(create(SignalChangeSchema, { atMs: BigInt(at + s * 1000), groups }));
  return changes.map((change, i) => (i >= 12 && i < 15 ? Object.assign(change, { groups: "" }) : change));
}

export const trangThi = (): Corridor =>
  create(CorridorSchema, {
    id: "trang-thi",
    name: "Tràng Tiền – Tràng Thi – Kim Mã",
    speedKmh: 36,
    places: ["kim-lien", "dai-co-viet", "bach-mai"].map((junction, i) => ({ junction, atM: [0, 450, 1_100][i] ?? 0, out: 1, back: 2 })),
  });

/** Along junctions that the map knows. */
export const quangTrung = (): Corridor =>
  create(CorridorSchema, {
    id: "quang-trung",
    name: "Ngã Tư Sở – Kim Liên – Cửa Nam",
    speedKmh: 36,
    places: ["nga-tu-so", "kim-lien", "cua-nam"].map((junction, i) => ({ junction, atM: [0, 2_300, 4_800][i] ?? 0, out: 1, back: 2 })),
  });

/** From a side street into the corridor's: no groups lead back. */
export const rePhai = (): Corridor =>
  create(CorridorSchema, {
    id: "re-phai",
    name: "Lê Duẩn → rẽ Đại Cồ Việt",
    places: [{ junction: "kim-lien", atM: 0, out: 3 }, { junction: "dai-co-viet", atM: 450, out: 1 }],
  });

/** The first junction is green, the second asked, the third kept back. */
export function underWay(corridor: Corridor, told: { vehicle: string; speedKmh: number; back: boolean; purpose: string; startedBy: string }): EmergencyRun {
  const now = BigInt(Date.now());
  const states = [EmergencyStopState.GREEN, EmergencyStopState.ASKED, EmergencyStopState.REFUSED];
  return create(EmergencyRunSchema, {
    ...told,
    id: now,
    corridor: corridor.id,
    startedMs: now,
    knownMs: now,
    hereM: 140,
    mayEnd: true,
    stops: corridor.places.map((place, i) => ({
      junction: place.junction,
      atM: place.atM,
      group: place.out,
      state: states[i] ?? EmergencyStopState.AHEAD,
      ...(i === 2 ? { reason: "safety", refusals: [{ code: "minimum_green", group: 2, untilMs: now + 4_000n, tooEarly: true, text: "x" }] } : {}),
      expectedMs: now + BigInt(9_000 * (i + 1)),
      order: BigInt(i + 1),
    })),
  });
}

/** Greens of 40 s that come 20 s too late at the second junction. */
function wave(corridor: Corridor, fromMs: number, toMs: number, differ: boolean): GetCorridorResponse {
  const begin = Math.floor(fromMs / CYCLE_MS) * CYCLE_MS;
  const times = Array.from({ length: Math.ceil((toMs - begin) / CYCLE_MS) }, (_, i) => begin + i * CYCLE_MS);
  const span = (from: number, s: number) => ({ fromMs: BigInt(from), toMs: BigInt(Math.min(from + s * 1000, toMs)) });
  const late = [0, 65, 110];
  // The second tells no plan, and the third ran another one before.
  const ran = (plan: number) => [{ fromMs: BigInt(fromMs), toMs: BigInt(toMs), plan, cycleLengthS: 90 }];
  const plans = [ran(2), [], ran(toMs < Date.now() - 600_000 ? 1 : 3)];
  const figures = (bandS: number, stops: number, waitsS: number) => ({ bandMeanS: bandS, share: bandS / 40, stops, waitsS, departures: 240 });
  return create(GetCorridorResponseSchema, {
    corridor,
    shown: corridor.places.map((_, i) => ({ out: times.map((at) => span(at + (late[i] ?? 0) * 1000, 40)), back: times.map((at) => span(at + (late[i] ?? 0) * 1000, 34)), unknown: i === 2 ? [span(begin + 200_000, 30)] : [], plans: plans[i] ?? [], ...(i === 1 ? {} : { offsetS: 10 * i }) })),
    out: { bands: times.map((at) => span(at + 20_000, 20)), ...figures(20, 0.8, 11.4) },
    back: { bands: times.map((at) => span(at + 110_000, 6)), ...figures(6, 1.4, 31.2) },
    ...(differ
      ? { noAdvice: { code: "cycles_differ", junctions: ["kim-lien", "dai-co-viet"], seconds: [90, 97], text: "x" } }
      : { advice: { cycleS: 90, shiftsS: [0, -20, 4], outNow: figures(20, 0.8, 11.4), backNow: figures(6, 1.4, 31.2), outThen: figures(38, 0.1, 1.2), backThen: figures(12, 0.9, 22) } }),
  });
}

/** Four detectors: the third counts no kinds and knows no speed, the fourth told nothing in the last half hour. */
function counted(fromMs: number, toMs: number, bucketMs: number): DetectorBucket[] {
  const buckets = [];
  for (let detector = 1; detector <= 4; detector++)
    for (let at = fromMs, i = 0; at < toMs; at += bucketMs, i++) {
      if (detector === 4 && i >= 6) continue;
      const vehicles = 20 * detector + ((i * 7) % 12) * 3;
      const told = detector === 3 ? {} : { speedMps: 7 + detector, kinds: [{ kind: "motorcycle", count: BigInt(Math.round(vehicles * 0.8)) }, { kind: "car", count: BigInt(Math.round(vehicles * 0.2)) }] };
      buckets.push(create(DetectorBucketSchema, { detector, fromMs: BigInt(at), countedMs: BigInt(bucketMs), vehicles: BigInt(vehicles), occupancy: 0.05 * detector + i / 200, ...told }));
    }
  return buckets;
}

/** A late bus that asked for green a minute ago and waits its turn. */
export function bus(more: Partial<BusPriorityRequest> = {}): BusPriorityRequest {
  const askedMs = BigInt(Date.now() - 60_000);
  const one = create(BusPriorityRequestSchema, { id: 1n, junction: "kim-lien", approach: "Từ phía tây", vehicle: "29B-123.45", route: "32", trip: "t1", askedMs, lateS: 185, toLineM: 120.4, state: "waits", why: "turn" });
  return Object.assign(one, more);
}

/** Plan 3 until the next full hour of 20 minutes from now on, then plan 1; not followed for the reason. */
export function calendar(more: Partial<SignalCalendar> = {}): SignalCalendar {
  const hour = 3_600_000;
  const untilMs = Math.ceil((Date.now() + hour / 3) / hour) * hour;
  return create(SignalCalendarSchema, { id: "gio-cao-diem", name: "Giờ cao điểm", plan: 3, untilMs: BigInt(untilMs), nextPlan: 1, state: SignalCalendarState.FOLLOWED, ...(more as object) });
}

/** Two stages; a day in which the detectors were out for some hours. */
export function advice(more: Partial<SignalAdvice> = {}): SignalAdvice {
  const now = Date.now();
  const past = Array.from({ length: 288 }, (_, i) => {
    const hour = (i / 12) % 24;
    const peak = Math.exp(-((hour - 8) ** 2) / 4) + Math.exp(-((hour - 17.5) ** 2) / 4);
    const out = i > 130 && i < 160;
    return { atMs: BigInt(now - (288 - i) * 300_000), why: out ? "failed" : "", shownS: out ? 0 : 18 + 26 * peak, adaptiveS: out ? 0 : 13 + 17 * peak, clear: !out };
  });
  return create(SignalAdviceSchema, {
    stage: 1, wants: 2, ageMs: 24_000n, forecastMs: BigInt(now - 60_000), shownS: 38.4, adaptiveS: 24.1, clear: true,
    stages: [{ groups: [1], shownMs: 40_000n, adaptiveMs: 27_000n }, { groups: [3], shownMs: 35_000n, adaptiveMs: 31_000n }],
    approaches: [{ name: "Lê Duẩn", groups: [1], perHour: 1_240, queue: 3 }, { name: "Đại Cồ Việt", groups: [3], perHour: 980, queue: 14 }],
    past,
    ...(more as object),
  });
}
