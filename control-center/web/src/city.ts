// What the page knows of the city: a snapshot, then deltas. Pure: time comes in as an argument.
import {
  type CameraNow,
  type CitySnapshot,
  type CityUpdate,
  type GatewayNow,
  type JunctionNow,
  type StoredEvent,
  type Vehicle,
} from "./gen/ngatu/v1/api_pb";
import { Link } from "./gen/ngatu/v1/event_pb";
import type { Effort, Position, SceneLine, SceneZone } from "./gen/ngatu/v1/gateway_pb";
import type { SignalAggregated, SignalNow } from "./gen/ngatu/v1/signal_pb";

export type State = "up" | "connecting" | "down" | "unknown";
/** A state's sign beside its colour. */
export const STATE_SIGNS: Record<State, string> = { up: "●", connecting: "◌", down: "✕", unknown: "?" };
export type LonLat = readonly [lon: number, lat: number];

export interface Gateway {
  id: string;
  alive: boolean;
  lastHeardMs: number;
  waiting: number;
  /** Its disk or its spool is full: nothing that it sees is kept until there is room. */
  keepsNothing: boolean;
  /** Cameras and junctions that it tells though another gateway has them. */
  claims: readonly string[];
}

export interface Camera {
  id: string;
  gateway: string;
  name: string;
  at: LonLat | undefined;
  /** Size of the scene in pixels, which lines and zones are in. */
  width: number;
  height: number;
  lines: SceneLine[];
  zones: SceneZone[];
  state: State;
  reason: string;
  fps: number;
  /** How much of its gateway it gets now, and why. */
  effort?: Effort | undefined;
}

/** One that is there, or that somebody suspended. */
export interface Alarm {
  code: string;
  component: string;
  description: string;
  priority: number;
  active: boolean;
  acknowledged: boolean;
  suspended: boolean;
}

/** When a group may change at the earliest and at the latest; 0: not told. `untilRed`: they are of the begin of red, with the yellow before it. */
export interface GroupTimes {
  earliestMs: number;
  latestMs: number;
  untilRed: boolean;
}

export interface Junction {
  id: string;
  gateway: string;
  name: string;
  at: LonLat | undefined;
  state: State;
  reason: string;
  /** One character a signal group (RSMP S0001). */
  groups: string;
  sinceMs: number;
  /** Since when each group shows what it shows; empty while that is not known. */
  groupSinceMs: number[];
  /** The stage that the controller told last; undefined where it tells none. */
  stage: number | undefined;
  /** When each group may change at the earliest and at the latest, as far as the controller tells; 0: it does not. */
  changes: GroupTimes[];
  /** What the controller says of itself. */
  now: SignalNow | undefined;
  /** What it says of its whole state. */
  aggregated: SignalAggregated | undefined;
  alarms: Alarm[];
}

export interface Bus {
  id: string;
  gateway: string;
  at: LonLat;
  fixMs: number;
  speedMps: number;
  courseDeg: number | undefined;
  valid: boolean;
  protocol: string;
}

/** `missed`: a snapshot in the middle of a stream, with which the hall skipped what the page was too slow for. */
export type Changed = "missed" | "hall" | "cameras" | "junctions" | "buses" | "gateways" | "events";

/** How many live events wait for panels that have not fetched them yet. */
const EVENTS_KEPT = 500;

export class City {
  gateways = new Map<string, Gateway>();
  cameras = new Map<string, Camera>();
  junctions = new Map<string, Junction>();
  buses = new Map<string, Bus>();
  /** Events that arrived live, newest first. */
  events: StoredEvent[] = [];
  /** Grows when a camera comes, goes or is renamed: what is sorted by name is sorted anew only then. */
  roster = 0;
  /** What does not work in the hall itself and what to do; empty when all is well. */
  problem = "";
  /** The hall's clock minus this browser's. */
  skewMs = 0;
  /** When the last word came, by this browser's clock; 0 before the first. */
  heardMs = 0;

  #listeners = new Set<(changed: ReadonlySet<Changed>) => void>();
  #pending = new Set<Changed>();

  subscribe(listener: (changed: ReadonlySet<Changed>) => void): void {
    this.#listeners.add(listener);
  }

  /** Tells the panels, once for all changes since the last time. */
  flush(): void {
    if (this.#pending.size === 0) return;
    const changed = this.#pending;
    this.#pending = new Set();
    for (const listener of this.#listeners) listener(changed);
  }

  apply(update: CityUpdate, nowMs: number): void {
    this.heardMs = nowMs;
    const { case: kind, value } = update.update;
    switch (kind) {
      case "snapshot":
        return this.#snapshot(value, nowMs);
      case "vehicle":
        return this.#bus(value);
      case "junction":
        return this.#junction(value);
      case "camera":
        return this.#camera(value);
      case "gateway":
        return this.#gateway(value);
      case "event":
        this.events.unshift(value);
        this.events.length = Math.min(this.events.length, EVENTS_KEPT);
        this.#pending.add("events");
        return;
      case "hall":
        this.problem = value.problem;
        this.#pending.add("hall");
        return;
      case undefined:
        return; // a newer hall says something this page does not know
    }
  }

  /** The hall's time. */
  now(browserMs: number): number {
    return browserMs + this.skewMs;
  }

  /** What a camera's or junction's state is worth: a silent gateway's last word is no knowledge. */
  stateOf(thing: { gateway: string; state: State }): State {
    return this.gateways.get(thing.gateway)?.alive === false ? "unknown" : thing.state;
  }

  /** Gateways that are there and keep nothing. A silent one may have room again: it is shown as silent. */
  keepingNothing(): Gateway[] {
    return [...this.gateways.values()].filter((g) => g.alive && g.keepsNothing);
  }

  placeOf(event: StoredEvent): string {
    if (event.bus) return event.bus.vehicle || event.bus.stopName;
    const body = event.event?.body;
    switch (body?.case) {
      case "lineCrossing":
      case "rule":
      case "redLight":
      case "minuteCounts":
      case "cameraStats":
      case "cameraState":
        return this.cameras.get(body.value.camera)?.name || body.value.camera;
      case "signal":
      case "signalAlarm":
      case "signalState":
      case "signalOrder":
      case "detectors":
        return this.junctions.get(body.value.junction)?.name || body.value.junction;
      case "fix":
        return body.value.vehicle;
      case undefined:
        return event.gateway;
    }
  }

  #snapshot(snapshot: CitySnapshot, nowMs: number): void {
    this.skewMs = Number(snapshot.atMs) - nowMs;
    this.problem = snapshot.hall?.problem ?? "";
    if (this.roster++ > 0) this.#pending.add("missed");
    for (const map of [this.gateways, this.cameras, this.junctions, this.buses]) map.clear();
    snapshot.gateways.forEach((g) => this.#gateway(g));
    snapshot.cameras.forEach((c) => this.#camera(c));
    snapshot.junctions.forEach((j) => this.#junction(j));
    snapshot.vehicles.forEach((v) => this.#bus(v));
    for (const what of ["gateways", "cameras", "junctions", "buses"] as const) this.#pending.add(what);
  }

  #gateway(now: GatewayNow): void {
    this.gateways.set(now.gateway, {
      id: now.gateway,
      alive: now.alive,
      lastHeardMs: Number(now.lastHeardMs),
      waiting: Number(now.waitingEvents),
      keepsNothing: now.keepsNothing,
      claims: now.claims,
    });
    for (const what of ["gateways", "cameras", "junctions"] as const) this.#pending.add(what);
  }

  #camera(now: CameraNow): void {
    if (!now.info) return;
    const { camera, name, position, width, height, lines, zones, link, reason, fps, effort } = now.info;
    if (this.cameras.get(camera)?.name !== (name || camera)) this.roster++;
    this.cameras.set(camera, {
      id: camera,
      gateway: now.gateway,
      name: name || camera,
      at: lonLat(position),
      width,
      height,
      lines,
      zones,
      state: stateOfLink(link),
      reason,
      fps,
      effort,
    });
    this.#pending.add("cameras");
  }

  #junction(now: JunctionNow): void {
    if (!now.info) return;
    const { junction, name, position, link, reason, groups, changes, now: told, aggregated } = now.info;
    this.junctions.set(junction, {
      id: junction,
      gateway: now.gateway,
      name: name || junction,
      at: lonLat(position),
      state: stateOfLink(link),
      reason,
      groups,
      sinceMs: Number(now.sinceMs),
      groupSinceMs: now.groupSinceMs.map(Number),
      stage: now.stage,
      changes: changes.map(({ earliestMs, latestMs, untilRed }) => ({ earliestMs: Number(earliestMs), latestMs: Number(latestMs), untilRed })),
      now: told,
      aggregated,
      alarms: now.activeAlarms.map(({ code, component, description, priority, active, acknowledged, suspended }) => ({ code, component, description, priority, active, acknowledged, suspended })),
    });
    this.#pending.add("junctions");
  }

  #bus(now: Vehicle): void {
    const fix = now.fix;
    if (!fix || !sane(fix.lat, fix.lon)) return;
    this.buses.set(fix.vehicle, {
      id: fix.vehicle,
      gateway: now.gateway,
      at: [fix.lon, fix.lat],
      fixMs: Number(fix.fixMs),
      speedMps: fix.speedMps,
      courseDeg: fix.courseDeg,
      valid: fix.valid,
      protocol: fix.protocol,
    });
    this.#pending.add("buses");
  }
}

/** Circular 09/2015/TT-BGTVT: a report at most every 30 s while moving, every 15 min while standing; with room for the way here. */
const MOVING_STALE_MS = 90_000;
const STANDING_STALE_MS = 20 * 60_000;

export function isStale(bus: Pick<Bus, "fixMs" | "speedMps">, nowMs: number): boolean {
  return nowMs - bus.fixMs > (bus.speedMps > 1 ? MOVING_STALE_MS : STANDING_STALE_MS);
}

function stateOfLink(link: Link): State {
  switch (link) {
    case Link.UP:
      return "up";
    case Link.DOWN:
      return "down";
    case Link.CONNECTING:
      return "connecting";
    case Link.UNSPECIFIED:
      return "unknown";
  }
}

function lonLat(position: Position | undefined): LonLat | undefined {
  return position && sane(position.lat, position.lon) ? [position.lon, position.lat] : undefined;
}

/** A number, on the earth, and not the 0,0 of a device that knows nothing. */
function sane(lat: number, lon: number): boolean {
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && (lat !== 0 || lon !== 0);
}
