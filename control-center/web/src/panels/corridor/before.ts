// How far back the time lies that a corridor's greens are held against. Pure.
import { fromInput } from "../../format";

const HOUR_MS = 3_600_000;

/** Hours back. */
export const BEFORE_H = [1, 24, 168] as const;
/** A moment of one's own, such as the day before a new plan. */
export const PICKED = "picked";

/** `choice`: hours, 0 for nothing, or PICKED with Hanoi's wall clock. 0: nothing is held against it, or no moment of the past was entered. */
export function backMs(choice: string, picked: string, nowMs: number): number {
  const back = choice === PICKED ? nowMs - fromInput(picked) : Number(choice) * HOUR_MS;
  return back > 0 ? back : 0;
}
