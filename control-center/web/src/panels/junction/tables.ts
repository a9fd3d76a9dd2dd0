// Small tables of a junction's panel.
import { el } from "../../dom";
import { integer } from "../../format";
import { t, type Key } from "../../i18n";

/** The first of each row is its head. */
export function table(heads: readonly Key[], rows: readonly (readonly string[])[]): HTMLElement {
  const head = el("tr", {}, ...heads.map((key) => el("th", { scope: "col" }, t(key))));
  const body = rows.map(([first = "", ...rest]) => el("tr", {}, el("th", { scope: "row" }, first), ...rest.map((text) => el("td", {}, text))));
  return el("table", { class: "counted" }, el("thead", {}, head), el("tbody", {}, ...body));
}

/** Whole seconds; a dash where there are none. */
export function seconds(ms: bigint): string {
  return ms > 0n ? `${integer(Number(ms) / 1_000)} s` : "–";
}
