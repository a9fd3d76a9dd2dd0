// Bus figures in words.
import { integer, minuteOf } from "../../format";
import type { BusEvent } from "../../gen/ngatu/v1/transit_pb";
import { t } from "../../i18n";
import { isPunctual } from "./model";

/** Minutes and seconds: 4:05. */
export function span(seconds: number): string {
  const s = Math.round(Math.abs(seconds));
  if (s >= 3600) return `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

/** Behind the timetable in words; within half a minute it is on time. */
export function lateness(seconds: number): string {
  if (Math.abs(seconds) < 30) return t("buses.punctual");
  return t(seconds > 0 ? "buses.minutes-late" : "buses.minutes-early", { time: span(seconds) });
}

export const latenessClass = (seconds: number): string => `is-${isPunctual(seconds)}`;

export const percent = (part: number, whole: number): string => (whole === 0 ? "–" : `${integer((100 * part) / whole)} %`);

/** Of a call for help that stands where the bus was before: when it was known to be there; empty for all else. */
export const lastKnown = ({ finding, value, beganMs }: BusEvent): string =>
  finding === "sos" && value !== undefined && value > 0 ? t("buses.last-known", { time: minuteOf(Number(beganMs) - value * 1000) }) : "";
