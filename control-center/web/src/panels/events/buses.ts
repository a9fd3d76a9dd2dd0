// What the hall found of buses, as events of the list. Pure.
import { ageOf, integer } from "../../format";
import type { StoredEvent } from "../../gen/ngatu/v1/api_pb";
import type { BusEvent } from "../../gen/ngatu/v1/transit_pb";
import { t, tOr, type Key } from "../../i18n";
import { lastKnown, lateness, span } from "../buses/words";
import type { Described, Group, Weight } from "./describe";

/** Findings by group, as in the panel of buses; a call for help stands alone and is always in the list. */
export const BUS_GROUPS = {
  sos: ["sos"],
  bus_safety: ["overspeed", "doors_open_moving", "engine_on_layover"],
  bus_way: ["off_route", "stop_skipped", "short_turn", "wrong_sign_on"],
  bus_timing: ["early", "late", "bunching", "run_missing", "run_unseen", "headway_gap"],
} as const;

const GRAVE: ReadonlySet<string> = new Set(["sos", "off_route", "doors_open_moving", "run_missing"]);
/** These are over in the moment when they are found, and say nothing of an end. */
const MOMENTS: ReadonlySet<string> = new Set(["stop_skipped", "short_turn", "run_missing"]);
/** What began so long ago and never ended is of a bus that went silent. */
const OPEN_MS = 20 * 3_600_000;

/** A call that ended so long ago and was put aside by nobody here was seen to by another shift. */
const ENDED_MS = 2 * 3_600_000;

export const kindsOf = (group: keyof typeof BUS_GROUPS): string[] => BUS_GROUPS[group].map((finding) => `bus_${finding}`);

export const isOpen = (bus: BusEvent, nowMs: number): boolean => bus.endedMs === undefined && nowMs - Number(bus.beganMs) < OPEN_MS;

const groupOf = (finding: string): Group | undefined => (Object.keys(BUS_GROUPS) as (keyof typeof BUS_GROUPS)[]).find((g) => (BUS_GROUPS[g] as readonly string[]).includes(finding));

export function describeBus(bus: BusEvent): Described {
  const over = bus.endedMs !== undefined && !MOMENTS.has(bus.finding);
  const lasted = over ? `${t("event.bus.ended")}, ${ageOf(Number(bus.endedMs) - Number(bus.beganMs))}` : bus.endedMs === undefined && !MOMENTS.has(bus.finding) ? t("event.bus.open") : "";
  const route = bus.routeName && t("event.bus.route", { route: bus.routeName });
  const weight: Weight = GRAVE.has(bus.finding) ? "high" : "middle";
  const block = bus.block && t("buses.block", { block: bus.block });
  const more = [valueOf(bus), lasted, route, block, bus.stopName].filter(Boolean).join(" · ");
  return { group: groupOf(bus.finding), weight, what: tOr("finding", bus.finding), more, camera: undefined, junction: undefined, still: false };
}

export const placeOfBus = (bus: BusEvent): string => (bus.vehicle ? t("event.bus.vehicle", { vehicle: bus.vehicle }) : bus.stopName);

export const keyOfBus = (bus: BusEvent): string => `bus/${bus.beganMs}/${bus.name}`;

function valueOf(bus: BusEvent): string {
  const { finding, value } = bus;
  if (value === undefined) return "";
  if (finding === "sos") return lastKnown(bus);
  if (finding === "overspeed" || finding === "doors_open_moving") return t("unit.kmh" as Key, { n: integer(value) });
  if (finding === "early" || finding === "late") return lateness(value);
  if (finding === "headway_gap") return t("buses.since-last", { time: span(value) });
  if (finding === "run_unseen") return t("buses.others-report", { n: integer(value) });
  return finding === "bunching" ? t("buses.behind-ahead", { time: span(value) }) : "";
}

/** A call that the tracker does not repeat is a call still: its next position, seconds later, often says nothing of it. */
const callHolds = (bus: BusEvent, nowMs: number): boolean => (bus.endedMs === undefined ? isOpen(bus, nowMs) : nowMs - Number(bus.endedMs) < ENDED_MS);

/** Calls for help that nobody has put aside, newest first: also where the tracker says no more of it. */
export function callsOf(events: readonly StoredEvent[], seen: ReadonlySet<string>, nowMs: number): BusEvent[] {
  const calls = events.flatMap(({ bus }) => (bus?.finding === "sos" && callHolds(bus, nowMs) && !seen.has(keyOfBus(bus)) ? [bus] : []));
  return calls.sort((a, b) => Number(b.beganMs - a.beganMs));
}
