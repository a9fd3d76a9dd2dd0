// Work orders, newest first: who has which, what is overdue, what was said to be done and is not; one of them open beside the list.
import { el, setText } from "../../dom";
import { integer } from "../../format";
import type { WorkOrder } from "../../gen/ngatu/v1/maintenance_pb";
import { t } from "../../i18n";
import { plain } from "../../plain";
import { tickBox } from "../buses/table";
import type { Page } from "../panel";
import { Order } from "./order";
import { Listing, outcome, searchBox } from "./view";
import { codesInWords, dueInWords, isOverdue, kindName, partInWords, priorityInWords, stateInWords, verdictInWords } from "./words";

const CLOSED_DAYS = 30;

export class Orders extends Listing {
  readonly order: Order;
  #summary = el("b", { class: "summary" });
  #columns: HTMLElement;
  #orders: WorkOrder[] = [];
  #more = false;
  #withClosed = false;
  #mine = false;
  #sought = "";

  constructor(
    page: Page,
    /** The user's own name. */
    private readonly me: () => Promise<string>,
    onMoved: () => void,
  ) {
    super(page, "work-orders", t("maint.orders"));
    this.order = new Order(page, {
      moved: () => {
        onMoved();
        void this.load();
      },
      closed: (id) => this.#front(id),
    });
    this.#columns = el("div", { class: "columns" }, this.scroll, this.order.root);
    this.toolbar.append(this.#summary,
      tickBox(t("maint.mine"), (on) => {
        this.#mine = on;
        void this.load();
      }),
      tickBox(t("maint.with-closed"), (on) => {
        this.#withClosed = on;
        void this.load();
      }),
      searchBox(t("maint.find-order"), (text) => {
        this.#sought = text;
        if (this.known) this.draw();
      }), el("span", { class: "grow" }), this.asOf);
    this.root.append(this.#columns);
  }

  open(id: bigint): void {
    this.#columns.classList.add("has-open");
    this.order.open(id);
    if (this.known) this.draw();
  }

  override async load(): Promise<void> {
    await Promise.all([super.load(), this.live && this.order.load()]);
  }

  override linked(): void {
    super.linked();
    this.order.linked();
  }

  protected async ask(options: { signal: AbortSignal; timeoutMs: number }): Promise<void> {
    const assignee = this.#mine ? await this.me() : "";
    options.signal.throwIfAborted();
    const { workOrders, more } = await this.page.maintenance.listWorkOrders({ assignee, closedDays: this.#withClosed ? CLOSED_DAYS : 0 }, options);
    [this.#orders, this.#more] = [workOrders, more];
  }

  protected draw(): void {
    const now = this.page.now();
    const overdue = this.#orders.filter((order) => isOverdue(order, now)).length;
    setText(this.#summary, t("maint.orders-n", { n: integer(this.#orders.length), overdue: integer(overdue) }));
    const wanted = this.#orders.filter((order) => this.#sought === "" || plain(`${order.id} ${order.junctionName} ${order.part} ${order.assignee}`).includes(this.#sought));
    if (wanted.length === 0) return this.put([el("p", { class: "notice" }, this.#none())]);
    const rows = el("ul", { class: "rows-of-orders" }, ...wanted.map((order) => this.#row(order, now)));
    this.put(this.#more ? [rows, el("p", { class: "soft more" }, t("maint.orders-more"))] : [rows]);
  }

  #none(): string {
    if (this.#orders.length > 0) return t("maint.orders-no-match");
    if (this.#mine) return t("maint.orders-none-mine");
    return t(this.#withClosed ? "maint.orders-none-closed" : "maint.orders-none");
  }

  #row(order: WorkOrder, now: number): HTMLElement {
    const verdict = verdictInWords(order, now);
    const open = this.order.id === order.id;
    const button = el("button", { type: "button", "data-key": `row ${order.id}`, "aria-current": open ? "true" : undefined },
      el("span", { class: "top" },
        el("span", { class: "number" }, t("maint.order-n", { id: String(order.id) })), el("b", {}, order.junctionName || order.junction),
        outcome(stateInWords(order.state), "state")),
      el("span", { class: "what" }, [kindName(order.kind), partInWords(order.part), codesInWords(order) || order.text].filter(Boolean).join(" · ")),
      el("span", { class: "facts" },
        outcome(priorityInWords(order.priority), "urgency"), order.assignee && el("span", { class: "assignee" }, t("maint.by", { user: order.assignee })), outcome(dueInWords(order, now), "due"), verdict && outcome(verdict, "verdict")));
    button.addEventListener("click", () => this.open(order.id));
    return el("li", { "data-order": String(order.id) }, button);
  }

  /** The open one was shut: the list is in front again, where it was. */
  #front(id: bigint): void {
    this.#columns.classList.remove("has-open");
    this.draw();
    this.scroll.querySelector<HTMLElement>(`[data-key="row ${id}"]`)?.focus();
  }
}
