// One junction: what it shows live, what may be ordered of it, who waits for approval, what became of orders.
import "./junction.css";
import { signedOut } from "../../api";
import { el } from "../../dom";
import { BY_NAME } from "../../format";
import type { GetJunctionResponse, SignalOrderRow } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import type { LinkState } from "../../link";
import type { Mounted, Page, Panel, Selection } from "../panel";
import { Advice } from "./advice";
import { Alarms } from "./alarms";
import { Calendar } from "./calendar";
import { Detectors } from "./detectors";
import { Live } from "./live";
import { Mending } from "./mending";
import { OrderForm } from "./order";
import { Orders } from "./orders";
import { Priority } from "./priority";
import { Split } from "./split";

/** Between two looks at the list of orders while the panel is in front; behind another it only counts who waits. */
const LOOK_S = 2;
const LOOK_BEHIND_S = 10;
/** Between two looks at what was shown. */
const LOOK_BACK_S = 5;
/** Between two looks at what detectors counted. */
const COUNTS_S = 30;

export const panel: Panel = { id: "junction", title: "panel.junction", place: "right-top", mount: (host, page) => new JunctionPanel(host, page) };

class JunctionPanel implements Mounted {
  #pick = el("select", { "aria-label": t("signal.pick") });
  #live = new Live();
  #alarms: Alarms;
  #mending: Mending;
  #calendar: Calendar;
  #advice: Advice;
  #split: Split;
  #detectors: Detectors;
  #priority: Priority;
  #form: OrderForm;
  #orders: Orders;
  #note = el("p", { class: "notice" });
  #command = el("section", { class: "command" });
  #columns = el("div", { class: "columns" });
  #id = "";
  #can: GetJunctionResponse | undefined;
  #names = "";
  #inForce: SignalOrderRow | undefined;
  #visible = false;
  #ticks = 0;
  #busy = false;

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    this.#form = new OrderForm(page, () => void this.#look());
    this.#calendar = new Calendar(page);
    this.#advice = new Advice(page);
    this.#alarms = new Alarms(page, () => this.#render());
    this.#mending = new Mending(page);
    this.#split = new Split(page);
    this.#detectors = new Detectors(page);
    this.#priority = new Priority(page);
    this.#live.root.append(this.#alarms.root, this.#mending.root, this.#split.root, this.#detectors.root, this.#advice.root, this.#priority.root);
    this.#live.note.append(this.#calendar.root);
    this.#orders = new Orders(page, () => void this.#look());
    this.#pick.addEventListener("change", () => page.select({ kind: "junction", id: this.#pick.value }, { fly: true }));
    this.#columns.append(this.#live.root, el("div", { class: "right", tabindex: 0, role: "region", "aria-label": t("signal.orders-of") }, this.#command, this.#orders.root));
    host.append(el("div", { class: "toolbar" }, this.#pick), this.#note, this.#columns);
    this.#list();
  }

  selected(what: Selection | undefined): void {
    if (what?.kind === "junction") this.#open(what.id);
  }

  update(changed: ReadonlySet<string>): void {
    if (!changed.has("junctions")) return;
    this.#list();
    this.#render();
  }

  linked(state: LinkState): void {
    if (state.is === "live") void this.#ask();
    this.#render();
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    if (visible) void this.#ask();
  }

  tick(): void {
    this.#ticks++;
    if (this.#visible) this.#render();
    if (this.#visible && this.#ticks % LOOK_BACK_S === 0) void Promise.all([this.#mending.look(), this.#split.look(), this.#calendar.look(), this.#advice.look(), this.#priority.look()]);
    if (this.#visible && this.#ticks % COUNTS_S === 0) void this.#detectors.look();
    if (this.#ticks % (this.#visible ? LOOK_S : LOOK_BEHIND_S) === 0) void this.#look();
  }

  #open(id: string): void {
    if (this.#id === id) return;
    this.#id = id;
    this.#can = this.#inForce = undefined;
    this.#pick.value = id;
    void this.#ask();
    this.#render();
  }

  #list(): void {
    const all = [...this.page.city.junctions.values()].sort((a, b) => BY_NAME.compare(a.name, b.name));
    const names = all.map((j) => `${j.id} ${j.name}`).join("|");
    if (names === this.#names) return;
    this.#names = names;
    this.#pick.replaceChildren(...all.map((j) => el("option", { value: j.id }, j.name)));
    if (!this.page.city.junctions.has(this.#id)) this.#id = "";
    const first = all[0];
    if (this.#id) this.#pick.value = this.#id;
    else if (first) this.#open(first.id);
  }

  #render(): void {
    const junction = this.page.city.junctions.get(this.#id);
    this.#note.hidden = junction !== undefined;
    this.#columns.hidden = junction === undefined;
    if (!junction) return this.#note.replaceChildren(t("signal.none"));
    const state = this.page.city.stateOf(junction);
    const known = state === "up" && this.page.link().is === "live";
    this.#live.render(junction, state, known, this.page.now(), this.#can?.layout, this.#inForce);
    this.#alarms.render(junction, known, this.#can);
    this.#orders.reach(this.page.city.gateways.get(junction.gateway)?.alive !== false && this.page.link().is === "live");
    this.#columns.classList.toggle("unknown", !known);
  }

  /** What may be ordered here, then the orders. */
  async #ask(): Promise<void> {
    const id = this.#id;
    if (!id || this.page.link().is !== "live") return;
    try {
      const can = await this.page.signals.getJunction({ junction: id }, { timeoutMs: 10_000 });
      if (id !== this.#id) return;
      this.#can = can;
      this.#commands(can);
      this.#mending.about(id);
      this.#calendar.about(id);
      this.#advice.about(id);
      this.#split.about(id);
      this.#detectors.about(id);
      this.#priority.about(id);
      this.#render();
      await this.#look();
    } catch (error) {
      if (!signedOut(error)) this.#orders.failed(error);
    }
  }

  #commands({ layout, mayOrder, areas, mayOrderIn }: GetJunctionResponse): void {
    if (!layout || layout.groups.length === 0) return this.#command.replaceChildren(el("p", { class: "soft" }, t("signal.listen-only")));
    if (!mayOrder) {
      this.#command.replaceChildren(el("p", { class: "soft" }, whyNot(areas, mayOrderIn)));
      // Whoever was about to order sees why the buttons are gone.
      this.#command.parentElement?.scrollTo(0, 0);
      return;
    }
    this.#form.about(this.#id, layout);
    if (!this.#command.contains(this.#form.root)) this.#command.replaceChildren(el("h3", {}, t("signal.order")), this.#form.root);
  }

  async #look(): Promise<void> {
    if (this.#busy || !this.#id || this.page.link().is !== "live") return;
    this.#busy = true;
    try {
      const id = this.#id;
      const options = { timeoutMs: 10_000 };
      const waiting = await this.page.signals.listOrders({ waiting: true }, options);
      this.page.badge("junction", waiting.orders.length);
      if (this.#visible) {
        const all = await this.page.signals.listOrders({ junction: id, limit: 30 }, options);
        this.#orders.well();
        this.#inForce = all.orders.find((row) => row.state === "done" && Number(row.endsMs) > this.page.now());
        this.#orders.render(waiting.orders, all.orders);
        // The right was given or taken meanwhile.
        const could = this.#can?.layout?.groups.length ? this.#can.mayOrder : this.#can?.alarmsCanBeHandled ? this.#can.mayHandleAlarms : undefined;
        if (id === this.#id && could !== undefined && could !== all.mayOrder) void this.#ask();
      }
    } catch (error) {
      if (!signedOut(error)) this.#orders.failed(error);
    } finally {
      this.#busy = false;
    }
  }
}

/** Why nothing may be ordered here: the right is missing altogether, or holds elsewhere. */
function whyNot(areas: readonly string[], mayOrderIn: readonly string[]): string {
  if (mayOrderIn.length === 0) return t("signal.may-not");
  const yours = mayOrderIn.join(", ");
  return areas.length ? t("signal.may-elsewhere", { areas: areas.join(", "), yours }) : t("signal.may-elsewhere-none", { yours });
}
