// A stored event in the operator's words. Pure.
import type { City } from "../../city";
import type { StoredEvent } from "../../gen/ngatu/v1/api_pb";
import { ageOf, timeOf, twoDecimals } from "../../format";
import { Link, RulePhase, type RoadUser, type RuleEvent } from "../../gen/ngatu/v1/event_pb";
import { SignalStep } from "../../gen/ngatu/v1/signal_pb";
import { t, tOr, type Key } from "../../i18n";
import { measureTexts } from "../../measures";
import { directionName, userName } from "../../road_users";
import { intoRed } from "./proof";
import { BUS_GROUPS, describeBus, keyOfBus, kindsOf } from "./buses";

export type Group = "rule" | "camera" | "signal" | "crossing" | "figure" | keyof typeof BUS_GROUPS;
/** How much it asks of the operator; told by sign and colour. */
export type Weight = "high" | "middle" | "low" | "good";

/** The kinds that a filter asks the hall for. */
export const GROUPS: Record<Group, readonly string[]> = {
  rule: ["rule", "red_light"],
  camera: ["camera_state"],
  signal: ["signal_alarm", "signal_state", "signal_order"],
  crossing: ["line_crossing"],
  figure: ["figure"],
  bus_safety: kindsOf("bus_safety"),
  bus_way: kindsOf("bus_way"),
  bus_timing: kindsOf("bus_timing"),
  sos: kindsOf("sos"),
};

export interface Described {
  group: Group | undefined;
  weight: Weight;
  what: string;
  /** Class, direction, reason: whatever tells most in a few words. */
  more: string;
  camera: string | undefined;
  junction: string | undefined;
  /** Whether a picture may be kept of it. */
  still: boolean;
}

const LINKS: Record<Link, "up" | "connecting" | "down"> = {
  [Link.UNSPECIFIED]: "connecting",
  [Link.CONNECTING]: "connecting",
  [Link.UP]: "up",
  [Link.DOWN]: "down",
};
const ORDER_STEPS: Record<SignalStep, readonly ["done" | "otherwise" | "refused" | "silent" | "ending" | "ended", Weight]> = {
  [SignalStep.UNSPECIFIED]: ["silent", "low"],
  [SignalStep.DONE]: ["done", "middle"],
  [SignalStep.OTHERWISE]: ["otherwise", "high"],
  [SignalStep.REFUSED]: ["refused", "high"],
  [SignalStep.SILENT]: ["silent", "high"],
  [SignalStep.ENDING]: ["ending", "middle"],
  [SignalStep.ENDED]: ["ended", "good"],
};
const LINK_WEIGHTS = { up: "good", connecting: "low", down: "high" } as const;

export function describe(stored: StoredEvent): Described {
  if (stored.bus) return describeBus(stored.bus);
  const none = { camera: undefined, junction: undefined, still: false };
  const body = stored.event?.body;
  switch (body?.case) {
    case "rule": {
      return { ...none, ...describeRule(body.value, atOf(stored)) };
    }
    case "redLight": {
      const { roadUser, camera, line } = body.value;
      return { ...none, group: "rule", weight: "high", what: t("event.red_light"), more: `${userName(roadUser)} · ${intoRed(body.value)} · ${line}`, camera, still: true };
    }
    case "lineCrossing": {
      const { line, roadUser, direction, camera } = body.value;
      const more = `${userName(roadUser)} · ${directionName(direction)}`;
      return { ...none, group: "crossing", weight: "low", what: t("event.line_crossing", { line }), more, camera, still: true };
    }
    case "cameraState": {
      const link = LINKS[body.value.link];
      const what = t(`event.camera_state.${link}` as Key);
      return { ...none, group: "camera", weight: LINK_WEIGHTS[link], what, more: body.value.reason, camera: body.value.camera };
    }
    case "signalState": {
      const link = LINKS[body.value.link];
      const what = t(`event.signal_state.${link}` as Key);
      return { ...none, group: "signal", weight: LINK_WEIGHTS[link], what, more: body.value.reason, junction: body.value.junction };
    }
    case "signalAlarm": {
      const { active, code, priority, description, component, junction } = body.value;
      const what = t(active ? "event.signal_alarm.on" : "event.signal_alarm.off", { code });
      const weight = !active ? "good" : priority <= 1 ? "high" : "middle";
      return { ...none, group: "signal", weight, what, more: description || component, junction };
    }
    case "signalOrder": {
      const { step, detail, junction } = body.value;
      const [name, weight] = ORDER_STEPS[step];
      const what = t("event.signal_order", { step: t(`order.${name}`) });
      return { ...none, group: "signal", weight, what, more: tOr("ended", detail), junction };
    }
    case "signal":
      return { ...none, group: undefined, weight: "low", what: t("event.other"), more: body.value.groups, junction: body.value.junction };
    case "minuteCounts":
    case "cameraStats":
      return { ...none, group: undefined, weight: "low", what: t("event.other"), more: "", camera: body.value.camera };
    case "detectors":
      return { ...none, group: undefined, weight: "low", what: t("event.other"), more: "", junction: body.value.junction };
    case "fix":
    case undefined:
      return { ...none, group: undefined, weight: "low", what: t("event.other"), more: "" };
  }
}

/** What puts people in danger, or a camera out of work. */
const HIGH: ReadonlySet<string> = new Set(["wrong_way", "pedestrian_on_carriageway", "abandoned_object", "camera_covered", "camera_dark", "camera_frozen", "camera_turned"]);

function describeRule(event: RuleEvent, atMs: number): Pick<Described, "group" | "weight" | "what" | "more" | "camera" | "still"> {
  const { rule, roadUser, zone, camera, phase, measures } = event;
  const who = roadUser === undefined ? "" : userName(roadUser);
  const where = wayOf(event) ?? zone ?? "";
  const told = (...parts: string[]): string => parts.filter(Boolean).join(" · ");
  if (phase === RulePhase.FIGURE) {
    return { group: "figure", weight: "low", what: tOr("figure", rule), more: told(who, where, ...measureTexts(measures, 3)), camera, still: false };
  }
  const name = tOr("rule", rule);
  if (phase === RulePhase.ENDED) {
    return { group: "rule", weight: "good", what: t("event.rule.ended", { what: name }), more: told(who, ageOf(atMs - Number(event.beganMs)), where), camera, still: true };
  }
  return { group: "rule", weight: HIGH.has(rule) ? "high" : "middle", what: name, more: told(who, ...measureTexts(measures, 2), where), camera, still: true };
}

const wayOf = ({ wayFrom, wayTo }: RuleEvent): string | undefined => (wayFrom && wayTo ? `${wayFrom} → ${wayTo}` : undefined);

/** An event's full name, one for ever. */
export const keyOf = (e: StoredEvent): string => (e.bus ? keyOfBus(e.bus) : `${e.gateway}/${e.boot}/${e.event?.seq ?? 0n}`);

export const atOf = (e: StoredEvent): number => Number(e.bus?.beganMs ?? e.event?.atMs ?? 0n);

export function wanted(e: StoredEvent, groups: ReadonlySet<Group>, camera: string): boolean {
  const { group, camera: of } = describe(e);
  return group !== undefined && groups.has(group) && (camera === "" || of === camera);
}

/** Label and value of everything worth knowing of an event, for its opened view. */
export function fields(e: StoredEvent, city: City): [Key, string][] {
  const rows: [Key, string | undefined][] = [];
  const body = e.event?.body;
  switch (body?.case) {
    case "rule":
      rows.push(["field.class", user(body.value.roadUser)], ["field.zone", body.value.zone], ["field.way", wayOf(body.value)],
        ["field.measured", measureTexts(body.value.measures).join(" · ")],
        ["field.began", body.value.beganMs > 0n ? timeOf(Number(body.value.beganMs)) : undefined],
        ["field.lasted", body.value.phase === RulePhase.ENDED ? ageOf(atOf(e) - Number(body.value.beganMs)) : undefined],
        ["field.track", body.value.track?.toString()]);
      break;
    case "redLight": {
      const { signalErrorMs, cameraErrorMs, clockAheadMs, junction, group } = body.value;
      const seconds = (ms: bigint): string => `± ${twoDecimals(Number(ms) / 1000)} s`;
      const place = city.junctions.get(junction)?.name || junction;
      rows.push(["field.class", user(body.value.roadUser)], ["field.line", body.value.line],
        ["field.direction", directionName(body.value.direction)],
        ["field.lamp", `${place} · ${t("field.group", { n: group })}`],
        ["field.camera-error", seconds(cameraErrorMs)], ["field.lamp-error", seconds(signalErrorMs)],
        ["field.clock-ahead", `${twoDecimals(Number(clockAheadMs) / 1000)} s`],
        ["field.track", body.value.track.toString()]);
      break;
    }
    case "lineCrossing":
      rows.push(["field.class", user(body.value.roadUser)], ["field.line", body.value.line],
        ["field.direction", directionName(body.value.direction)], ["field.track", body.value.track.toString()]);
      break;
    case "cameraState":
    case "signalState":
      rows.push(["field.reason", body.value.reason]);
      break;
    case "signalOrder":
      rows.push(["signal.order", body.value.number.toString()], ["field.reason", tOr("ended", body.value.detail)]);
      break;
    case "signalAlarm":
      rows.push(["field.description", body.value.description], ["field.component", body.value.component]);
      break;
    case "signal":
    case "detectors":
    case "minuteCounts":
    case "cameraStats":
    case "fix":
    case undefined:
      break;
  }
  rows.push(["field.place", city.placeOf(e)], ["field.gateway", e.gateway]);
  return rows.filter((row): row is [Key, string] => Boolean(row[1]));
}

const user = (u: RoadUser | undefined): string | undefined => (u === undefined ? undefined : userName(u));
