// A window of time, and the steps of the clock that are written along it. Pure.

export interface Span {
  fromMs: number;
  toMs: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const STEPS_MS = [5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360].map((m) => m * MINUTE)];

/** Whole steps of the clock within the window, at least `apartPx` apart, and none shorter than `leastMs`. */
export function ticks({ fromMs, toMs }: Span, widthPx: number, apartPx: number, leastMs = MINUTE): number[] {
  const step = STEPS_MS.find((ms) => ms >= leastMs && (ms / (toMs - fromMs)) * widthPx >= apartPx) ?? STEPS_MS.at(-1)!;
  // Hanoi is seven whole hours from UTC: whole steps of one are whole steps of the other up to an hour.
  const shift = 7 * 60 * MINUTE;
  const all: number[] = [];
  for (let ms = Math.ceil((fromMs + shift) / step) * step - shift; ms <= toMs; ms += step) all.push(ms);
  return all;
}
