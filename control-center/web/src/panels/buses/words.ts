// Bus figures in words.
import { integer } from "../../format";
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
