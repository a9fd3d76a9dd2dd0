// Buses glide from fix to fix instead of jumping. Pure: time comes in as an argument.
import type { LonLat } from "../../city";

const SHORTEST_MS = 300;
/** A bus is never drawn further behind its last fix than this. */
const LONGEST_MS = 12_000;
/** A leap longer than this is not driven but corrected. */
const LEAP_M = 1_500;

export interface Glide {
  from: LonLat;
  to: LonLat;
  startMs: number;
  endMs: number;
  fixMs: number;
}

/** What follows when a fix comes in at `nowMs`. `smooth` is false for viewers who asked for less motion. */
export function onFix(glide: Glide | undefined, to: LonLat, fixMs: number, nowMs: number, smooth: boolean): Glide {
  if (glide && glide.fixMs === fixMs && glide.to[0] === to[0] && glide.to[1] === to[1]) return glide;
  if (!glide || !smooth || metres(glide.to, to) > LEAP_M || fixMs <= glide.fixMs) {
    return { from: to, to, startMs: nowMs, endMs: nowMs, fixMs };
  }
  const span = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, fixMs - glide.fixMs));
  return { from: at(glide, nowMs), to, startMs: nowMs, endMs: nowMs + span, fixMs };
}

export function at(glide: Glide, nowMs: number): LonLat {
  if (nowMs >= glide.endMs) return glide.to;
  const part = Math.max(0, (nowMs - glide.startMs) / (glide.endMs - glide.startMs));
  return [glide.from[0] + (glide.to[0] - glide.from[0]) * part, glide.from[1] + (glide.to[1] - glide.from[1]) * part];
}

export const moving = (glide: Glide, nowMs: number): boolean => nowMs < glide.endMs;

/** Metres between two near points, on a plane: enough for a city. */
export function metres(a: LonLat, b: LonLat): number {
  const k = Math.cos((((a[1] + b[1]) / 2) * Math.PI) / 180);
  return Math.hypot((a[0] - b[0]) * k, a[1] - b[1]) * 111_195;
}
