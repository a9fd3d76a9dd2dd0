// How much of its gateway a camera gets, in words.
import { Priority, Rung, RungWhy, type Effort as EffortPb } from "./gen/ngatu/v1/gateway_pb";
import { integer, oneDecimal } from "./format";
import { t } from "./i18n";

const RUNGS = { [Rung.UNSPECIFIED]: undefined, [Rung.WATCH]: "watch", [Rung.KEY_FRAMES]: "key-frames", [Rung.FULL]: "full" } as const;
const WHYS = {
  [RungWhy.UNSPECIFIED]: undefined,
  [RungWhy.PINNED]: "pinned",
  [RungWhy.LEARNING]: "learning",
  [RungWhy.QUIET]: "quiet",
  [RungWhy.STIRRED]: "stirred",
  [RungWhy.FOLLOWED]: "followed",
  [RungWhy.AUDIT]: "audit",
  [RungWhy.LOOKED_AT]: "looked-at",
} as const;
const PRIORITIES = {
  [Priority.UNSPECIFIED]: undefined,
  [Priority.HEALTH]: "health",
  [Priority.INCIDENT]: "incident",
  [Priority.COUNTING]: "counting",
} as const;

/** What is decoded of the stream, and why. */
export function rungOf(effort: EffortPb): string {
  const [rung, why] = [RUNGS[effort.rung], WHYS[effort.why]];
  if (!rung) return "";
  return why ? `${t(`rung.${rung}`)} · ${t(`why.${why}`)}` : t(`rung.${rung}`);
}

export function priorityOf(effort: EffortPb): string {
  const priority = PRIORITIES[effort.priority];
  return priority ? t(`priority.${priority}`) : "";
}

/** What is missed by not decoding everything, as far as random checks tell; empty where everything is decoded always. */
export function missedOf(effort: EffortPb): string {
  const { missed } = effort;
  if (!missed) return effort.rung === Rung.FULL && effort.why === RungWhy.PINNED ? "" : t("effort.unmeasured");
  const percent = (share: number) => oneDecimal(share * 100);
  return t("effort.missed", { n: percent(missed.share), low: percent(missed.low), high: percent(missed.high) });
}

/** Whether fewer pictures are analysed than wanted, because the gateway is overloaded. */
export function isShed(effort: EffortPb): boolean {
  return effort.share < 0.995;
}

/** What the load costs this camera; empty when nothing. */
export function shedOf(effort: EffortPb): string {
  if (effort.share === 0) return t("effort.rests");
  return isShed(effort) ? t("effort.share", { n: integer(Math.round(effort.share * 100)) }) : "";
}
