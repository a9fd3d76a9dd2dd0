// What adaptive control orders at a junction where the hall's file lets it: what it does now or why nothing, and what it did today.
import { el } from "../../dom";
import { timeOf } from "../../format";
import type { SignalSteering } from "../../gen/ngatu/v1/signal_pb";
import { fill, t, tOr } from "../../i18n";
import { ordererInWords, outcomeInWords, reasonsInWords } from "./words";
import { seconds, table } from "./tables";

/** Reasons that somebody should look at. */
const WARNS = new Set(["backs_off", "stopped", "safety", "failed"]);

export function steering(now: SignalSteering, nowMs: number): HTMLElement {
  const { text, kind } = steeringInWords(now, nowMs);
  const rows = now.stages.map((stage, i) => [
    String(i + 1),
    seconds(stage.planMs),
    changed(stage.heldMs, stage.heldTimes),
    changed(stage.shortenedMs, stage.shortenedTimes),
  ]);
  return el("div", { class: "steering" },
    el("p", { class: `said outcome ${kind}` }, text),
    table(["advice.stage", "steering.plan", "steering.held", "steering.shortened"], rows),
    el("p", {}, todayInWords(now)),
    el("p", { class: "soft" }, t("steering.bounds", { stretch: Number(now.stretchMaxMs) / 1_000, shorten: Number(now.shortenMaxMs) / 1_000 })));
}

/** What it does now, or why it leaves the plan as it is. */
export function steeringInWords(now: Pick<SignalSteering, "state" | "kind" | "stage" | "untilMs" | "why" | "detail" | "whyMs">, nowMs: number): { text: string; kind: string } {
  switch (now.state) {
    case "calling":
      return { text: `◌ ${t("steering.calling", { n: now.stage })}`, kind: "warn" };
    case "ordered": {
      const s = Math.max(0, Math.ceil((Number(now.untilMs) - nowMs) / 1_000));
      const hold = now.kind === "hold";
      return { text: `${hold ? "●" : "▶"} ${hold ? t("steering.hold", { n: now.stage, s }) : t("steering.next", { n: now.stage })}`, kind: "good" };
    }
    case "gives_back":
      return { text: `◌ ${t("steering.gives-back", { why: tOr("steering", `back-${now.kind}`) })}`, kind: "warn" };
    default: {
      const why = whyInWords(now);
      const warns = WARNS.has(now.why);
      return { text: `${warns ? "▲" : "○"} ${t("steering.follows", { why })}`, kind: warns ? "warn" : "soft" };
    }
  }
}

function whyInWords({ why, detail, whyMs }: Pick<SignalSteering, "why" | "detail" | "whyMs">): string {
  const values = { detail: reasonsInWords(detail), time: timeOf(Number(whyMs)) };
  if (why === "other_order") {
    if (!detail) return t("steering.other-order");
    values.detail = ordererInWords(detail);
  }
  if (why === "failed") values.detail = failedInWords(detail);
  return fill(tOr("steering", `why-${why}`), values);
}

/** What became of its order: the row's state and what the pole said; anything else went wrong in the hall, whose log has it. */
function failedInWords(detail: string): string {
  const [, state, told = ""] = /^(refused|silent|otherwise|ended)(?:: (.*))?$/.exec(detail) ?? [];
  return state ? outcomeInWords({ state, detail: told }) : t("steering.hall-failed");
}

function todayInWords(now: SignalSteering): string {
  const today = t("steering.today", { n: now.orders, refused: now.refusals });
  const backs = now.backs.map((back) => `${tOr("steering", `back-${back.why}`)} ${back.times}`);
  return backs.length > 0 ? `${today} ${t("steering.backs", { list: backs.join(", ") })}` : today;
}

function changed(ms: bigint, times: number): string {
  return times > 0 ? t("steering.times", { s: Math.round(Number(ms) / 1_000), n: times }) : "–";
}
