// How well trackers report: silent, jumping, with a wrong clock, without satellites; those with a problem first.
import { transit } from "../../api";
import { el, setText } from "../../dom";
import { ageOf, BY_NAME, integer } from "../../format";
import type { Tracker } from "../../gen/ngatu/v1/transit_pb";
import { t, tOr } from "../../i18n";
import type { Page } from "../panel";
import { TrackerOrders } from "./orders";
import { TableView, tickBox } from "./table";

const HOURS = [1, 6, 24];

export class Trackers extends TableView {
  #trackers: Tracker[] = [];
  #onlyAiling = false;
  #orders = new TrackerOrders();
  #summary = el("b");
  #hours = el("select", { "aria-label": t("trackers.hours") }, ...HOURS.map((n) => el("option", { value: n }, t("trackers.hours-n", { n }))));

  constructor(
    page: Page,
    private readonly replay: (vehicle: string) => void,
  ) {
    super(page, t("trackers.list"), 60_000);
    this.#hours.addEventListener("change", () => void this.load());
    const ailing = tickBox(t("trackers.only-ailing"), (on) => {
      this.#onlyAiling = on;
      this.draw();
    });
    this.toolbar.append(this.#summary, ailing, el("label", { class: "tick" }, t("trackers.hours"), this.#hours), el("span", { class: "grow" }), this.asOf);
    this.toolbar.after(this.#orders.root);
  }

  override tick(): void {
    super.tick();
    this.#orders.tick();
  }

  protected async ask(options: { signal: AbortSignal; timeoutMs: number }): Promise<void> {
    const { trackers } = await transit.listTrackers({ hours: Number(this.#hours.value) }, options);
    this.#trackers = trackers.sort((a, b) => b.ailments.length - a.ailments.length || BY_NAME.compare(a.vehicle, b.vehicle));
  }

  protected draw(): void {
    const ailing = this.#trackers.filter((tracker) => tracker.ailments.length > 0);
    setText(this.#summary, t("trackers.summary", { n: integer(this.#trackers.length), ailing: integer(ailing.length) }));
    const names = [t("buses.vehicle"), t("trackers.state"), t("trackers.heard"), t("trackers.reports"), t("trackers.rejected"), t("trackers.clock"), t("trackers.protocol"), ""];
    const columns = names.map((name) => ({ name, number: name === t("trackers.reports") || name === t("trackers.clock") }));
    this.rows(columns, (this.#onlyAiling ? ailing : this.#trackers).map((tracker) => this.#row(tracker)), t("trackers.none"));
  }

  #row(tracker: Tracker): HTMLElement {
    const received = Number(tracker.receivedMs);
    const ails = (name: string) => tracker.ailments.includes(name);
    const replay = el("button", { type: "button", class: "plain", title: t("buses.replay-title", { vehicle: tracker.vehicle }) }, t("buses.replay"));
    replay.addEventListener("click", () => this.replay(tracker.vehicle));
    const order = el("button", { type: "button", class: "plain", title: t("tracker-order.of", { vehicle: tracker.vehicle }) }, t("tracker-order.button"));
    order.addEventListener("click", () => this.#orders.open(tracker.vehicle));
    const state = tracker.ailments.map((name) => el("span", { class: "fact off" }, tOr("ailment", name)));
    const rejected = tracker.rejected.map(({ reason, reports }) => `${integer(reports)} ${tOr("rejected", reason)}`).join(", ");
    const off = Number(tracker.clockOffMs);
    return el(
      "tr",
      { "data-key": tracker.vehicle },
      el("th", { scope: "row" }, tracker.vehicle),
      el("td", { class: "facts" }, ...(state.length > 0 ? state : [el("span", { class: "fact well" }, t("trackers.well"))])),
      el("td", { class: ails("silent") ? "bad" : "" }, received === 0 ? t("trackers.never") : t("trackers.ago", { age: ageOf(this.page.now() - received) })),
      el("td", { class: "n" }, integer(tracker.reports)),
      el("td", { class: ails("jumping") || ails("no_satellites") ? "bad" : "" }, rejected),
      el("td", { class: ails("wrong_clock") ? "n bad" : "n" }, `${off < 0 ? "−" : ""}${ageOf(Math.abs(off))}`),
      el("td", {}, tracker.protocol),
      el("td", { class: "acts" }, replay, " ", order),
    );
  }
}
