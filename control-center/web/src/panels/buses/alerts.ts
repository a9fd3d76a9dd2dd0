// What was found of buses, newest first: what it is, of which bus and route, where, how much, for how long.
import { transit } from "../../api";
import { el } from "../../dom";
import { ageOf, integer, momentOf } from "../../format";
import type { BusEvent } from "../../gen/ngatu/v1/transit_pb";
import { t, tOr, type Key } from "../../i18n";
import type { Page } from "../panel";
import { TableView, tickBox } from "./table";
import { lastKnown, lateness, span } from "./words";

const GROUPS = {
  timing: ["early", "late", "bunching", "run_missing", "run_unseen", "headway_gap"],
  way: ["off_route", "stop_skipped", "short_turn", "wrong_sign_on"],
  safety: ["overspeed", "doors_open_moving", "engine_on_layover", "sos"],
} as const;
type Group = "all" | keyof typeof GROUPS;

const GRAVE = new Set(["sos", "run_missing", "off_route", "doors_open_moving"]);
/** A finding that began so long ago and never ended is of a bus that went silent. */
const OPEN_MS = 20 * 3_600_000;

export class Alerts extends TableView {
  #events: BusEvent[] = [];
  #group: Group = "all";
  #onlyOpen = false;

  constructor(
    page: Page,
    private readonly names: (feed: string, route: string) => string,
  ) {
    super(page, t("buses.alerts-list"), 10_000);
    const chips = el("div", { class: "chips", role: "group", "aria-label": t("buses.kind") });
    for (const group of ["all", ...Object.keys(GROUPS)] as Group[]) {
      const chip = el("button", { type: "button", class: "chip", "aria-pressed": String(group === this.#group) }, t(`alerts.${group}`));
      chip.addEventListener("click", () => {
        this.#group = group;
        for (const other of chips.children) other.setAttribute("aria-pressed", String(other === chip));
        this.draw();
      });
      chips.append(chip);
    }
    this.toolbar.append(chips, tickBox(t("buses.only-open"), (on) => {
      this.#onlyOpen = on;
      void this.load();
    }), el("span", { class: "grow" }), this.asOf);
  }

  protected async ask(options: { signal: AbortSignal; timeoutMs: number }): Promise<void> {
    this.#events = (await transit.listBusEvents({ onlyOpen: this.#onlyOpen, limit: 500 }, options)).events;
  }

  protected draw(): void {
    const wanted = (e: BusEvent) => this.#group === "all" || (GROUPS[this.#group] as readonly string[]).includes(e.finding);
    const columns = [t("field.time"), t("buses.kind"), t("buses.vehicle"), t("buses.route"), t("buses.value"), t("buses.where"), t("buses.lasts"), ""];
    this.rows(columns.map((name) => ({ name })), this.#events.filter(wanted).map((e) => this.#row(e)), t("buses.alerts-none"));
  }

  #row(e: BusEvent): HTMLElement {
    const now = this.page.now();
    const began = Number(e.beganMs);
    const what = tOr("finding", e.finding);
    const show = e.place && el("button", { type: "button", class: "plain", title: t("buses.show-title") }, t("buses.show"));
    const { place } = e;
    if (place) show?.addEventListener("click", () => this.page.mark({ at: [place.lon, place.lat], text: [what, e.vehicle, lastKnown(e)].filter(Boolean).join(" · ") }));
    const open = e.endedMs === undefined && now - began < OPEN_MS && e.finding !== "run_missing";
    const lasted = e.endedMs === undefined ? (open ? t("buses.open") : "") : Number(e.endedMs) - began > 1_000 ? ageOf(Number(e.endedMs) - began) : "";
    return el(
      "tr",
      { class: `${GRAVE.has(e.finding) ? "grave" : ""}${open ? " open" : ""}`, "data-key": `${e.finding} ${e.vehicle} ${e.trip} ${began}` },
      el("td", { class: "n" }, momentOf(began, now)),
      el("th", { scope: "row" }, what),
      el("td", {}, e.vehicle || (e.block ? t("buses.block", { block: e.block }) : "–")),
      el("td", {}, e.route ? this.names(e.feed, e.route) : "–"),
      el("td", {}, valueOf(e)),
      el("td", { class: "stop" }, e.stopName),
      el("td", {}, lasted),
      el("td", { class: "acts" }, show),
    );
  }
}

function valueOf(e: BusEvent): string {
  const { finding, value } = e;
  if (value === undefined) return "";
  if (finding === "sos") return lastKnown(e);
  if (finding === "overspeed" || finding === "doors_open_moving") return t("unit.kmh" as Key, { n: integer(value) });
  if (finding === "early" || finding === "late") return lateness(value);
  if (finding === "bunching") return t("buses.behind-ahead", { time: span(value) });
  if (finding === "headway_gap") return t("buses.since-last", { time: span(value) });
  if (finding === "run_unseen") return t("buses.others-report", { n: integer(value) });
  return "";
}
