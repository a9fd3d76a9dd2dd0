// The space-time picture as numbers: the window of time, how late a line is where, what colour it has. Pure.
import type { Span } from "../../clock_axis";
import type { GetSpaceTimeResponse, SpaceTimeLine } from "../../gen/ngatu/v1/transit_pb";

export type Punctuality = "on-time" | "late" | "early";

export interface Point {
  ms: number;
  m: number;
}

/** A stretch of a driven line that is as punctual all along. */
export interface Stretch {
  is: Punctuality;
  points: Point[];
}

export interface Drawn {
  trip: string;
  vehicle: string;
  now: boolean;
  /** Seconds behind the timetable at its last point; undefined when its trip is not in the timetable any more. */
  lateS: number | undefined;
  stretches: Stretch[];
  last: Point;
}

/** As the hall judges: one minute early to five late is on time. */
const EARLY_S = -60;
const LATE_S = 300;
const MINUTE = 60_000;

export const isPunctual = (lateS: number): Punctuality => (lateS < EARLY_S ? "early" : lateS > LATE_S ? "late" : "on-time");

const keyOf = (line: SpaceTimeLine): string => `${line.trip}\n${line.startS ?? ""}`;
export const pointsOf = (line: SpaceTimeLine): Point[] => line.points.map((p) => ({ ms: Number(p.atMs), m: p.alongM }));

/** When a scheduled line is to be at a place, between its points in a straight line; undefined where it does not go. */
export function dueAt(scheduled: readonly Point[], m: number): number | undefined {
  for (let i = 1; i < scheduled.length; i++) {
    const [a, b] = [scheduled[i - 1]!, scheduled[i]!];
    if (m > b.m || m < a.m) continue;
    return b.m - a.m < 0.01 ? a.ms : a.ms + ((b.ms - a.ms) * (m - a.m)) / (b.m - a.m);
  }
  return undefined;
}

/** Driven lines, cut where their punctuality changes. */
export function drawn(answer: Pick<GetSpaceTimeResponse, "scheduled" | "driven">): Drawn[] {
  const scheduled = new Map(answer.scheduled.map((line) => [keyOf(line), pointsOf(line)]));
  return answer.driven.flatMap((line) => {
    const points = pointsOf(line);
    const last = points.at(-1);
    if (!last) return [];
    const plan = scheduled.get(keyOf(line));
    const lates = points.map((p) => {
      const due = plan && dueAt(plan, p.m);
      return due === undefined ? undefined : (p.ms - due) / 1000;
    });
    const stretches: Stretch[] = [];
    points.forEach((point, i) => {
      const is = isPunctual(lates[i] ?? 0);
      const open = stretches.at(-1);
      if (open?.is === is) open.points.push(point);
      else {
        open?.points.push(point); // no gap between two colours
        stretches.push({ is, points: [point] });
      }
    });
    return [{ trip: line.trip, vehicle: line.vehicle, now: line.now, lateS: lates.findLast((s) => s !== undefined), stretches, last }];
  });
}

/** What is looked at first: around now today, the whole of any other day. */
export const around = (nowMs: number): Span => ({ fromMs: nowMs - 80 * MINUTE, toMs: nowMs + 40 * MINUTE });

/** From the first departure to the last arrival, scheduled or driven. */
export function wholeDay(answer: Pick<GetSpaceTimeResponse, "scheduled" | "driven">): Span | undefined {
  const times = [...answer.scheduled, ...answer.driven].flatMap((line) => [line.points[0], line.points.at(-1)]).flatMap((p) => (p ? [Number(p.atMs)] : []));
  if (times.length === 0) return undefined;
  return { fromMs: times.reduce((a, b) => Math.min(a, b)) - 5 * MINUTE, toMs: times.reduce((a, b) => Math.max(a, b)) + 5 * MINUTE };
}

/** `by` > 0 zooms in around the middle or `atMs`; between ten minutes and thirty hours. */
export function zoomed({ fromMs, toMs }: Span, by: number, atMs = (fromMs + toMs) / 2): Span {
  const length = Math.min(30 * 60 * MINUTE, Math.max(10 * MINUTE, (toMs - fromMs) * 0.7 ** by));
  const share = (atMs - fromMs) / (toMs - fromMs);
  return { fromMs: atMs - length * share, toMs: atMs + length * (1 - share) };
}

export const moved = ({ fromMs, toMs }: Span, share: number): Span => {
  const by = (toMs - fromMs) * share;
  return { fromMs: fromMs + by, toMs: toMs + by };
};

/** Which of the names are written: the ends, and of the others those that have room. */
export function labelled(ys: readonly number[], room: number): boolean[] {
  const kept = ys.map((_, i) => i === 0 || i === ys.length - 1);
  const free = (y: number) => ys.every((other, j) => !kept[j] || Math.abs(other - y) >= room);
  ys.forEach((y, i) => {
    if (!kept[i] && free(y)) kept[i] = true;
  });
  return kept;
}
