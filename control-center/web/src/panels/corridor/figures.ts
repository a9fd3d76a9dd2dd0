// A corridor's figures in words: now, at another time, and with the offsets advised. Pure but for elements.
import { el } from "../../dom";
import { integer, oneDecimal } from "../../format";
import type { Corridor, CorridorAdvice, GreenWave, NoCorridorAdvice } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";

export interface Column {
  name: string;
  out: GreenWave | undefined;
  back: GreenWave | undefined;
}

/** Smaller is better, but for the band. */
const ROWS = [
  { key: "corridor.band", of: (wave: GreenWave) => wave.bandMeanS, more: true, text: (n: number, wave: GreenWave) => t("corridor.band-of", { s: integer(n), share: integer(wave.share * 100) }) },
  { key: "corridor.stops", of: (wave: GreenWave) => wave.stops, more: false, text: (n: number) => oneDecimal(n) },
  { key: "corridor.waits", of: (wave: GreenWave) => wave.waitsS, more: false, text: (n: number) => t("corridor.seconds", { s: integer(n) }) },
] as const;

/** The first column is what the others are held against. */
export function table(columns: readonly Column[]): HTMLTableElement {
  const head = el("tr", {}, el("th", {}), ...columns.map((column) => el("th", { scope: "col", class: "n" }, column.name)));
  const body = (["out", "back"] as const).flatMap((way) =>
    ROWS.map((row) => {
      const first = columns[0]?.[way];
      const cells = columns.map((column, i) => {
        const wave = column[way];
        if (!wave || wave.departures === 0) return el("td", { class: "n" }, "–");
        const n = row.of(wave);
        const better = i > 0 && first && first.departures > 0 ? verdict(n - row.of(first), row.more) : "";
        return el("td", { class: `n ${better}` }, row.text(n, wave), better ? ` ${t(`corridor.${better}`)}` : "");
      });
      return el("tr", {}, el("th", { scope: "row" }, `${t(`corridor.${way}`)} · ${t(row.key)}`), ...cells);
    }),
  );
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
}

/** "" when there is no difference worth a word. */
export function verdict(more: number, moreIsBetter: boolean): "better" | "worse" | "" {
  if (Math.abs(more) < 0.05) return "";
  return more > 0 === moreIsBetter ? "better" : "worse";
}

/** What to set at each junction. */
export function offsets(corridor: Corridor, advice: CorridorAdvice, nameOf: (junction: string) => string): HTMLElement {
  const lines = corridor.places.flatMap((place, i) => {
    const s = Math.round(advice.shiftsS[i] ?? 0);
    if (s === 0) return [];
    return [el("li", {}, t(s > 0 ? "corridor.later" : "corridor.earlier", { name: nameOf(place.junction), s: integer(Math.abs(s)) }))];
  });
  const cycle = t("corridor.cycle", { s: integer(advice.cycleS) });
  if (lines.length === 0) return el("p", { class: "soft" }, `${cycle} ${t("corridor.already-best")}`);
  return el("div", {}, el("p", { class: "soft" }, cycle), el("ul", {}, ...lines));
}

export function whyNot(why: NoCorridorAdvice, nameOf: (junction: string) => string): string {
  const [a = "", b = ""] = why.junctions.map(nameOf);
  const [from = 0, to = 0] = why.seconds;
  switch (why.code) {
    case "too_little":
      return t("corridor.no.too_little", { a });
    case "irregular":
      return t("corridor.no.irregular", { a, from: integer(from), to: integer(to) });
    case "cycles_differ":
      return t("corridor.no.cycles_differ", { a, b, from: integer(from), to: integer(to) });
    default:
      return why.text;
  }
}
