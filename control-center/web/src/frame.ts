// Where panels stand: side by side on a wide screen, one at a time behind tabs on a phone.
import { el, icon } from "./dom";
import { t } from "./i18n";
import type { Page, Panel, Place } from "./panels/panel";

const NARROW = matchMedia("(max-width: 899px)");
const PLACES: readonly Place[] = ["left", "right-top", "right-bottom"];

const ICONS: Record<string, string> = {
  map: "M9 3 3 5.5V21l6-2.5 6 2.5 6-2.5V3l-6 2.5L9 3Zm0 2.2 6 2.5v11.1l-6-2.5V5.2Z",
  buses: "M5 3h14a2 2 0 0 1 2 2v12h-2v3h-3v-3H8v3H5v-3H3V5a2 2 0 0 1 2-2Zm0 3v5h14V6H5Zm1.5 7a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Zm11 0a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Z",
  wall: "M3 5h8v6H3V5Zm10 0h8v6h-8V5ZM3 13h8v6H3v-6Zm10 0h8v6h-8v-6Z",
  corridor: "M2 20 8 4h3L5 20H2Zm6 0 6-16h3l-6 16H8Zm6 0 6-16h2v3l-5 13h-3Z",
  maintenance: "M21.5 6.6a5.6 5.6 0 0 1-7.4 6.6L6.6 20.7a2.3 2.3 0 0 1-3.3-3.3l7.5-7.5A5.6 5.6 0 0 1 17.4 2.5L14 5.9l.5 3.6 3.6.5 3.4-3.4Z",
  junction: "M8 2h8v3h3v3l-3 1v3h3v3l-3 1v3a4 4 0 0 1-8 0v-3l-3-1v-3h3V9L5 8V5h3V2Zm4 3a1.8 1.8 0 1 0 0 3.6A1.8 1.8 0 0 0 12 5Zm0 5a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Zm0 5a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Z",
  events: "M4 5h16v2.5H4V5Zm0 5.7h16v2.5H4v-2.5Zm0 5.8h16V19H4v-2.5Z",
  tracks: "M10 4a6 6 0 1 1-3.9 10.6L2.4 18.3 1 16.9l3.7-3.7A6 6 0 0 1 10 4Zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm7 9h6v2h-6v-2Zm-4 4h10v2H13v-2Z",
  counts: "M4 20V10h4v10H4Zm6 0V4h4v16h-4Zm6 0v-7h4v7h-4Z",
};

export class Frame {
  readonly root = el("main", { class: "frame" });
  #hosts = new Map<string, HTMLElement>();
  #tabs = new Map<string, HTMLButtonElement[]>();
  /** The panel in front of each place, and on a phone. */
  #front: Record<Place, string>;
  #frontNarrow: string;
  readonly #kept;

  constructor(
    private readonly panels: readonly Panel[],
    page: Page,
    private readonly onShown: (panel: string, visible: boolean) => void,
  ) {
    const first = (place: Place) => panels.find((p) => p.place === place)?.id ?? "";
    this.#kept = page.keep<Record<string, string>>("front", {});
    const kept = this.#kept.get();
    const valid = (id: string | undefined, place?: Place) =>
      panels.find((p) => p.id === id && (place ? p.place === place : p.place !== "over-left"))?.id;
    this.#front = { left: first("left"), "right-top": first("right-top"), "right-bottom": first("right-bottom"), "over-left": first("over-left") };
    for (const place of PLACES) this.#front[place] = valid(kept[place], place) ?? this.#front[place];
    this.#frontNarrow = valid(kept["narrow"]) ?? this.#front.left;

    for (const place of PLACES) this.root.append(this.#place(place));
    this.root.append(this.#bar(panels.filter((p) => p.place !== "over-left"), "bar"));
    NARROW.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  host(panel: string): HTMLElement {
    const host = this.#hosts.get(panel);
    if (!host) throw new Error(`panel ${panel} has no host`);
    return host;
  }

  show(panel: string): void {
    const place = this.panels.find((p) => p.id === panel)?.place;
    if (!place) return;
    this.#front[place] = panel;
    if (place !== "over-left") this.#frontNarrow = panel;
    this.#kept.set({ ...this.#front, narrow: this.#frontNarrow });
    this.#apply();
  }

  badge(panel: string, n: number): void {
    for (const tab of this.#tabs.get(panel) ?? []) {
      tab.querySelector(".badge")?.remove();
      if (n > 0) tab.append(el("span", { class: "badge" }, n > 99 ? "99+" : String(n)));
    }
  }

  visible(panel: string): boolean {
    const place = this.panels.find((p) => p.id === panel)?.place;
    if (!place) return false;
    if (place === "over-left") return true;
    return NARROW.matches ? this.#frontNarrow === panel : this.#front[place] === panel;
  }

  #place(place: Place): HTMLElement {
    const inside = this.panels.filter((p) => p.place === place);
    const box = el("div", { class: `place ${place}` });
    if (inside.length > 1) box.append(this.#bar(inside, "tabs"));
    for (const panel of inside) box.append(this.#panel(panel));
    if (place === "left") for (const over of this.panels.filter((p) => p.place === "over-left")) box.append(this.#panel(over));
    return box;
  }

  #panel(panel: Panel): HTMLElement {
    const host = el("section", { class: `panel panel-${panel.id}`, id: `panel-${panel.id}`, "aria-label": t(panel.title) });
    this.#hosts.set(panel.id, host);
    return host;
  }

  #bar(panels: readonly Panel[], className: string): HTMLElement {
    const bar = el("nav", { class: className, "aria-label": className === "bar" ? "Ngã Tư" : panels.map((p) => t(p.title)).join(", ") });
    for (const panel of panels) {
      const path = ICONS[panel.id];
      const tab = el("button", { type: "button", "aria-controls": `panel-${panel.id}` }, path && icon(path), t(panel.title));
      tab.addEventListener("click", () => this.show(panel.id));
      this.#tabs.set(panel.id, [...(this.#tabs.get(panel.id) ?? []), tab]);
      bar.append(tab);
    }
    return bar;
  }

  #apply(): void {
    for (const panel of this.panels) {
      const visible = this.visible(panel.id);
      for (const tab of this.#tabs.get(panel.id) ?? []) tab.setAttribute("aria-pressed", String(visible));
      if (panel.place === "over-left") continue;
      const host = this.host(panel.id);
      const changed = host.hidden === visible;
      host.hidden = !visible;
      if (changed) this.onShown(panel.id, visible);
    }
    for (const box of this.root.querySelectorAll<HTMLElement>(".place")) {
      box.classList.toggle("empty", !box.querySelector(":scope > .panel:not([hidden]):not(.panel-details)"));
    }
  }
}
