// Orders that wait for a second person, and what became of those before.
import { explain } from "../../api";
import { el } from "../../dom";
import { momentOf, timeOf } from "../../format";
import type { SignalOrderRow } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import type { Page } from "../panel";
import { ordererInWords, outcomeInWords, wantedInWords, weightOf } from "./words";

export class Orders {
  readonly root = el("div", { class: "orders" });
  #waiting = el("ul", { class: "waiting" });
  #waitingBox = el("section", { hidden: true }, el("h3", {}, t("signal.waiting")), this.#waiting);
  #history = el("ol", { class: "history" });
  #problem = el("p", { class: "refused", role: "alert", hidden: true });
  /** Why the last decision was not taken; stays until the next. */
  #decided = el("p", { class: "refused decided", role: "alert", hidden: true });
  #stamp = "";
  #inReach = true;
  #last: { waiting: SignalOrderRow[]; history: SignalOrderRow[] } | undefined;

  constructor(
    private readonly page: Page,
    private readonly onDecided: () => void,
  ) {
    this.root.append(this.#problem, this.#decided, this.#waitingBox, el("h3", {}, t("signal.history")), this.#history);
  }

  render(waiting: SignalOrderRow[], history: SignalOrderRow[]): void {
    this.#last = { waiting, history };
    const stamp = JSON.stringify([waiting, history, this.#inReach], (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#waitingBox.hidden = waiting.length === 0;
    this.#waiting.replaceChildren(...waiting.map((row) => this.#waitingRow(row)));
    const rows = history.map((row) => this.#row(row));
    this.#history.replaceChildren(...(rows.length ? rows : [el("li", { class: "soft" }, t("signal.history-none"))]));
  }

  /** Whether what the store says of orders in force can still be true. */
  reach(inReach: boolean): void {
    if (inReach === this.#inReach) return;
    this.#inReach = inReach;
    if (this.#last) this.render(this.#last.waiting, this.#last.history);
  }

  failed(error: unknown): void {
    this.#problem.hidden = false;
    this.#problem.replaceChildren(t("signal.history-failed", { why: explain(error) }));
  }

  well(): void {
    this.#problem.hidden = true;
  }

  #waitingRow(row: SignalOrderRow): HTMLElement {
    const where = this.page.city.junctions.get(row.junction)?.name ?? row.junction;
    const what = wantedInWords(row.wanted);
    const actions = el("div", { class: "actions" });
    if (row.mayDecide) {
      const sure = t("signal.approve-sure", { what, where });
      const approve = el("button", { type: "button", class: "go grave" }, t("signal.approve"));
      approve.addEventListener("click", () => {
        if (confirm(sure)) void this.#decide(() => this.page.signals.approveOrder({ id: row.id }, { timeoutMs: 15_000 }));
      });
      const decline = el("button", { type: "button", class: "plain" }, t("signal.decline"));
      decline.addEventListener("click", () => void this.#decide(() => this.page.signals.declineOrder({ id: row.id }, { timeoutMs: 15_000 })));
      actions.append(approve, decline);
    } else {
      actions.append(el("span", { class: "soft" }, t("signal.not-yours")));
    }
    return el("li", {}, el("b", {}, what), el("span", {}, where), el("span", { class: "soft" }, t("signal.by", { user: row.askedBy, purpose: row.purpose })), actions);
  }

  #row(row: SignalOrderRow): HTMLElement {
    const holds = row.state === "done" || row.state === "taken";
    const lost = holds && !this.#inReach;
    const { sign, kind } = weightOf(lost ? "silent" : row.state);
    const by = row.approvedBy ? t("signal.by-two", { user: row.askedBy, second: row.approvedBy, purpose: row.purpose }) : t("signal.by", { user: ordererInWords(row.askedBy), purpose: row.purpose });
    return el("li", {},
      el("time", {}, momentOf(Number(row.askedMs), this.page.now())),
      el("b", {}, wantedInWords(row.wanted), holds ? ` ${t("signal.until", { time: timeOf(Number(row.endsMs)) })}` : ""),
      el("span", { class: `outcome ${kind}` }, `${sign} ${lost ? t("order.out-of-reach") : outcomeInWords(row)}`),
      el("span", { class: "soft" }, by));
  }

  async #decide(call: () => Promise<unknown>): Promise<void> {
    this.#decided.hidden = true;
    try {
      await call();
    } catch (error) {
      this.#decided.hidden = false;
      this.#decided.replaceChildren(`✕ ${explain(error)}`);
    }
    this.onDecided();
  }
}
