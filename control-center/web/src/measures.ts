// What rules measured, in words with their unit.
import { integer, oneDecimal } from "./format";
import { MeasureKind, type Measure } from "./gen/ngatu/v1/event_pb";
import { t } from "./i18n";

const kmh = (mps: number): string => integer(mps * 3.6);
const short = (n: number): string => (Number.isInteger(n) || Math.abs(n) >= 100 ? integer(n) : oneDecimal(n));
const level = (n: number): string => "ABCDEF"[Math.round(n)] ?? "?";

/** `undefined` for a kind that this page does not know yet. */
export function measureText({ what, value: n }: Measure): string | undefined {
  switch (what) {
    case MeasureKind.VEHICLES:
      return t("measure.vehicles", { n: short(n) });
    case MeasureKind.PCU:
      return t("measure.pcu", { n: short(n) });
    case MeasureKind.PERSONS:
      return t("measure.persons", { n: short(n) });
    case MeasureKind.OCCUPANCY_PERCENT:
      return t("measure.occupancy", { n: integer(n) });
    case MeasureKind.QUEUE_M:
      return t("measure.queue", { n: integer(n) });
    case MeasureKind.DENSITY_PCU_PER_KM_LANE:
      return t("measure.density", { n: short(n) });
    case MeasureKind.DENSITY_PERSONS_PER_M2:
      return t("measure.crowd-density", { n: oneDecimal(n) });
    case MeasureKind.SPEED_MPS:
      return t("measure.speed", { n: kmh(n) });
    case MeasureKind.SPEED_UNCERTAINTY_MPS:
      return t("measure.speed-uncertainty", { n: oneDecimal(n * 3.6) });
    case MeasureKind.SPEED_LIMIT_MPS:
      return t("measure.speed-limit", { n: kmh(n) });
    case MeasureKind.LEVEL_OF_SERVICE:
      return t("measure.level", { n: level(n) });
    case MeasureKind.SHIFT_PERCENT:
      return t("measure.shift", { n: integer(n) });
    case MeasureKind.DETAIL_PERCENT:
      return t("measure.detail", { n: integer(n) });
    case MeasureKind.LUMA:
      return t("measure.luma", { n: integer(n) });
    case MeasureKind.RAN_RED:
      return t("measure.ran-red", { n: integer(n) });
    case MeasureKind.RED_WITHIN_ERROR:
      return t("measure.red-within-error", { n: integer(n) });
    case MeasureKind.RED_UNPROVEN:
      return t("measure.red-unproven", { n: integer(n) });
    case MeasureKind.UNSPECIFIED:
      return undefined;
  }
}

/** All of them, the first ones first; at most `most`. */
export function measureTexts(measures: readonly Measure[], most = Infinity): string[] {
  return measures.map(measureText).filter((text) => text !== undefined).slice(0, most);
}
