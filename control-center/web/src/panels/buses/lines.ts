// Buses by route: the list of routes with how they run, the space-time diagram of one of them, and its ladder of headways.
import { explain, signedOut, transit } from "../../api";
import { el, setText } from "../../dom";
import { BY_NAME, integer, timeOf } from "../../format";
import type { BusNow, PredictionErrors, RouteNow, ToldArrivals } from "../../gen/ngatu/v1/transit_pb";
import { t } from "../../i18n";
import { plain } from "../../plain";
import type { Page } from "../panel";
import { Diagram } from "./diagram";
import { ladder } from "./ladder";
import type { View } from "./view";
import { percent, span } from "./words";

const REFRESH_MS = 10_000;

interface Chosen {
  feed: string;
  route: string;
  direction: number | null;
}

export class Lines implements View {
  readonly root = el("div", { class: "lines" });
  #routes: RouteNow[] = [];
  #chosen: Chosen | undefined;
  #day = "";
  #loadedMs = 0;
  #loading: AbortController | undefined;
  #list = el("ul", { class: "routes", "aria-label": t("buses.routes") });
  #find = el("input", { type: "search", placeholder: t("buses.find"), "aria-label": t("buses.find") });
  #name = el("h2");
  #directions = el("div", { class: "chips", role: "group", "aria-label": t("buses.direction") });
  #date = el("input", { type: "date", "aria-label": t("buses.day") });
  /** Back to today from another day. */
  #today = el("button", { type: "button", class: "plain", hidden: true }, t("buses.today"));
  #asOf = el("span", { class: "as-of", role: "status" });
  #problem = el("p", { class: "notice small", role: "alert", hidden: true });
  #ladder = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("buses.ladder") });
  #diagram: Diagram;
  readonly #kept;

  constructor(
    private readonly page: Page,
    private readonly replay: (vehicle: string, day: string) => void,
  ) {
    this.#kept = page.keep<Chosen | undefined>("buses.line", undefined);
    this.#chosen = this.#kept.get();
    this.#diagram = new Diagram(() => page.now(), (vehicle) => this.#point(vehicle));
    this.#find.addEventListener("input", () => this.#drawList());
    this.#list.addEventListener("keydown", (event) => this.#walk(event));
    this.#date.addEventListener("change", () => {
      this.#day = this.#date.value;
      void this.load(true);
    });
    const button = (key: "back" | "forth" | "zoom-in" | "zoom-out" | "now" | "whole-day", sign: string, act: () => void) => {
      const made = el("button", { type: "button", class: "plain", title: t(`buses.${key}`), "aria-label": t(`buses.${key}`) }, sign);
      made.addEventListener("click", act);
      return made;
    };
    this.#today.addEventListener("click", () => {
      this.#day = this.#date.value = "";
      void this.load(true);
    });
    const legend = el("p", { class: "key" }, ...(["scheduled", "on-time", "is-late", "is-early"] as const).map((key) => el("span", { class: key }, t(`buses.${key}`))), el("span", { class: "hint" }, t("buses.diagram-keys")));
    this.root.append(
      el("div", { class: "side" }, this.#find, this.#list),
      el(
        "div",
        { class: "line" },
        el("div", { class: "toolbar" }, this.#name, this.#directions, el("span", { class: "grow" }), this.#date, this.#today,
          button("back", "◀", () => this.#diagram.move(-0.3)), button("forth", "▶", () => this.#diagram.move(0.3)),
          button("zoom-out", "−", () => this.#diagram.zoom(-1)), button("zoom-in", "+", () => this.#diagram.zoom(1)),
          button("now", t("buses.now"), () => this.#diagram.home()), button("whole-day", t("buses.whole-day"), () => this.#diagram.whole())),
        this.#problem,
        this.#diagram.root,
        el("div", { class: "under" }, legend, el("span", { class: "grow" }), this.#asOf),
        this.#ladder,
      ),
    );
  }

  shown(): void {
    void this.load(this.#routes.length === 0);
  }

  tick(): void {
    this.#diagram.tick();
    if (Date.now() - this.#loadedMs > REFRESH_MS) void this.load(false);
  }

  /** `fresh` when another line or day is asked for: until it is there, nothing of the old one is shown. */
  async load(fresh: boolean): Promise<void> {
    if (!fresh && this.#loading) return;
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    this.#loadedMs = Date.now();
    this.#today.hidden = this.#day === "";
    if (fresh) {
      this.#diagram.clear();
      this.#ladder.replaceChildren();
    }
    try {
      const options = { signal: loading.signal, timeoutMs: 20_000 };
      const { routes, atMs } = await transit.listRoutes({}, options);
      this.#routes = routes.sort((a, b) => BY_NAME.compare(nameOf(a), nameOf(b)));
      this.#choose();
      this.#drawList();
      const { feed = "", route = "", direction = null } = this.#chosen ?? {};
      if (route) {
        const where = { feed, route, day: this.#day, ...(direction === null ? {} : { direction }) };
        const [line, now] = await Promise.all([transit.getSpaceTime(where, options), transit.getBuses({ feed, route }, options)]);
        this.#problem.hidden = true;
        this.#diagram.show(line, fresh);
        // A page is left open over night: today is another day then. Whoever is writing one is not interrupted.
        const writes = document.hasFocus() && document.activeElement === this.#date;
        if (this.#day === "" && !writes) this.#date.value = line.day;
        this.#drawLadder(now.buses.filter((b) => (b.direction ?? null) === direction));
        const told = routes.find((r) => r.feed === feed && r.route === route);
        this.#drawAccuracy(t("buses.accuracy"), told?.predictions ?? [], told?.toldArrivals);
        this.#drawAccuracy(t("buses.accuracy-timetable"), told?.timetablePredictions ?? [], told?.timetableToldArrivals);
      }
      setText(this.#asOf, t("buses.as-of", { time: timeOf(Number(atMs)) }));
    } catch (error) {
      if (loading.signal.aborted || signedOut(error)) return;
      this.#problem.hidden = false;
      setText(this.#problem, t("buses.failed", { why: explain(error) }));
    } finally {
      if (this.#loading === loading) this.#loading = undefined;
    }
  }

  /** The line that was looked at, else the one with most buses. */
  #choose(): void {
    const still = this.#routes.find((r) => r.feed === this.#chosen?.feed && r.route === this.#chosen.route);
    const route = still ?? this.#routes.reduce<RouteNow | undefined>((most, r) => (!most || r.buses > most.buses ? r : most), undefined);
    if (!route) {
      this.#problem.hidden = false;
      return setText(this.#problem, t("buses.none"));
    }
    this.#problem.hidden = true;
    const directions = route.directions.map((d) => d.direction ?? null);
    const direction = still && directions.includes(this.#chosen?.direction ?? null) ? (this.#chosen?.direction ?? null) : (directions[0] ?? null);
    this.#chosen = { feed: route.feed, route: route.route, direction };
    setText(this.#name, `${nameOf(route)} ${route.shortName ? route.longName : ""}`.trim());
    this.#directions.hidden = route.directions.length < 2;
    this.#directions.replaceChildren(
      ...route.directions.map((d) => {
        const name = d.headsign ? t("buses.direction-to", { name: d.headsign }) : t("buses.direction-n", { n: (d.direction ?? 0) + 1 });
        const chip = el("button", { type: "button", class: "chip", "aria-pressed": String((d.direction ?? null) === direction) }, name);
        chip.addEventListener("click", () => this.#pick({ feed: route.feed, route: route.route, direction: d.direction ?? null }));
        return chip;
      }),
    );
  }

  #pick(chosen: Chosen): void {
    this.#chosen = chosen;
    this.#kept.set(chosen);
    void this.load(true);
  }

  #drawList(): void {
    const focused = document.activeElement?.closest("li")?.dataset["route"];
    const wanted = plain(this.#find.value.trim());
    const shown = this.#routes.filter((r) => plain(`${r.shortName} ${r.longName} ${r.operator}`).includes(wanted));
    this.#list.replaceChildren(
      ...shown.map((route) => {
        const on = route.feed === this.#chosen?.feed && route.route === this.#chosen.route;
        const facts: [number, "late" | "early" | "bunched" | "off" | "missing" | "unseen" | "gaps"][] = [[route.late, "late"], [route.early, "early"], [route.bunched, "bunched"], [route.offRoute, "off"], [route.missing, "missing"], [route.unseen, "unseen"], [route.gaps, "gaps"]];
        const badges = facts.filter(([n]) => n > 0).map(([n, key]) => el("span", { class: `fact ${key}` }, t(`buses.${key}`, { n })));
        const button = el("button", { type: "button", "aria-current": on ? "true" : undefined }, el("b", {}, nameOf(route)), el("span", { class: "long" }, route.shortName ? route.longName : ""),
          el("span", { class: "facts" }, el("span", { class: "fact" }, t("buses.count", { n: route.buses })), ...badges));
        button.addEventListener("click", () => this.#pick({ feed: route.feed, route: route.route, direction: on ? (this.#chosen?.direction ?? null) : (route.directions[0]?.direction ?? null) }));
        return el("li", { "data-route": `${route.feed}/${route.route}` }, button);
      }),
    );
    if (focused) this.#list.querySelector<HTMLElement>(`li[data-route="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
  }

  #walk(event: KeyboardEvent): void {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const buttons = [...this.#list.querySelectorAll("button")];
    buttons[buttons.indexOf(document.activeElement as HTMLButtonElement) + by]?.focus();
  }

  #drawLadder(buses: BusNow[]): void {
    const focused = document.activeElement?.closest<HTMLElement>("[data-vehicle]")?.dataset["vehicle"];
    const scroll = this.#ladder.scrollTop;
    const onMap = (bus: BusNow) => this.page.mark({ at: [bus.lon, bus.lat], text: `${bus.vehicle} · ${bus.nextStop}` });
    this.#ladder.replaceChildren(ladder(buses, { onMap, replay: (vehicle) => this.replay(vehicle, this.#day) }));
    this.#ladder.scrollTop = scroll;
    if (focused) this.#ladder.querySelector<HTMLElement>(`[data-vehicle="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
  }

  #drawAccuracy(caption: string, leads: readonly PredictionErrors[], told: ToldArrivals | undefined): void {
    if (leads.length === 0 && !told) return;
    const cell = (text: string) => el("td", { class: "n" }, text);
    const rows = leads.map((p) => el("tr", {}, el("th", { scope: "row" }, t("buses.lead", { n: p.leadMin })), cell(integer(Number(p.scored))), cell(span(p.meanAbsoluteS)), cell(`${p.meanS < 0 ? "−" : "+"}${span(p.meanS)}`),
      cell(percent(Number(p.within60S), Number(p.scored))), cell(percent(Number(p.within180S), Number(p.scored)))));
    // Nothing has been scored of what never came.
    if (rows.length === 0) rows.push(el("tr", {}, el("th", { scope: "row" }, "–"), ...Array.from({ length: 5 }, () => cell("–"))));
    const neverCame = Number(told?.neverCame ?? 0n);
    const all = Number(told?.came ?? 0n) + neverCame;
    // What never came has no lead: one figure stands beside all of them.
    rows[0]?.append(el("td", { class: "n", rowspan: rows.length }, all === 0 ? "–" : t("buses.never-came-of", { n: integer(neverCame), all: integer(all), share: percent(neverCame, all) })));
    const head = (["lead-told", "lead-scored", "lead-error", "lead-bias", "lead-60", "lead-180", "never-came"] as const).map((key, i) => el("th", { scope: "col", class: i > 0 ? "n" : "" }, t(`buses.${key}`)));
    this.#ladder.append(el("table", { class: "accuracy" }, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)));
  }

  /** A line of the diagram was pressed: its bus's row comes into view. */
  #point(vehicle: string): void {
    for (const row of this.#ladder.querySelectorAll<HTMLElement>("tr[data-vehicle]")) {
      const is = row.dataset["vehicle"] === vehicle;
      row.classList.toggle("picked", is);
      if (is) row.scrollIntoView({ block: "nearest" });
    }
  }
}

const nameOf = (route: RouteNow): string => route.shortName || route.longName || route.route;
