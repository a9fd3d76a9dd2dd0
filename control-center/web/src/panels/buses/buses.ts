// Supervision of buses: by route over space and time, alerts, trackers, reports.
import "./buses.css";
import { explain, signedOut, transit } from "../../api";
import { el } from "../../dom";
import { t } from "../../i18n";
import type { Mounted, Page, Panel } from "../panel";
import { Alerts } from "./alerts";
import { Lines } from "./lines";
import { Reports } from "./reports";
import { Trackers } from "./trackers";
import type { View } from "./view";

const VIEWS = ["lines", "alerts", "trackers", "reports"] as const;
type Name = (typeof VIEWS)[number];

export const panel: Panel = { id: "buses", title: "panel.buses", place: "left", mount: (host, page) => new Buses(host, page) };

class Buses implements Mounted {
  #views: Record<Name, View>;
  #front: Name;
  #visible = false;
  #names = new Map<string, string>();

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    const replay = (vehicle: string, day = "") => void this.#replay(vehicle, day);
    this.#views = {
      lines: new Lines(page, replay),
      alerts: new Alerts(page, (feed, route) => this.#names.get(`${feed}/${route}`) ?? route),
      trackers: new Trackers(page, replay),
      reports: new Reports(page),
    };
    const kept = page.keep<Name>("buses.view", "lines");
    this.#front = VIEWS.find((v) => v === kept.get()) ?? "lines";
    const bar = el("div", { class: "toolbar views", role: "group", "aria-label": t("buses.view") });
    for (const name of VIEWS) {
      const chip = el("button", { type: "button", class: "chip", "aria-pressed": String(name === this.#front) }, t(`buses.view.${name}`));
      chip.addEventListener("click", () => {
        kept.set(name);
        for (const other of bar.children) other.setAttribute("aria-pressed", String(other === chip));
        this.#show(name);
      });
      bar.append(chip);
    }
    host.append(bar, ...VIEWS.map((name) => this.#views[name].root));
    for (const name of VIEWS) this.#views[name].root.hidden = name !== this.#front;
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    if (visible) this.#show(this.#front);
  }

  linked(): void {
    if (this.#visible && this.page.link().is === "live") this.#show(this.#front);
  }

  tick(): void {
    if (this.#visible && !document.hidden && this.page.link().is === "live") this.#views[this.#front].tick();
  }

  #show(name: Name): void {
    this.#front = name;
    for (const other of VIEWS) this.#views[other].root.hidden = other !== name;
    void this.#learnNames().then(() => this.#views[name].shown());
  }

  /** What routes are called; ids are for machines. */
  async #learnNames(): Promise<void> {
    if (this.#names.size > 0) return;
    try {
      const { routes } = await transit.listRoutes({}, { timeoutMs: 10_000 });
      for (const r of routes) this.#names.set(`${r.feed}/${r.route}`, r.shortName || r.longName || r.route);
    } catch {
      // the view says why when it asks itself
    }
  }

  async #replay(vehicle: string, day: string): Promise<void> {
    try {
      const { fixes, passings } = await transit.getBusDay({ vehicle, day }, { timeoutMs: 30_000 });
      const told = passings.map((p) => ({ ms: Number(p.atMs), text: `${p.route} ${p.stopName}`.trim() }));
      this.page.replay({ vehicle, fixes: fixes.map((f) => ({ ms: Number(f.atMs), at: [f.lon, f.lat] as const, speedMps: f.speedMps })), told });
    } catch (error) {
      if (!signedOut(error)) this.page.replay({ vehicle, fixes: [], told: [], problem: explain(error) });
    }
  }
}
