// What adaptive control would do at a junction: the stage it would hold or end, greens, queues, and the last day; and what it orders, where it may.
import { el, svg } from "../../dom";
import { ageOf, integer, oneDecimal, timeOf } from "../../format";
import type { GetAdviceResponse, SignalAdvice, SignalAdvicePast, SignalAdviceStage } from "../../gen/ngatu/v1/signal_pb";
import { fill, t, tOr } from "../../i18n";
import type { Page } from "../panel";
import { Asked, PATIENCE } from "./asked";
import { steering } from "./steering";
import { seconds, table } from "./tables";

const DAY_MS = 86_400_000;
const WIDTH = 320;
const HEIGHT = 56;

export class Advice extends Asked<GetAdviceResponse> {
  readonly root = el("section", { class: "advice", hidden: true });
  #title = el("h3", {}, t("advice.title"));
  #said = el("p", { class: "said", role: "status" });
  #body = el("div", {});
  #soft = el("p", { class: "soft" }, t("advice.soft"));

  constructor(page: Page) {
    super(page);
    this.root.append(this.#title, this.#said, this.#body, this.#soft);
  }

  protected ask(junction: string): Promise<GetAdviceResponse> {
    return this.page.signals.getAdvice({ junction }, PATIENCE);
  }

  protected draw({ advice }: GetAdviceResponse): void {
    this.root.hidden = advice === undefined;
    if (advice) this.#draw(advice);
  }

  protected failed(why: string): void {
    this.root.hidden = false;
    this.#said.replaceChildren(t("advice.failed", { why }));
  }

  #draw(advice: SignalAdvice): void {
    const { text, kind } = adviceInWords(advice);
    this.#said.className = `said outcome ${kind}`;
    this.#said.replaceChildren(text);
    this.#title.replaceChildren(t(advice.steering ? "steering.title" : "advice.title"));
    this.#soft.replaceChildren(t(advice.steering ? "steering.soft" : "advice.soft"));
    const reckoned = advice.forecastMs > 0n;
    const values = { shown: oneDecimal(advice.shownS), then: oneDecimal(advice.adaptiveS) };
    this.#body.replaceChildren(
      ...(advice.steering ? [steering(advice.steering, this.page.now())] : []),
      table(["advice.stage", "advice.groups", "advice.shown", "advice.then"], advice.stages.map((stage, i) => [String(i + 1), stage.groups.join(", "), seconds(stage.shownMs), thenOf(stage, reckoned)])),
      ...(reckoned ? [el("p", {}, t(advice.clear ? "advice.gain" : "advice.no-gain", values))] : []),
      table(["advice.approach", "advice.groups", "advice.flow", "advice.queue"], advice.approaches.map((one) => [one.name, one.groups.join(", "), one.perHour === undefined ? "–" : integer(one.perHour), one.queue === undefined ? "–" : integer(one.queue)])),
      ...(advice.past.some((past) => past.why === "") ? [past(advice.past, this.page.now())] : []),
    );
  }
}

/** What it would do now, or why the junction's own plan is all there is to say. */
export function adviceInWords(advice: SignalAdvice): { text: string; kind: string } {
  if (advice.why === "changing") return { text: `◌ ${t("advice.changing")}`, kind: "soft" };
  if (advice.why) return { text: `▲ ${t("advice.fixed", { why: whyInWords(advice) })}`, kind: "warn" };
  const groups = advice.stages[advice.wants - 1]?.groups.join(", ") ?? "";
  const hold = advice.wants === advice.stage;
  const text = hold ? t("advice.hold", { n: advice.stage, groups, age: ageOf(Number(advice.ageMs)) }) : t("advice.end", { n: advice.stage, next: advice.wants, groups });
  return { text: `${hold ? "●" : "▶"} ${text}`, kind: "good" };
}

function whyInWords(advice: SignalAdvice): string {
  const { why } = advice;
  const [fault = "", camera = ""] = advice.detail.split(" ", 2);
  const detail = why === "failed" || why === "camera_failed" ? faultInWords(fault) : why === "not_normal" ? tOr("mode", advice.detail) : advice.detail;
  return fill(tOr("advice", `why-${why}`), { n: advice.detector, camera, where: advice.where, detail, time: timeOf(Number(advice.whyMs)) });
}

/** What the picture of a camera has is called as in the list of events. */
function faultInWords(fault: string): string {
  return fault.startsWith("camera_") ? tOr("rule", fault) : tOr("advice", `fault-${fault}`).replace(/^fault-/, "");
}

function thenOf(stage: SignalAdviceStage, reckoned: boolean): string {
  return reckoned && stage.adaptiveMs === 0n ? t("advice.left-out") : seconds(stage.adaptiveMs);
}

/** Two lines over a day; where nothing could be reckoned they are broken. */
function past(all: readonly SignalAdvicePast[], nowMs: number): HTMLElement {
  const most = Math.max(10, ...all.map((one) => Math.max(one.shownS, one.adaptiveS)));
  const x = (ms: number) => WIDTH * (1 - (nowMs - ms) / DAY_MS);
  const y = (s: number) => HEIGHT - 2 - (s / most) * (HEIGHT - 4);
  const line = (of: (one: SignalAdvicePast) => number, kind: string) => {
    let open = false;
    const parts = all.map((one) => {
      const step = one.why === "" ? `${open ? "L" : "M"}${x(Number(one.atMs)).toFixed(1)} ${y(of(one)).toFixed(1)}h0.5` : "";
      open = one.why === "";
      return step;
    });
    return svg("path", { class: kind, d: parts.join("") });
  };
  const drawing = svg("svg", { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("advice.past") });
  drawing.append(line((one) => one.shownS, "shown"), line((one) => one.adaptiveS, "then"));
  return el("figure", {}, drawing, el("figcaption", { class: "soft" }, t("advice.past")));
}
