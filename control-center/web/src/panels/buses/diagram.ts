// The space-time diagram: time to the right, the stops of the way upwards; thin what is scheduled, bold what was driven.
import { ticks, type Span } from "../../clock_axis";
import { el, svg } from "../../dom";
import { minuteOf, timeOf } from "../../format";
import type { GetSpaceTimeResponse } from "../../gen/ngatu/v1/transit_pb";
import { t } from "../../i18n";
import { around, drawn, labelled, moved, pointsOf, wholeDay, zoomed, type Drawn, type Point } from "./model";
import { lateness } from "./words";

const LEFT = 168;
const LEFT_NARROW = 92;
const BOTTOM = 22;
const TOP = 18;
const RIGHT = 10;

export class Diagram {
  readonly root = el("div", { class: "diagram", tabindex: "0", role: "group", "aria-label": t("buses.diagram"), "aria-keyshortcuts": "ArrowLeft ArrowRight + - Home" });
  #answer: GetSpaceTimeResponse | undefined;
  #drawn: Drawn[] = [];
  #span: Span | undefined;
  /** The window goes on with the time. */
  #follows = true;
  #pressed: { x: number; span: Span } | undefined;

  constructor(
    private readonly now: () => number,
    private readonly picked: (vehicle: string) => void,
  ) {
    new ResizeObserver(() => this.draw()).observe(this.root);
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.root.addEventListener("pointerdown", (event) => this.#press(event));
    this.root.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"] as const) this.root.addEventListener(end, () => (this.#pressed = undefined));
  }

  /** `fresh` when another line or day is shown: the window starts anew. */
  show(answer: GetSpaceTimeResponse, fresh: boolean): void {
    this.#answer = answer;
    this.#drawn = drawn(answer);
    if (fresh || !this.#span) this.home();
    else this.draw();
  }

  clear(): void {
    this.#answer = undefined;
    this.draw();
  }

  /** Around now where now is in the day; else the whole day. */
  home(): void {
    const day = this.#answer && wholeDay(this.#answer);
    this.#follows = !day || (this.now() >= day.fromMs - 3_600_000 && this.now() <= day.toMs + 3_600_000);
    this.#span = this.#follows ? around(this.now()) : day;
    this.draw();
  }

  whole(): void {
    this.#follows = false;
    this.#span = (this.#answer && wholeDay(this.#answer)) ?? this.#span;
    this.draw();
  }

  zoom(by: number, atMs?: number): void {
    if (!this.#span) return;
    this.#span = zoomed(this.#span, by, this.#follows ? this.now() : atMs);
    this.draw();
  }

  move(share: number): void {
    if (!this.#span) return;
    this.#follows = false;
    this.#span = moved(this.#span, share);
    this.draw();
  }

  tick(): void {
    if (!this.#span || !this.#follows) return;
    const length = this.#span.toMs - this.#span.fromMs;
    // In steps of a pixel or so: a drawing that creeps is no easier to read.
    if (this.now() - this.#span.fromMs > (length * 2) / 3 + Math.max(10_000, length / 800)) {
      const fromMs = this.now() - (length * 2) / 3;
      this.#span = { fromMs, toMs: fromMs + length };
      this.draw();
    }
  }

  draw(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width < 50 || height < 50) return;
    if (!this.#answer || !this.#span) return this.root.replaceChildren();
    const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": t("buses.diagram") });
    const left = width < 560 ? LEFT_NARROW : LEFT;
    const span = this.#span;
    const x = (ms: number) => left + ((ms - span.fromMs) / (span.toMs - span.fromMs)) * (width - left - RIGHT);
    const y = (m: number) => height - BOTTOM - (m / Math.max(1, this.#answer?.lengthM ?? 1)) * (height - BOTTOM - TOP);
    const clip = svg("clipPath", { id: "buses-clip" });
    clip.append(svg("rect", { x: left, y: TOP - 6, width: Math.max(0, width - left - RIGHT), height: Math.max(0, height - BOTTOM - TOP + 12) }));
    drawing.append(clip);
    this.#grid(drawing, { left, right: width - RIGHT, height }, x, y);
    const inside = svg("g", { "clip-path": "url(#buses-clip)" });
    const path = (points: readonly Point[]) => points.map((p, i) => `${i ? "L" : "M"}${x(p.ms).toFixed(1)} ${y(p.m).toFixed(1)}`).join("");
    const seen = (points: readonly Point[]) => (points[0]?.ms ?? 0) <= span.toMs && (points.at(-1)?.ms ?? 0) >= span.fromMs;
    for (const line of this.#answer.scheduled) {
      const points = pointsOf(line);
      if (!seen(points)) continue;
      const one = svg("path", { d: path(points), class: "scheduled" });
      one.append(svg("title", {}, t("buses.planned", { trip: line.trip, time: minuteOf(points[0]?.ms ?? 0) })));
      inside.append(one);
    }
    for (const line of this.#drawn) inside.append(...this.#driven(line, path, seen));
    drawing.append(inside);
    this.#now(drawing, x, { left, right: width - RIGHT, height });
    for (const line of this.#drawn) if (line.now && line.last.ms >= span.fromMs && line.last.ms <= span.toMs) drawing.append(this.#bus(line, x(line.last.ms), y(line.last.m), width));
    this.root.replaceChildren(drawing);
  }

  #driven(line: Drawn, path: (points: readonly Point[]) => string, seen: (points: readonly Point[]) => boolean): SVGElement[] {
    const all = line.stretches.flatMap((s) => s.points);
    if (!seen(all)) return [];
    const group = svg("g", { class: "driven" });
    for (const { is, points } of line.stretches) group.append(svg("path", { d: path(points), class: is }));
    // A wide line that nobody sees is easier to meet.
    group.append(svg("path", { d: path(all), class: "hit" }));
    group.append(svg("title", {}, t("buses.driven", { vehicle: line.vehicle, trip: line.trip, late: line.lateS === undefined ? "–" : lateness(line.lateS) })));
    group.addEventListener("click", () => this.picked(line.vehicle));
    return [group];
  }

  #bus(line: Drawn, cx: number, cy: number, width: number): SVGElement {
    const group = svg("g", { class: `bus ${line.stretches.at(-1)?.is ?? "on-time"}` });
    const end = cx > width - 90;
    const name = svg("text", { x: cx + (end ? -8 : 8), y: cy + 4, "text-anchor": end ? "end" : "start" });
    name.textContent = line.vehicle;
    group.append(svg("circle", { cx, cy, r: 4.5 }), name);
    group.addEventListener("click", () => this.picked(line.vehicle));
    return group;
  }

  #grid(drawing: SVGElement, box: { left: number; right: number; height: number }, x: (ms: number) => number, y: (m: number) => number): void {
    const stops = this.#answer?.stops ?? [];
    const ys = stops.map((s) => y(s.alongM));
    const shown = labelled(ys, 14);
    stops.forEach((stop, i) => {
      const at = ys[i] ?? 0;
      drawing.append(svg("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: shown[i] ? "stop" : "stop minor" }));
      if (!shown[i]) return;
      const name = svg("text", { x: box.left - 6, y: at + 4, class: "name", "text-anchor": "end" });
      const text = stop.name || stop.stop;
      const room = box.left === LEFT ? 25 : 13;
      name.textContent = text.length > room ? `${text.slice(0, room - 1)}…` : text;
      name.append(svg("title", {}, text));
      drawing.append(name);
    });
    if (!this.#span) return;
    for (const ms of ticks(this.#span, box.right - box.left, 56)) {
      drawing.append(svg("line", { x1: x(ms), x2: x(ms), y1: TOP - 6, y2: box.height - BOTTOM + 4, class: "hour" }));
      const name = svg("text", { x: x(ms), y: box.height - 6, class: "clock-name", "text-anchor": "middle" });
      name.textContent = minuteOf(ms);
      drawing.append(name);
    }
  }

  #now(drawing: SVGElement, x: (ms: number) => number, box: { left: number; right: number; height: number }): void {
    const at = x(this.now());
    if (at < box.left || at > box.right) return;
    drawing.append(svg("line", { x1: at, x2: at, y1: TOP - 4, y2: box.height - BOTTOM, class: "now" }));
    const name = svg("text", { x: Math.min(at, box.right - 26), y: 11, class: "now-name", "text-anchor": "middle" });
    name.textContent = timeOf(this.now()).slice(0, 5);
    drawing.append(name);
  }

  #key(event: KeyboardEvent): void {
    const act: Record<string, () => void> = {
      ArrowLeft: () => this.move(-0.2),
      ArrowRight: () => this.move(0.2),
      "+": () => this.zoom(1),
      "=": () => this.zoom(1),
      "-": () => this.zoom(-1),
      Home: () => this.home(),
    };
    const does = act[event.key];
    if (!does || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    does();
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return this.move(event.deltaX / 800);
    this.zoom(event.deltaY < 0 ? 1 : -1, this.#msAt(event.clientX));
  }

  #press(event: PointerEvent): void {
    if (event.button === 0 && this.#span) this.#pressed = { x: event.clientX, span: this.#span };
  }

  #drag(event: PointerEvent): void {
    if (!this.#pressed || Math.abs(event.clientX - this.#pressed.x) < 4) return;
    this.#follows = false;
    this.#span = moved(this.#pressed.span, (this.#pressed.x - event.clientX) / this.#inner());
    this.draw();
  }

  #inner(): number {
    return Math.max(1, this.root.clientWidth - RIGHT - (this.root.clientWidth < 560 ? LEFT_NARROW : LEFT));
  }

  #msAt(clientX: number): number | undefined {
    if (!this.#span) return undefined;
    const from = this.root.getBoundingClientRect().right - RIGHT - this.#inner();
    return this.#span.fromMs + ((clientX - from) / this.#inner()) * (this.#span.toMs - this.#span.fromMs);
  }
}
