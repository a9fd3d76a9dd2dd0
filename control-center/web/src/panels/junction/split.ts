// What a junction's groups showed in the last minutes: a row a group, time to the right.
import type { Span } from "../../clock_axis";
import { el, svg } from "../../dom";
import { ageOf, timeOf } from "../../format";
import type { SignalChange } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import { BOTTOM, clock, RIGHT, TOP } from "../../signal_diagram";
import { aspectOf, type Aspect } from "../../signals";
import type { Page } from "../panel";
import { Asked, PATIENCE } from "./asked";

const MINUTE = 60_000;
const SPANS_MIN = [5, 15, 60] as const;
const LEFT = 26;
const ROW = 15;

/** How long one group showed one aspect. */
export interface Stretch {
  aspect: Aspect;
  fromMs: number;
  toMs: number;
}

/** One group's aspects in order, each once as long as it lasted; `group` counts from 0. */
export function stretches(changes: readonly SignalChange[], group: number, toMs: number): Stretch[] {
  const all: Stretch[] = [];
  changes.forEach((change, i) => {
    const aspect = aspectOf(Array.from(change.groups)[group] ?? "");
    const fromMs = Number(change.atMs);
    const end = Math.min(toMs, Number(changes[i + 1]?.atMs ?? toMs));
    const open = all.at(-1);
    if (open?.aspect === aspect) open.toMs = end;
    else all.push({ aspect, fromMs, toMs: end });
  });
  return all;
}

interface History {
  changes: SignalChange[];
  span: Span;
}

export class Split extends Asked<History> {
  readonly root = el("section", { class: "split" });
  #pick = el("select", { "aria-label": t("split.title") }, ...SPANS_MIN.map((n) => el("option", { value: n }, t("split.minutes", { n }))));
  #note = el("p", { class: "soft", hidden: true });
  #drawing = el("div", { class: "signal-diagram drawing" });
  #changes: SignalChange[] = [];
  #span: Span = { fromMs: 0, toMs: 1 };

  constructor(page: Page) {
    super(page);
    this.#pick.value = "15";
    this.#pick.addEventListener("change", () => void this.look());
    this.root.append(el("div", { class: "split-head" }, el("h3", {}, t("split.title")), this.#pick), this.#note, this.#drawing);
    new ResizeObserver(() => this.#draw()).observe(this.#drawing);
  }

  protected async ask(junction: string): Promise<History> {
    const toMs = this.page.now();
    const fromMs = toMs - Number(this.#pick.value) * MINUTE;
    const { changes } = await this.page.signals.getSignalHistory({ junction, fromMs: BigInt(Math.round(fromMs)), toMs: BigInt(Math.round(toMs)) }, PATIENCE);
    return { changes, span: { fromMs, toMs } };
  }

  protected draw({ changes, span }: History): void {
    [this.#changes, this.#span] = [changes, span];
    this.#note.hidden = true;
    this.#draw();
  }

  protected failed(why: string): void {
    this.#note.hidden = false;
    this.#note.replaceChildren(t("split.failed", { why }));
  }

  protected override clear(): void {
    this.#changes = [];
    this.#draw();
  }

  #draw(): void {
    const groups = Math.max(0, ...this.#changes.map((change) => Array.from(change.groups).length));
    const height = TOP + groups * ROW + BOTTOM;
    this.#drawing.style.height = `${groups ? height : 0}px`;
    const width = this.#drawing.clientWidth;
    if (width < 60 || groups === 0) return this.#drawing.replaceChildren();
    const { fromMs, toMs } = this.#span;
    const x = (ms: number) => LEFT + ((Math.max(ms, fromMs) - fromMs) / (toMs - fromMs)) * (width - LEFT - RIGHT);
    const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": t("split.diagram") });
    drawing.append(...clock(this.#span, { left: LEFT, right: width - RIGHT, height }, x, toMs));
    for (let group = 0; group < groups; group++) {
      const y = TOP + group * ROW;
      drawing.append(svg("text", { x: LEFT - 8, y: y + ROW - 4, "text-anchor": "end" }, String(group + 1)));
      for (const { aspect, fromMs: from, toMs: to } of stretches(this.#changes, group, toMs)) {
        if (to <= fromMs) continue;
        // Red is the rule: a thin line lets the greens stand out.
        const tall = aspect === "red" ? 4 : ROW - 4;
        const bar = svg("rect", { x: x(from), y: y + (ROW - tall) / 2, width: Math.max(0.7, x(to) - x(from)), height: tall, class: aspect });
        bar.append(svg("title", {}, t("split.group", { n: group + 1, aspect: t(`aspect.${aspect}`), from: timeOf(from), to: timeOf(to), age: ageOf(to - from) })));
        drawing.append(bar);
      }
    }
    this.#drawing.replaceChildren(drawing);
  }
}
