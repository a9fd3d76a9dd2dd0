// The green-wave diagram: time to the right, the way upwards; each junction's greens and plan, and the bands in which nobody stops.
import type { Span } from "../../clock_axis";
import { el, svg } from "../../dom";
import type { GetCorridorResponse, SignalSpan } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import { BOTTOM, clock, RIGHT, TOP } from "../../signal_diagram";
import { planAt, plansInWords } from "./figures";

const LEFT = 168;
const LEFT_NARROW = 92;
/** Height of one way's bar. */
const BAR = 6;

export class WaveDiagram {
  readonly root = el("div", { class: "wave signal-diagram", tabindex: "0", role: "group", "aria-label": t("corridor.diagram") });
  #answer: GetCorridorResponse | undefined;
  #span: Span = { fromMs: 0, toMs: 1 };

  constructor(
    private readonly now: () => number,
    private readonly nameOf: (junction: string) => string,
  ) {
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  show(answer: GetCorridorResponse | undefined, span: Span): void {
    this.#answer = answer;
    this.#span = span;
    this.draw();
  }

  draw(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    const corridor = this.#answer?.corridor;
    if (width < 60 || height < 60) return;
    if (!this.#answer || !corridor) return this.root.replaceChildren();
    const left = width < 560 ? LEFT_NARROW : LEFT;
    const { fromMs, toMs } = this.#span;
    const lengthM = Math.max(1, corridor.places.at(-1)?.atM ?? 1);
    const x = (ms: number) => left + ((ms - fromMs) / (toMs - fromMs)) * (width - left - RIGHT);
    const y = (m: number) => height - BOTTOM - 16 - (m / lengthM) * (height - BOTTOM - TOP - 32);
    const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": t("corridor.diagram") });
    const clip = svg("clipPath", { id: "corridor-clip" });
    clip.append(svg("rect", { x: left, y: 0, width: Math.max(0, width - left - RIGHT), height: height - BOTTOM }));
    drawing.append(clip, ...clock(this.#span, { left, right: width - RIGHT, height }, x, this.now()));
    const inside = svg("g", { "clip-path": "url(#corridor-clip)" });
    const travelMs = (lengthM / (corridor.speedKmh / 3.6)) * 1000;
    const band = ({ fromMs: from, toMs: to }: SignalSpan, [y0, y1]: [number, number], name: string) => {
      const [a, b] = [Number(from), Number(to)];
      inside.append(svg("path", { d: `M${x(a)} ${y0}L${x(b)} ${y0}L${x(b + travelMs)} ${y1}L${x(a + travelMs)} ${y1}Z`, class: name }));
    };
    for (const one of this.#answer.out?.bands ?? []) band(one, [y(0), y(lengthM)], "band-out");
    for (const one of this.#answer.back?.bands ?? []) band(one, [y(lengthM), y(0)], "band-back");
    corridor.places.forEach((place, i) => {
      const shown = this.#answer?.shown[i];
      const middle = y(place.atM);
      const bar = (spans: readonly SignalSpan[], at: number, name: string, tall: number) => {
        for (const span of spans) {
          const [from, to] = [Math.max(Number(span.fromMs), fromMs), Math.min(Number(span.toMs), toMs)];
          if (from < to) inside.append(svg("rect", { x: x(from), y: at, width: Math.max(0.5, x(to) - x(from)), height: tall, class: name }));
        }
      };
      const whole = { fromMs: BigInt(Math.round(fromMs)), toMs: BigInt(Math.round(Math.min(toMs, this.now()))) } as SignalSpan;
      bar([whole], middle - BAR - 1, "red", BAR);
      bar([whole], middle + 1, "red", BAR);
      bar(shown?.out ?? [], middle - BAR - 1, "green", BAR);
      bar(shown?.back ?? [], middle + 1, "green", BAR);
      bar(shown?.unknown ?? [], middle - BAR - 1, "unknown", 2 * BAR + 2);
      const name = this.nameOf(place.junction);
      const plan = planAt(shown, toMs);
      const mark = plan === undefined ? "" : t("corridor.plan-mark", { n: plan });
      const room = (left === LEFT ? 25 : 13) - (mark ? mark.length + 1 : 0);
      const label = svg("text", { x: left - 6, y: middle + 4, "text-anchor": "end" }, name.length > room ? `${name.slice(0, room - 1)}…` : name);
      if (mark) label.append(svg("tspan", { class: "plan", dx: 5 }, mark));
      label.append(svg("title", {}, mark ? `${name}: ${t("corridor.plans")} ${plansInWords(shown, toMs)}` : name));
      drawing.append(label);
    });
    drawing.append(inside);
    this.root.replaceChildren(drawing);
  }
}
