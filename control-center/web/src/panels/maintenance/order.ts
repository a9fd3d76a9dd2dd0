// One work order: its facts, the steps that the hall allows, and all that happened with it.
import { signedOut } from "../../api";
import { el, setText } from "../../dom";
import { momentOf } from "../../format";
import type { WorkOrder } from "../../gen/ngatu/v1/maintenance_pb";
import { t } from "../../i18n";
import type { Page } from "../panel";
import { StepForm } from "./steps";
import { outcome, PATIENCE, put, Status } from "./view";
import { codesInWords, dueInWords, faultName, moveInWords, priorityInWords, refusalInWords, stateInWords, verdictInWords, type Said } from "./words";

interface Told {
  moved: () => void;
  closed: (id: bigint) => void;
}

export class Order {
  readonly root = el("section", { class: "order-box", hidden: true });
  #number = el("h3", { tabindex: -1 });
  #where = el("button", { type: "button", class: "name" });
  #facts = el("dl");
  #history = el("ol", { class: "history" });
  #inside: HTMLElement;
  #status = new Status();
  #steps: StepForm;
  #id: bigint | undefined;
  #order: WorkOrder | undefined;
  #asking = 0;

  constructor(
    private readonly page: Page,
    private readonly told: Told,
  ) {
    const back = el("button", { type: "button", class: "plain back" }, el("span", { class: "on-narrow" }, `← ${t("maint.back")}`), el("span", { class: "on-wide" }, `✕ ${t("maint.shut")}`));
    back.addEventListener("click", () => this.#close());
    this.#steps = new StepForm(page, {
      moved: (order) => {
        this.#show(order);
        // The button that was pressed may be gone with its step.
        if (order.id === this.#id && !this.root.contains(document.activeElement)) this.#number.focus();
        told.moved();
      },
      again: () => void this.load(),
    });
    this.#where.addEventListener("click", () => {
      const id = this.#order?.junction;
      if (id) page.select({ kind: "junction", id }, { fly: true });
    });
    this.#inside = el("div", { class: "inside" }, this.#facts, this.#steps.root, el("h4", {}, t("maint.history")), this.#history);
    this.root.append(el("div", { class: "toolbar" }, back, this.#number, this.#where), this.#status.root, this.#inside);
    this.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      if (!event.defaultPrevented) this.#close();
    });
  }

  get id(): bigint | undefined {
    return this.#id;
  }

  open(id: bigint): void {
    if (id !== this.#id) {
      this.#id = id;
      this.#order = undefined;
      this.#steps.about(undefined);
      this.#inside.hidden = this.#where.hidden = true;
      this.#status.say("soft", t("maint.loading"));
    }
    setText(this.#number, t("maint.order-title", { id: String(id) }));
    this.root.hidden = false;
    this.#number.focus();
    void this.load();
  }

  async load(): Promise<void> {
    const id = this.#id;
    if (id === undefined || this.page.link().is !== "live") return;
    const asking = ++this.#asking;
    try {
      const order = await this.page.maintenance.getWorkOrder({ id }, PATIENCE);
      // A step that was taken meanwhile has shown what came later.
      if (id === this.#id && asking === this.#asking && order.version >= (this.#order?.version ?? 0)) this.#show(order);
    } catch (error) {
      if (id === this.#id && !signedOut(error)) this.#status.say("bad", `✕ ${refusalInWords(error)}`);
    }
  }

  linked(): void {
    this.#steps.linked();
  }

  #show(order: WorkOrder): void {
    if (order.id !== this.#id) return;
    this.#order = order;
    const now = this.page.now();
    this.#status.clear();
    this.#inside.hidden = this.#where.hidden = false;
    setText(this.#where, order.junctionName || order.junction);
    put(this.#facts, this.#about(order, now).flatMap(([name, said]) => [el("dt", {}, name), el("dd", {}, said)]));
    put(this.#history, order.moves.toReversed().map((move) =>
      el("li", {},
        el("time", {}, momentOf(Number(move.atMs), now)), el("b", {}, moveInWords(move)), move.note && el("p", {}, move.note))));
    this.#steps.about(order);
  }

  #about(order: WorkOrder, now: number): [string, Node | string][] {
    const verdict = verdictInWords(order, now);
    const some = (name: string, text: string): [string, string][] => (text ? [[name, text]] : []);
    const sign = (name: string, said: Said): [string, Node] => [name, outcome(said)];
    return [
      sign(t("maint.state"), stateInWords(order.state)),
      [t("maint.assignee"), order.assignee || t("maint.nobody")],
      sign(t("maint.due"), dueInWords(order, now)),
      sign(t("maint.priority"), priorityInWords(order.priority)),
      [t("maint.fault"), faultName(order)],
      ...some("", codesInWords(order)),
      ...some(t("maint.text"), order.text),
      ...(verdict ? [sign(t("maint.hears"), verdict)] : []),
      [t("maint.opened"), t("maint.opened-by", { time: momentOf(Number(order.openedMs), now), user: order.openedBy })],
    ];
  }

  #close(): void {
    const id = this.#id;
    if (id === undefined) return;
    this.#id = this.#order = undefined;
    this.root.hidden = true;
    this.#steps.about(undefined);
    this.told.closed(id);
  }
}
