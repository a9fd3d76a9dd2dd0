// What the diagrams of signals share: elements, the clock below, the line of now.
import "./signal_diagram.css";
import { minuteOf, timeOf } from "./format";

const SVG = "http://www.w3.org/2000/svg";
export const BOTTOM = 20;
export const TOP = 8;
export const RIGHT = 10;

export interface Span {
  fromMs: number;
  toMs: number;
}

export function node(name: string, attrs: Record<string, string | number>, text?: string): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attrs)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

const STEPS_MS = [5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000];

/** Whole steps of the clock, at least `apartPx` apart. */
export function ticks({ fromMs, toMs }: Span, widthPx: number, apartPx: number): number[] {
  const least = ((toMs - fromMs) * apartPx) / Math.max(1, widthPx);
  const step = STEPS_MS.find((ms) => ms >= least) ?? 3_600_000;
  const all = [];
  for (let ms = Math.ceil(fromMs / step) * step; ms <= toMs; ms += step) all.push(ms);
  return all;
}

/** The clock along the lower edge, and where now is. */
export function clock(span: Span, box: { left: number; right: number; height: number }, x: (ms: number) => number, nowMs: number): SVGElement[] {
  const all = ticks(span, box.right - box.left, 64);
  const fine = (all[1] ?? 0) - (all[0] ?? 0) < 60_000;
  const drawn = all.flatMap((ms) => [
    node("line", { x1: x(ms), x2: x(ms), y1: TOP, y2: box.height - BOTTOM + 4, class: "hour" }),
    node("text", { x: Math.min(x(ms), box.right - 20), y: box.height - 6, class: "clock-name", "text-anchor": "middle" }, fine ? timeOf(ms) : minuteOf(ms)),
  ]);
  if (nowMs >= span.fromMs && nowMs <= span.toMs) drawn.push(node("line", { x1: x(nowMs), x2: x(nowMs), y1: TOP, y2: box.height - BOTTOM, class: "now" }));
  return drawn;
}
