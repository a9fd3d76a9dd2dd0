// How routes and operators ran, by day; as files too. A download is written down at the hall with the name of who took it.
import { transit } from "../../api";
import { el } from "../../dom";
import { dateOf, integer, oneDecimal, twoDecimals } from "../../format";
import type { RouteDay } from "../../gen/ngatu/v1/transit_pb";
import { language, t } from "../../i18n";
import type { Page } from "../panel";
import { TableView } from "./table";
import { percent, span } from "./words";

const FILES = [["csv", "report.csv"], ["xlsx", "report.xlsx"], ["vehicles", "vehicles.csv"], ["passings", "passings.csv"], ["positions", "positions.csv"], ["traffic", "traffic.csv"], ["passings-parquet", "passings.parquet"], ["positions-parquet", "positions.parquet"]] as const;

export class Reports extends TableView {
  #routes: RouteDay[] = [];
  #operators: RouteDay[] = [];
  #by: "route" | "operator" = "route";
  #from = el("input", { type: "date", "aria-label": t("reports.from") });
  #to = el("input", { type: "date", "aria-label": t("reports.to") });
  #links = FILES.map(([key]) => el("a", { class: "plain", download: true }, t(`reports.${key}`)));

  constructor(page: Page) {
    super(page, t("reports.list"), 120_000);
    // The service day of Hanoi's buses goes on until three in the morning.
    const today = new Date(page.now() + 4 * 3_600_000).toISOString().slice(0, 10);
    this.#from.value = this.#to.value = today;
    for (const input of [this.#from, this.#to]) input.addEventListener("change", () => this.#asked());
    const chips = el("div", { class: "chips", role: "group", "aria-label": t("reports.by") });
    for (const by of ["route", "operator"] as const) {
      const chip = el("button", { type: "button", class: "chip", "aria-pressed": String(by === this.#by) }, t(`reports.by.${by}`));
      chip.addEventListener("click", () => {
        this.#by = by;
        for (const other of chips.children) other.setAttribute("aria-pressed", String(other === chip));
        this.draw();
      });
      chips.append(chip);
    }
    this.toolbar.append(el("label", { class: "tick" }, t("reports.from"), this.#from), el("label", { class: "tick" }, t("reports.to"), this.#to), chips, el("span", { class: "grow" }), this.asOf);
    this.root.append(el("p", { class: "downloads" }, el("span", {}, t("reports.download")), ...this.#links));
    this.#link();
  }

  #asked(): void {
    if (this.#to.value < this.#from.value) this.#to.value = this.#from.value;
    this.#link();
    void this.load();
  }

  #link(): void {
    const asked = new URLSearchParams({ from: this.#from.value, to: this.#to.value, lang: language() });
    FILES.forEach(([, file], i) => this.#links[i]?.setAttribute("href", `/transit/${file}?${asked}`));
  }

  protected async ask(options: { signal: AbortSignal; timeoutMs: number }): Promise<void> {
    const { routes, operators } = await transit.getTransitReport({ from: this.#from.value, to: this.#to.value }, options);
    [this.#routes, this.#operators] = [routes, operators];
  }

  protected draw(): void {
    const byRoute = this.#by === "route";
    const names = [t("buses.day"), byRoute ? t("buses.route") : t("reports.operator"), t("reports.runs"), t("reports.km"), t("reports.on-time"), t("reports.late-mean"), t("reports.variation"),
      t("reports.excess"), t("reports.bunchings"), t("reports.overspeeds"), t("reports.rejected"), t("reports.gap")];
    const rows = (byRoute ? this.#routes : this.#operators).filter((r) => r.runsScheduled + r.passings > 0);
    // What is of no known run is of no route and no operator, and of the day all the same.
    rows.push(...this.#operators.filter(isOffRuns));
    this.rows(names.map((name, i) => ({ name, number: i > 1 })), rows.map(rowOf), t("reports.none"));
  }
}

/** Which of a row's figures say more when they are pointed at. */
const RUNS = 0;
const EXCESS = 5;

const isOffRuns = (r: RouteDay): boolean => r.feed === "";

function rowOf(r: RouteDay): HTMLElement {
  if (isOffRuns(r)) return offRuns(r);
  const some = (n: number, text: string) => (n > 0 ? text : "–");
  // Where times are no promise nobody keeps them.
  const timed = r.onTime + r.early + r.late;
  // Where only the distance is promised more may be driven than are scheduled, and that is no error.
  const byHeadway = r.runsByHeadway > 0 ? t("reports.by-headway", { n: integer(r.runsByHeadway) }) : "";
  // Of a run that nobody was seen on nobody knows whether passengers waited for it in vain.
  const notSeen = r.runsByHeadway > 0 ? 0 : Math.max(0, r.runsScheduled - r.runsWhole - r.runsPartial);
  const titles = new Map<number, string>([[RUNS, byHeadway], [EXCESS, notSeen > 0 ? t("reports.excess-unseen", { n: integer(notSeen) }) : ""]]);
  const cells = [
    `${integer(r.runsWhole)}${r.runsPartial ? ` (+${integer(r.runsPartial)})` : ""} / ${r.runsByHeadway > 0 ? "~" : ""}${integer(r.runsScheduled)}`,
    `${oneDecimal(r.kmDriven)} / ${oneDecimal(r.kmScheduled)}`,
    some(timed, percent(r.onTime, timed)),
    some(timed, `${r.lateMeanS < 0 ? "−" : ""}${span(r.lateMeanS)}`),
    some(r.headways, twoDecimals(r.headwayVariation)),
    some(r.headways, `${r.excessWaitS < 0 ? "−" : ""}${span(r.excessWaitS)}`),
    integer(r.bunchings),
    speeding(r),
    integer(r.positionsRejected),
    some(r.passings, span(r.gapMedianS)),
  ];
  return el("tr", { "data-key": `${r.day} ${r.feed} ${r.route || r.operator}` }, dayOf(r), el("th", { scope: "row" }, r.route ? r.shortName || r.route : r.operator), ...cells.map((text, i) => el("td", { class: "n", title: titles.get(i) || undefined }, text)));
}

function offRuns(r: RouteDay): HTMLElement {
  const cells = ["–", "–", "–", "–", "–", "–", "–", speeding(r), integer(r.positionsRejected), "–"];
  const name = el("th", { scope: "row", title: t("reports.off-runs-title", { n: integer(r.vehicles) }) }, t("reports.off-runs"));
  return el("tr", { "data-key": `${r.day} off-runs` }, dayOf(r), name, ...cells.map((text) => el("td", { class: "n" }, text)));
}

const speeding = (r: RouteDay): string => (r.overspeeds > 0 ? `${integer(r.overspeeds)} (${t("unit.kmh", { n: integer(r.overspeedKmhMax) })})` : "0");

const dayOf = (r: RouteDay): HTMLElement => el("td", { class: "day" }, dateOf(Date.parse(`${r.day}T05:00:00Z`)));
