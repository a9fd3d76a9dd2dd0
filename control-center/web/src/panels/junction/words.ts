// What is ordered and what became of it, in words. Pure.
import { integer, oneDecimal, timeOf } from "../../format";
import { SignalMode, SignalWish, type SignalAggregated, type SignalNow, type SignalOrderRow, type SignalRefusal, type SignalWanted } from "../../gen/ngatu/v1/signal_pb";
import { t, tOr, type Key } from "../../i18n";

/** Names as in the words' keys. */
export const WISHES = {
  plan: SignalWish.PLAN,
  groups: SignalWish.GROUPS,
  flash: SignalWish.FLASH,
  all_red: SignalWish.ALL_RED,
  dark: SignalWish.DARK,
  own_plan: SignalWish.OWN_PLAN,
} as const;
export type Wish = keyof typeof WISHES;

export function wishOf(wanted: SignalWanted | undefined): Wish | undefined {
  return (Object.keys(WISHES) as Wish[]).find((name) => WISHES[name] === wanted?.wish);
}

export function wantedInWords(wanted: SignalWanted | undefined): string {
  const wish = wishOf(wanted);
  if (!wish || !wanted) return "?";
  const more = wish === "plan" ? ` ${wanted.plan}` : wish === "groups" ? ` ${wanted.groups.join(", ")}` : "";
  return t(`wish.${wish}`) + more;
}

export function modeInWords(now: SignalNow | undefined): string {
  const names: Record<SignalMode, Key | undefined> = {
    [SignalMode.UNSPECIFIED]: undefined,
    [SignalMode.NORMAL]: "mode.normal",
    [SignalMode.FLASH]: "mode.flash",
    [SignalMode.DARK]: "mode.dark",
    [SignalMode.ALL_RED]: "mode.all_red",
    [SignalMode.MANUAL]: "mode.manual",
  };
  const name = names[now?.mode ?? SignalMode.UNSPECIFIED];
  return name ? t(name) : t("signal.not-told");
}

export function planInWords(now: SignalNow | undefined): string {
  if (now?.plan === undefined) return t("signal.not-told");
  if (now.planForced === undefined) return String(now.plan);
  return t(now.planForced ? "signal.plan-forced" : "signal.plan-own", { n: now.plan });
}

/** The controller's clock at `gatewayMs`, and by how much it is off. */
export function clockInWords(now: SignalNow | undefined, gatewayMs: number): string {
  if (now?.clockAheadMs === undefined) return t("signal.not-told");
  const ahead = Number(now.clockAheadMs);
  const time = timeOf(gatewayMs + ahead);
  if (Math.abs(ahead) < 1_000) return t("signal.clock-right", { time });
  return t(ahead > 0 ? "signal.clock-ahead" : "signal.clock-behind", { time, s: Math.round(Math.abs(ahead) / 1_000) });
}

/** How far into its cycle it is now: ` · giây 23 / 70`. Where the length is not told, as it was when it said so. */
export function cycleInWords(now: Pick<SignalNow, "cycleS" | "cycleMs" | "cycleLengthS"> | undefined, nowMs: number): string {
  if (now?.cycleS === undefined) return "";
  const length = now.cycleLengthS ?? 0;
  const toldMs = Number(now.cycleMs);
  if (length === 0) return t("signal.cycle-at", { s: now.cycleS, time: timeOf(toldMs) });
  const second = Math.floor(now.cycleS + Math.max(0, nowMs - toldMs) / 1_000) % length;
  return t("signal.cycle-of", { s: second, length });
}

/** The controller's own word for its state, worst first. */
export function aggregatedInWords(state: SignalAggregated): string {
  const all: [boolean, Key][] = [
    [state.highPriorityFault, "aggregated.high"],
    [state.mediumPriorityFault, "aggregated.medium"],
    [state.lowPriorityFault, "aggregated.low"],
    [state.noCommunication, "aggregated.no-communication"],
    [state.notConnected, "aggregated.not-connected"],
    [state.localMode, "aggregated.local"],
    [state.inUse, "aggregated.in-use"],
    [state.idle, "aggregated.idle"],
  ];
  const words = all.filter(([is]) => is).map(([, key]) => t(key));
  if (state.position) words.push(t("aggregated.position", { text: state.position }));
  if (state.state) words.push(t("aggregated.state", { text: state.state }));
  return words.length ? words.join("; ") : t("aggregated.nothing");
}

/** What a gateway calls the times that a controller has otherwise than configured (hardware/signal/src/controllers/ntcip/timing.rs). */
const TIMES: Readonly<Record<string, Key>> = {
  "minimum green": "alarm.time-green",
  yellow: "alarm.time-yellow",
  "yellow with red clear": "alarm.time-change",
  walk: "alarm.time-walk",
  "pedestrian clear": "alarm.time-clear",
  "clearing before others": "alarm.time-clearing",
};

function timeInWords(text: string): string {
  const found = /^(?<what>[a-z ]+) (?<unit>[\d.]+) s \(configured (?<configured>[\d.]+) s\)$/.exec(text)?.groups;
  const what = found && TIMES[found.what ?? ""];
  if (!found || !what) return text;
  const number = (text: string | undefined) => (Number.isInteger(Number(text)) ? integer(Number(text)) : oneDecimal(Number(text)));
  return t("alarm.time", { what: t(what), unit: number(found.unit), configured: number(found.configured) });
}

/** What an alarm says: of those that gateways find themselves in the page's language, of others in the controller's words. */
export function alarmTextInWords(code: string, description: string): string {
  const known = tOr("alarm", `is-${code}`);
  if (known === `is-${code}`) return description;
  const more = code.startsWith("times") ? description.split("; ").filter(Boolean).map(timeInWords).join("; ") : "";
  return more ? `${known}: ${more}` : known;
}

export function refusalInWords(refusal: SignalRefusal): string {
  const key = `refusal.${refusal.code}`;
  const until = refusal.untilMs === undefined ? "" : timeOf(Number(refusal.untilMs));
  const words = tOr("refusal", refusal.code);
  if (words === refusal.code) return refusal.text;
  return t(key as Key, { group: refusal.group ?? "", other: refusal.otherGroup ?? "", until });
}

/** What poles and hall write of an order, as models/domain/src/signal says it; whatever is not here stays as it is. */
const REASONS: readonly (readonly [RegExp, Key])[] = [
  [/^signal group (?<group>\d+) has its minimum green until (?<until>\d+)$/, "refusal.minimum_green"],
  [/^a change is under way: signal group (?<group>\d+) /, "refusal.changing"],
  [/^those on foot leave the road before signal group (?<group>\d+) until (?<until>\d+)$/, "refusal.pedestrian_clearance"],
  [/^signal group (?<group>\d+) would wait at red .* until (?<until>\d+)$/, "refusal.maximum_red"],
  [/^signal groups (?<group>\d+) and (?<other>\d+) conflict$/, "refusal.conflict"],
  [/^\d+ changes within the last /, "refusal.too_many_changes"],
  [/^the wish is .* s old, or has expired$/, "refusal.too_old"],
  [/^the wish comes .* from the future/, "refusal.from_the_future"],
  [/^what the junction shows now is not known$/, "refusal.not_seen"],
  [/^the junction has no plan \d+$/, "refusal.no_such_plan"],
  [/^order \d+ came after it$/, "reason.newer"],
  [/^somebody ordered something else meanwhile$/, "reason.newer"],
  [/^the gateway.* (did not answer|answer was not heard)$/, "reason.no-answer-gateway"],
  [/^the bus did not take it$/, "reason.not-sent"],
  [/^the controller did not answer$/, "reason.no-answer"],
  [/^the controller did not say in time whether it is so$/, "reason.alarm-late"],
  [/^the controller says that the alarm is not /, "reason.alarm-otherwise"],
  [/^another step for this alarm is under way$/, "reason.alarm-busy"],
  [/^(NTCIP 1202 offers no way to acknowledge|SPaT is a broadcast)/, "reason.alarm-kind"],
  [/^the link to the controller is not up$/, "reason.link"],
  [/^nobody approved it in time$/, "reason.not-approved"],
  [/^by (?<user>.+)$/, "reason.by"],
];

function reasonInWords(text: string): string {
  for (const [pattern, key] of REASONS) {
    const found = pattern.exec(text);
    if (!found) continue;
    const { until, ...rest } = found.groups ?? {};
    return t(key, { ...rest, until: until ? timeOf(Number(until)) : "" });
  }
  return text;
}

/** Several reasons, or how an order ended. */
export function reasonsInWords(detail: string): string {
  const ended = tOr("ended", detail);
  return ended === detail ? detail.split("; ").map(reasonInWords).join("; ") : ended;
}

/** Who ordered it: a person by name, a calendar, or the hall for a late bus or by adaptive control. */
export function ordererInWords(user: string): string {
  const [, by, id = ""] = /^(calendar|bus_priority|adaptive):(.*)$/.exec(user) ?? [];
  const names: Record<string, Key> = { calendar: "calendar.orderer", bus_priority: "priority.orderer", adaptive: "steering.orderer" };
  const name = names[by ?? ""];
  return name ? t(name, { id }) : user;
}

/** What was read back: `mode flash, plan 1 (ordered), green 1 2`. */
function shownInWords(detail: string): string {
  const found = /^mode (\w+), plan (\w+)( \(ordered\))?, green ([\d ]*)$/.exec(detail);
  if (!found) return detail.split("; ").map(reasonInWords).join("; ");
  const [, mode = "", plan = "", ordered, groups = ""] = found;
  const parts = mode === "normal" ? [t(ordered ? "shown.plan-ordered" : "shown.plan", { n: plan })] : [t("shown.mode", { mode: tOr("mode", mode) })];
  if (groups) parts.push(t("shown.green", { groups: groups.split(" ").join(", ") }));
  return parts.join(", ");
}

/** What became of an order: the state, and why or what was read back. */
export function outcomeInWords(row: Pick<SignalOrderRow, "state" | "detail">): string {
  const ended = row.state === "ended" || row.state === "ending";
  const detail = ended ? tOr("ended", row.detail) : shownInWords(row.detail);
  return tOr("order", row.state) + (detail ? ` · ${detail}` : "");
}

/** How an outcome looks: a sign beside its colour. */
export function weightOf(state: string): { sign: string; kind: "good" | "warn" | "bad" | "soft" } {
  switch (state) {
    case "done":
      return { sign: "●", kind: "good" };
    case "ended":
      return { sign: "✓", kind: "soft" };
    case "waiting":
    case "sent":
    case "taken":
    case "ending":
      return { sign: "◌", kind: "warn" };
    case "declined":
    case "lapsed":
      return { sign: "–", kind: "soft" };
    default:
      return { sign: "✕", kind: "bad" };
  }
}

export const HOLDS_S: Record<Wish, readonly number[]> = {
  plan: [900, 1_800, 3_600, 7_200, 14_400],
  groups: [15, 30, 45, 60, 90, 120],
  flash: [300, 900, 1_800, 3_600, 7_200],
  dark: [300, 900, 1_800, 3_600],
  all_red: [15, 30, 60, 90],
  own_plan: [60],
};
