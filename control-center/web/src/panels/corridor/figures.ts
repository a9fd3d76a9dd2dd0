// A corridor's figures in words: now, at another time, and with the offsets advised. Pure but for elements.
import { el } from "../../dom";
import { integer, oneDecimal } from "../../format";
import type { Corridor, CorridorAdvice, CorridorShown, GreenWave, NoCorridorAdvice } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";

export interface Column {
  name: string;
  out: GreenWave | undefined;
  back: GreenWave | undefined;
}

/** With what was shown until then, place by place. */
export interface Moment extends Column {
  shown: readonly CorridorShown[];
  toMs: number;
}

/** A plan that goes on was heard of so long before at most. */
const HEARD_MS = 120_000;

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

/** The plan that ran at the end; undefined where nobody knows. */
export function planAt(shown: CorridorShown | undefined, toMs: number): number | undefined {
  const last = shown?.plans.at(-1);
  return last && toMs - Number(last.toMs) <= HEARD_MS ? last.plan : undefined;
}

/** Plans in their order, with the cycle and the offset of the one that ran at the end: 1 → 3 · cycle 90 s · offset 20 s. */
export function plansInWords(shown: CorridorShown | undefined, toMs: number): string {
  if (!shown || shown.plans.length === 0) return "–";
  const ran = shown.plans.map(({ plan }) => String(plan));
  const known = planAt(shown, toMs) !== undefined;
  if (!known) ran.push("?");
  const words = [ran.filter((plan, i) => plan !== ran[i - 1]).join(" → ")];
  const cycleS = shown.plans.at(-1)?.cycleLengthS;
  if (known && cycleS !== undefined) words.push(t("corridor.plan-cycle", { s: integer(cycleS) }));
  if (known && shown.offsetS !== undefined) words.push(t("corridor.plan-offset", { s: integer(shown.offsetS) }));
  return words.join(" · ");
}

/** Which plan ran at each junction; another one than at the first moment is marked. */
export function plans(corridor: Corridor, moments: readonly Moment[], nameOf: (junction: string) => string): HTMLElement {
  const title = el("h3", {}, t("corridor.plans"));
  if (!moments.some(({ shown }) => shown.some((one) => one.plans.length > 0))) return el("section", { class: "plans" }, title, el("p", { class: "soft" }, t("corridor.plans-none")));
  const head = el("tr", {}, el("th", { scope: "col" }, t("corridor.junction")), ...moments.map(({ name }) => el("th", { scope: "col" }, name)));
  const rows = corridor.places.map((place, i) => {
    const first = moments[0] && planAt(moments[0].shown[i], moments[0].toMs);
    const cells = moments.map(({ shown, toMs }) => {
      const plan = planAt(shown[i], toMs);
      const other = first !== undefined && plan !== undefined && plan !== first;
      return el("td", { class: other ? "other" : "" }, plansInWords(shown[i], toMs), other && ` ${t("corridor.plan-other")}`);
    });
    return el("tr", {}, el("th", { scope: "row" }, nameOf(place.junction)), ...cells);
  });
  const offset = moments.some(({ shown }) => shown.some((one) => one.offsetS !== undefined));
  return el("section", { class: "plans" }, title, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)), offset && el("p", { class: "soft" }, t("corridor.plan-offset-note")));
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
