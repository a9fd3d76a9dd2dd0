// The search box on the map: a name or an id leads to the thing.
import type { City } from "../../city";
import { el } from "../../dom";
import { t } from "../../i18n";
import { plain } from "../../plain";
import type { Page, Selection } from "../panel";

const SHOWN = 8;

export function find(city: City, query: string): (Selection & { name: string })[] {
  const want = plain(query.trim());
  if (!want) return [];
  const all = [
    ...[...city.junctions.values()].map(({ id, name }) => ({ kind: "junction" as const, id, name })),
    ...[...city.cameras.values()].map(({ id, name }) => ({ kind: "camera" as const, id, name })),
    ...[...city.buses.values()].map(({ id }) => ({ kind: "bus" as const, id, name: id })),
  ];
  const rank = (thing: { id: string; name: string }) => {
    const name = plain(thing.name);
    return name.startsWith(want) || thing.id.startsWith(want) ? 0 : name.includes(want) || thing.id.includes(want) ? 1 : 2;
  };
  return all.filter((thing) => rank(thing) < 2).sort((a, b) => rank(a) - rank(b)).slice(0, SHOWN);
}

export function findBox(page: Page): HTMLElement {
  const input = el("input", { type: "search", placeholder: t("map.find"), "aria-label": t("map.find"), "aria-controls": "found", autocomplete: "off" });
  const list = el("ul", { id: "found", hidden: true });
  const close = () => {
    input.value = "";
    list.hidden = true;
  };
  const go = (thing: Selection) => {
    close();
    page.select({ kind: thing.kind, id: thing.id }, { fly: true });
  };
  input.addEventListener("input", () => {
    const found = find(page.city, input.value);
    list.replaceChildren(
      ...found.map((thing) => {
        const button = el("button", { type: "button" }, el("span", { class: "what" }, t(`kind.${thing.kind}`)), thing.name);
        button.addEventListener("click", () => go(thing));
        return el("li", {}, button);
      }),
    );
    if (found.length === 0) list.append(el("li", { class: "none" }, t("map.find-none")));
    list.hidden = input.value.trim() === "";
  });
  const box = el("div", { class: "find", role: "search" }, input, list);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      close();
      input.focus();
    } else if (event.key === "Enter" && event.target === input) {
      const first = find(page.city, input.value)[0];
      if (first) go(first);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const stops = [input, ...list.querySelectorAll<HTMLElement>("button")];
      const here = stops.indexOf(document.activeElement as HTMLElement);
      stops[Math.max(0, Math.min(stops.length - 1, here + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
    }
  });
  return box;
}
