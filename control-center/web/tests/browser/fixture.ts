// A scripted hall for tests of the page: the same services over the same protocol, on a free port. Never shipped.
import { createServer, type Server } from "node:http";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import { CityService, CityUpdateSchema, SessionService, type CityUpdate, type StoredEvent, type Count, type FoundTrack, type MissingGateway, type SearchTracksRequest, type Watched } from "../../src/gen/ngatu/v1/api_pb";
import { RulePhase } from "../../src/gen/ngatu/v1/event_pb";
import { TrackerOrderProgress, type PictureSchema } from "../../src/gen/ngatu/v1/gateway_pb";
import { TransitService, type GivenTrackerOrderSchema } from "../../src/gen/ngatu/v1/transit_pb";
import { alerts, busDay, buses, report, routes, segmentDay, segments, spaceTime, trackers } from "./bus_city";

import { FixtureMaintenance } from "./maintenance";
import { FixtureSignals } from "./signals";

export const PASSWORD = "đúng-mật-khẩu";
const DIST = join(import.meta.dirname, "../../dist");
/** Pages for passengers, as the hall writes them: a test of the hall holds them to it. */
const STOPS = join(import.meta.dirname, "stops");
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };

/** What a hall should send with every page; the page must work under it. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self'; " +
  "connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

type Snapshot = Extract<NonNullable<MessageInitShape<typeof CityUpdateSchema>["update"]>, { case: "snapshot" }>["value"];

export class FixtureHall {
  /** Orders for trackers, newest first. */
  orders: MessageInitShape<typeof GivenTrackerOrderSchema>[] = [];
  url = "";
  signals = new FixtureSignals();
  maintenance = new FixtureMaintenance();
  snapshot: () => Snapshot = () => ({});
  /** Newest first. */
  events: StoredEvent[] = [];
  counts: Count[] = [];
  watched: Watched[] = [];
  /** Newest first. */
  tracks: FoundTrack[] = [];
  missing: MissingGateway[] = [];
  /** Every search that was asked. */
  searches: SearchTracksRequest[] = [];
  picture: (camera: string) => MessageInitShape<typeof PictureSchema> | undefined = () => undefined;
  still: (seq: bigint, part: number) => Uint8Array = () => {
    throw new ConnectError("the pole keeps no such picture", Code.NotFound);
  };
  tooMany = false;
  /** Space-time diagrams that were asked for. */
  asked: { feed: string; route: string; direction: number | undefined; day: string }[] = [];
  /** Why the hall cannot tell of buses; empty when it can. */
  transitFails = "";
  /** How many WatchPictures streams are open. */
  pictureStreams = 0;
  /** The service day of buses, where it is not today. */
  serviceDay = "";
  /** Whether calls are refused as a hall that is down would. */
  down = false;

  #server: Server | undefined;
  #port = 0;
  #watchers = new Set<(update: CityUpdate) => void>();

  async start(): Promise<void> {
    const rpc = connectNodeAdapter({ routes: (router) => this.#routes(router) });
    this.#server = createServer((request, response) => {
      const asked = new URL(request.url ?? "/", "http://hall");
      if (asked.pathname.startsWith("/ngatu.v1.")) return rpc(request, response);
      const answer = asked.pathname.startsWith("/stops") ? stopPage(asked) : page(asked.pathname, request.headers.cookie ?? "");
      void answer.then(({ status, headers, body }) => response.writeHead(status, headers).end(body));
    });
    await new Promise<void>((up) => this.#server?.listen(this.#port, "127.0.0.1", up));
    this.#port = (this.#server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.#port}`;
  }

  /** Cuts every connection; `start` comes back on the same port. */
  async stop(): Promise<void> {
    const server = this.#server;
    await new Promise<void>((done) => {
      server?.close(() => done());
      server?.closeAllConnections();
    });
  }

  send(update: MessageInitShape<typeof CityUpdateSchema>["update"]): void {
    const message = create(CityUpdateSchema, { update: update as never });
    for (const watcher of this.#watchers) watcher(message);
  }

  /** Tells viewers of a junction of the snapshot, changed. */
  junction(id: string, change: (now: any) => object): void {
    const now = (this.snapshot().junctions ?? []).find((j: any) => j.info.junction === id);
    this.send({ case: "junction", value: change(now) as never });
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  #routes(router: ConnectRouter): void {
    router.service(SessionService, {
      signIn: ({ name, password }, context) => {
        if (this.tooMany) throw new ConnectError("too many tries", Code.ResourceExhausted);
        if (name !== "admin" || password !== PASSWORD) throw new ConnectError("wrong name or password", Code.Unauthenticated);
        context.responseHeader.set("set-cookie", "session=fixture; HttpOnly; SameSite=Strict; Path=/");
        return { token: "fixture", expiresMs: BigInt(Date.now() + 3_600_000) };
      },
      signOut: (_, context) => {
        context.responseHeader.set("set-cookie", "session=; Max-Age=0; Path=/");
        return {};
      },
      whoAmI: (_, context) => (guard(context), { name: "admin" }),
    });
    this.signals.routes(router, guard);
    this.maintenance.routes(router, guard);
    router.service(CityService, {
      watchCity: (_, context) => this.#watch(context),
      watchPictures: ({ camera, fps }, context) => this.#pictures(camera, fps || 5, context),
      listEvents: ({ kinds, camera, limit, pageToken }, context) => {
        guard(context);
        const all = this.events.filter((e) => kinds.includes(kindOf(e)) && (camera === "" || cameraOf(e) === camera));
        const from = Number(pageToken || 0);
        const to = from + (limit || 100);
        return { events: all.slice(from, to), nextPageToken: to < all.length ? String(to) : "" };
      },
      getStill: ({ seq, part }, context) => (guard(context), { jpeg: this.still(seq, part) }),
      getCounts: ({ toMs }, context) => {
        guard(context);
        // Minutes pass while a test runs: what is there ends where the question does.
        const last = this.watched.reduce((latest, row) => (row.fromMs > latest ? row.fromMs : latest), 0n);
        const moved = <T extends { fromMs: bigint }>(row: T): T => ({ ...row, fromMs: row.fromMs + toMs - last - 60_000n });
        return { counts: this.counts.map(moved), watched: this.watched.map(moved) };
      },
      searchTracks: (asked, context) => {
        guard(context);
        this.searches.push(asked);
        const { roadUsers = [], colours = [], limit = 100 } = asked.query ?? {};
        const all = this.tracks.filter(({ track }) => track && (roadUsers.length === 0 || roadUsers.includes(track.roadUser)) && (colours.length === 0 || colours.includes(track.colour)));
        const from = Number(asked.pageToken || 0);
        return { tracks: all.slice(from, from + limit), nextPageToken: from + limit < all.length ? String(from + limit) : "", gateways: 2, missing: this.missing };
      },
      getFigures: (_, context) => (guard(context), { events: 42n, crossings: 12_345n, camerasUp: 3n, junctionsUp: 3n }),
    });
    const told = (context: HandlerContext) => {
      guard(context);
      if (this.transitFails) throw new ConnectError(this.transitFails, Code.Unavailable);
      return Date.now();
    };
    router.service(TransitService, {
      listRoutes: (_, context) => routes(told(context)),
      getBuses: ({ route }, context) => ({ atMs: BigInt(told(context)), buses: buses(Date.now()).filter((b) => route === "" || b.route === route) }),
      getSpaceTime: ({ feed, route, direction, day }, context) => {
        this.asked.push({ feed, route, direction, day });
        const line = spaceTime(told(context));
        if (this.serviceDay) line.day = this.serviceDay;
        return line;
      },
      listBusEvents: (_, context) => ({ events: alerts(told(context)) }),
      listTrackers: (_, context) => ({ atMs: BigInt(told(context)), trackers: trackers(Date.now()) }),
      listTrackerOrders: ({ vehicle }, context) => (guard(context), { orders: this.orders.filter((o) => o.order?.vehicle === vehicle), mayOrder: true }),
      giveTrackerOrder: ({ vehicle, order }, context) => {
        guard(context);
        const kept = { vehicle, order, id: BigInt(this.orders.length), expiresMs: BigInt(Date.now() + 86_400_000), progress: TrackerOrderProgress.WAITING };
        const given: MessageInitShape<typeof GivenTrackerOrderSchema> = { order: kept, gateway: "buses", givenMs: BigInt(Date.now()) };
        this.orders.unshift(given);
        return given;
      },
      getTransitReport: ({ from }, context) => (told(context), report(from)),
      getBusDay: (_, context) => busDay(told(context)),
      listSegments: (_, context) => segments(told(context)),
      getSegmentDay: (_, context) => segmentDay(told(context)),
    });
  }

  async *#watch(context: HandlerContext): AsyncGenerator<CityUpdate> {
    guard(context);
    const queue: CityUpdate[] = [create(CityUpdateSchema, { update: { case: "snapshot", value: this.snapshot() as never } })];
    let wake = () => {};
    const watcher = (update: CityUpdate) => {
      queue.push(update);
      wake();
    };
    this.#watchers.add(watcher);
    context.signal.addEventListener("abort", () => wake());
    try {
      while (!context.signal.aborted) {
        yield* queue.splice(0);
        if (queue.length === 0) await new Promise<void>((go) => (wake = go));
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async *#pictures(camera: string, fps: number, context: HandlerContext) {
    guard(context);
    this.pictureStreams++;
    try {
      while (!context.signal.aborted) {
        const picture = this.picture(camera);
        if (!picture) throw new ConnectError("the pole does not answer", Code.Unavailable);
        yield picture;
        await new Promise((next) => setTimeout(next, 1000 / fps));
      }
    } finally {
      this.pictureStreams--;
    }
  }
}

function guard(context: HandlerContext): void {
  if (!signedIn(context.requestHeader.get("cookie") ?? "")) throw new ConnectError("sign in first", Code.Unauthenticated);
}

const signedIn = (cookie: string): boolean => cookie.includes("session=fixture");

type Answer = { status: number; headers: Record<string, string>; body?: Buffer };

/** Open to everybody: the search, and the one stop that it finds. */
async function stopPage(asked: URL): Promise<Answer> {
  const language = asked.searchParams.get("lang") === "en" ? "en" : "vi";
  const files: Record<string, string> = { "/stops": "find-vi.html", "/stops/xe/s6": `stop-${language}.html` };
  const file = files[asked.pathname];
  if (file === undefined) return { status: 404, headers: {} };
  return { status: 200, headers: { "content-type": "text/html", "content-security-policy": POLICY }, body: await readFile(join(STOPS, file)) };
}

async function page(path: string, cookie: string): Promise<Answer> {
  const open = path === "/sign-in" || /^\/assets\/(sign-in|shared)-/.test(path);
  if (!open && !signedIn(cookie)) {
    return path === "/" ? { status: 303, headers: { location: "/sign-in" } } : { status: 401, headers: {} };
  }
  const file = path === "/" ? "index.html" : path === "/sign-in" ? "sign-in.html" : normalize(path).slice(1);
  try {
    const headers = { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": POLICY };
    return { status: 200, headers, body: await readFile(join(DIST, file)) };
  } catch {
    return { status: 404, headers: {} };
  }
}

const SNAKE: Record<string, string> = { lineCrossing: "line_crossing", rule: "rule", redLight: "red_light", cameraState: "camera_state", signalAlarm: "signal_alarm", signalState: "signal_state" };

function kindOf(e: StoredEvent): string {
  if (e.bus) return `bus_${e.bus.finding}`;
  if (e.event?.body.case === "rule" && e.event.body.value.phase === RulePhase.FIGURE) return "figure";
  return SNAKE[e.event?.body.case ?? ""] ?? "";
}

function cameraOf(e: StoredEvent): string {
  const body = e.event?.body;
  return body?.case === "rule" || body?.case === "redLight" || body?.case === "lineCrossing" || body?.case === "cameraState" ? body.value.camera : "";
}
