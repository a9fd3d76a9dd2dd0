// What the diagrams of signals share: the clock below, the line of now.
import "./signal_diagram.css";
import { ticks, type Span } from "./clock_axis";
import { svg } from "./dom";
import { minuteOf, timeOf } from "./format";

export const BOTTOM = 20;
export const TOP = 8;
export const RIGHT = 10;

/** The clock along the lower edge, and where now is. */
export function clock(span: Span, box: { left: number; right: number; height: number }, x: (ms: number) => number, nowMs: number): SVGElement[] {
  const all = ticks(span, box.right - box.left, 64, 5_000);
  const fine = (all[1] ?? 0) - (all[0] ?? 0) < 60_000;
  const drawn = all.flatMap((ms) => [
    svg("line", { x1: x(ms), x2: x(ms), y1: TOP, y2: box.height - BOTTOM + 4, class: "hour" }),
    svg("text", { x: Math.min(x(ms), box.right - 20), y: box.height - 6, class: "clock-name", "text-anchor": "middle" }, fine ? timeOf(ms) : minuteOf(ms)),
  ]);
  if (nowMs >= span.fromMs && nowMs <= span.toMs) drawn.push(svg("line", { x1: x(nowMs), x2: x(nowMs), y1: TOP, y2: box.height - BOTTOM, class: "now" }));
  return drawn;
}
