// Numbers, times and ages as people here write them; always in Hanoi's time, wherever the browser stands.
import { language, t, type Language } from "./i18n";

const ZONE = "Asia/Ho_Chi_Minh";
const LOCALES: Record<Language, string> = { vi: "vi-VN", en: "en-GB" };
const locale = LOCALES[language()];

const clock = new Intl.DateTimeFormat(locale, { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const clockMs = new Intl.DateTimeFormat(locale, { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const hm = new Intl.DateTimeFormat(locale, { timeZone: ZONE, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(locale, { timeZone: ZONE, weekday: "short", day: "2-digit", month: "2-digit", year: "numeric" });
// 28/11 as on signs and tickets: CLDR has 28-11 for Vietnamese.
const dayMonth = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, day: "2-digit", month: "2-digit" });
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const hundredth = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const tenth = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Names in the order of a Vietnamese dictionary, numbers as numbers. */
export const BY_NAME = new Intl.Collator("vi", { numeric: true });

export const timeOf = (ms: number): string => clock.format(ms);
/** With its milliseconds, as evidence has it. */
export const momentMs = (ms: number): string => clockMs.format(ms);
export const minuteOf = (ms: number): string => hm.format(ms);
export const dateOf = (ms: number): string => day.format(ms);
export const integer = (n: number): string => whole.format(n);
export const twoDecimals = (n: number): string => hundredth.format(n);
export const oneDecimal = (n: number): string => tenth.format(n);

/** The time alone for today, with the day before it for any other day. */
export function momentOf(ms: number, nowMs: number): string {
  return dayStart(ms) === dayStart(nowMs) ? timeOf(ms) : `${dayMonth.format(ms)} ${timeOf(ms)}`;
}

/** Vietnam has had no daylight saving since 1975: UTC+7 all year. */
const OFFSET_MS = 7 * 3_600_000;
const DAY_MS = 86_400_000;

/** Midnight in Hanoi at or before `ms`, in UTC milliseconds. */
export function dayStart(ms: number): number {
  return Math.floor((ms + OFFSET_MS) / DAY_MS) * DAY_MS - OFFSET_MS;
}

/** Hanoi's wall clock for an `<input type="datetime-local">`, and back; NaN where nothing whole was entered. */
export const toInput = (ms: number): string => new Date(ms + OFFSET_MS).toISOString().slice(0, 16);
// Engines read more than the standard's form: of nothing V8 makes the year 2000.
export const fromInput = (text: string): number => (/^\d{4,}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? Date.parse(`${text}:00Z`) - OFFSET_MS : NaN);

/** A span in its largest fitting unit: 12 s, 3 min, 2 h, 5 d. */
export function ageOf(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return t("age.s", { n: integer(s) });
  if (s < 90 * 60) return t("age.min", { n: integer(Math.round(s / 60)) });
  if (s < 36 * 3600) return t("age.h", { n: integer(Math.round(s / 3600)) });
  return t("age.d", { n: integer(Math.round(s / 86_400)) });
}

export const kmh = (mps: number): string => t("unit.kmh", { n: integer(mps * 3.6) });
