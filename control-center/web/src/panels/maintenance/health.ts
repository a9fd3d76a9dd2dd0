// Health of controllers, the worst first: each fault with what it means, since when, and its work order or the button to make one.
import { el, setText } from "../../dom";
import { ageOf, integer, momentOf } from "../../format";
import { FaultKind, type ControllerFault, type JunctionHealth, type WorkOrder } from "../../gen/ngatu/v1/maintenance_pb";
import { t } from "../../i18n";
import { plain } from "../../plain";
import type { Page } from "../panel";
import { OpenForm } from "./open";
import { Listing, outcome, put, searchBox, Status } from "./view";
import { codesInWords, faultName, healthInWords, kindName, KINDS, partInWords, priorityInWords } from "./words";

export class Health extends Listing {
  readonly form: OpenForm;
  #status = new Status();
  #summary = el("b", { class: "summary" });
  #kinds = el("select", { "aria-label": t("maint.kind"), name: "kind" });
  #junctions: JunctionHealth[] = [];
  #controllers = 0;
  #sought = "";

  constructor(
    page: Page,
    private readonly openOrder: (id: bigint) => void,
    onMade: (order: WorkOrder) => void,
  ) {
    super(page, "health", t("maint.faults"));
    this.form = new OpenForm(page, {
      made: (order) => {
        this.#status.say("good", `● ${t("maint.made", { id: String(order.id) })} `, this.#orderButton(order.id, `made ${order.id}`));
        onMade(order);
        void this.load();
      },
      refused: () => void this.load(),
    });
    const seen = el("button", { type: "button", class: "plain" }, `+ ${t("maint.make")}`);
    seen.title = t("maint.make-seen");
    seen.addEventListener("click", () => {
      this.#status.clear();
      this.form.seen();
    });
    this.#kinds.addEventListener("change", () => this.draw());
    this.#chooseKinds();
    this.toolbar.append(this.#summary, this.#kinds, searchBox(t("maint.find"), (text) => {
      this.#sought = text;
      this.draw();
    }), seen, el("span", { class: "grow" }), this.asOf);
    this.toolbar.after(this.#status.root, this.form.root);
  }

  override linked(): void {
    super.linked();
    this.form.linked();
  }

  /** Another junction was selected. */
  selected(): void {
    if (this.known) this.draw();
  }

  protected async ask(options: { signal: AbortSignal; timeoutMs: number }): Promise<void> {
    const { junctions, known } = await this.page.maintenance.listHealth({}, options);
    [this.#junctions, this.#controllers] = [junctions, known];
    this.#chooseKinds();
  }

  protected draw(): void {
    const faulty = this.#junctions.filter((j) => j.faults.length > 0);
    setText(this.#summary, t("maint.summary", { n: integer(faulty.length), of: integer(this.#controllers) }));
    const kind = Number(this.#kinds.value) as FaultKind;
    const wanted = this.#junctions.filter((j) => plain(j.name).includes(this.#sought) && (kind === FaultKind.UNSPECIFIED || j.faults.some((f) => f.kind === kind)));
    const rows = wanted.map((j) => this.#junction(j, kind));
    // Those that were only lost for a while or have an old work order do not hide that nothing is wrong.
    const well = faulty.length === 0 && el("p", { class: "notice well" }, `● ${t("maint.well")}`);
    const none = faulty.length > 0 && rows.length === 0 && el("p", { class: "notice" }, t("maint.no-match"));
    this.put([...(well ? [well] : []), ...(none ? [none] : []), ...(rows.length > 0 ? [el("ul", { class: "junctions" }, ...rows)] : [])]);
  }

  /** Kinds with how many faults each has now; a choice stays though its last fault went. */
  #chooseKinds(): void {
    const now = this.#kinds.value || "0";
    const count = (kind: FaultKind) => this.#junctions.reduce((n, j) => n + j.faults.filter((f) => f.kind === kind).length, 0);
    const options = KINDS.map((kind) => el("option", { value: kind }, t("maint.kind-n", { kind: kindName(kind), n: integer(count(kind)) })));
    // Where nothing changed the list may stay open under somebody's hand.
    put(this.#kinds, [el("option", { value: 0 }, t("maint.all-kinds")), ...options]);
    this.#kinds.value = now;
  }

  #junction(junction: JunctionHealth, kind: FaultKind): HTMLElement {
    const id = junction.junction;
    const selected = this.page.selected();
    const picked = selected?.kind === "junction" && selected.id === id;
    const name = el("button", { type: "button", class: "name", "data-key": `junction ${id}`, "aria-current": picked ? "true" : undefined }, junction.name || id);
    name.addEventListener("click", () => this.page.select({ kind: "junction", id }, { fly: true }));
    const faults = junction.faults.filter((f) => kind === FaultKind.UNSPECIFIED || f.kind === kind);
    const others = junction.faults.length - faults.length;
    const facts = [el("span", { class: "soft" }, t("maint.gateway", { gateway: junction.gateway })), ...healthInWords(junction).map((said) => outcome(said))];
    return el("li", { "data-junction": id, class: picked ? "picked" : "" },
      el("div", { class: "about" }, el("h3", {}, name), el("span", { class: "facts" }, ...facts)),
      faults.length > 0 && el("ul", { class: "faults" }, ...faults.map((fault) => this.#fault(junction, fault))),
      junction.faults.length === 0 && el("p", { class: "soft" }, t("maint.no-fault")),
      others > 0 && el("p", { class: "soft" }, t("maint.other-faults", { n: integer(others) })),
      junction.otherWorkOrders.length > 0 &&
        el("p", { class: "others" }, el("span", { class: "soft" }, t("maint.other-orders")), ...junction.otherWorkOrders.map((order) => this.#orderButton(order, `order ${order}`))));
  }

  #fault(junction: JunctionHealth, fault: ControllerFault): HTMLElement {
    const now = this.page.now();
    const began = Number(fault.beganMs);
    const key = `${junction.junction} ${fault.kind} ${fault.part}`;
    const codes = codesInWords(fault, junction.clockAheadMs);
    return el("li", { "data-kind": fault.kind },
      outcome(priorityInWords(fault.priority), "urgency"),
      el("span", { class: "what" },
        el("b", {}, kindName(fault.kind)), el("span", { class: "part" }, partInWords(fault.part)),
        codes && el("span", { class: "codes" }, codes),
        fault.text && el("q", { class: "text soft" }, fault.text)),
      el("span", { class: "since" }, ...(began > 0 ? [el("b", {}, ageOf(now - began)), el("span", {}, t("maint.since", { time: momentOf(began, now) }))] : [])),
      el("span", { class: "acts" }, fault.workOrder > 0n ? this.#orderButton(fault.workOrder, `order ${fault.workOrder}`) : junction.mayMaintain && this.#makeButton(junction, fault, key)));
  }

  #orderButton(id: bigint, key: string): HTMLElement {
    const button = el("button", { type: "button", class: "plain order-link", "data-key": key, "aria-label": t("maint.open-order", { id: String(id) }) }, t("maint.order-n", { id: String(id) }));
    button.addEventListener("click", () => this.openOrder(id));
    return button;
  }

  #makeButton(junction: JunctionHealth, fault: ControllerFault, key: string): HTMLElement {
    const button = el("button", { type: "button", class: "plain", "data-key": `make ${key}`, "aria-label": t("maint.make-for", { what: `${junction.name}, ${faultName(fault)}` }) }, t("maint.make"));
    button.disabled = !this.live;
    button.addEventListener("click", () => {
      this.#status.clear();
      this.form.mend(junction, fault);
    });
    return button;
  }
}
