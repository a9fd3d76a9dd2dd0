// Maintenance of signal controllers: what ails them, and the work orders to mend it.
import "./maintenance.css";
import { session } from "../../api";
import { el } from "../../dom";
import { t } from "../../i18n";
import type { Mounted, Page, Panel } from "../panel";
import { Health } from "./health";
import { Orders } from "./orders";
import { PATIENCE } from "./view";

const VIEWS = ["health", "orders"] as const;
type Name = (typeof VIEWS)[number];

export const panel: Panel = { id: "maintenance", title: "panel.maintenance", place: "left", mount: (host, page) => new Maintenance(host, page) };

class Maintenance implements Mounted {
  #views: { health: Health; orders: Orders };
  #bar = el("div", { class: "toolbar views", role: "group", "aria-label": t("maint.view") });
  #front: Name;
  #visible = false;
  #live: boolean | undefined;
  #me = "";
  readonly #kept;

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    const orders = new Orders(page, () => this.#name(), () => this.#views.health.stale());
    const health = new Health(page, (id) => {
      this.#show("orders");
      orders.open(id);
    }, () => orders.stale());
    this.#views = { health, orders };
    this.#kept = page.keep<Name>("maintenance.view", "health");
    this.#front = VIEWS.find((v) => v === this.#kept.get()) ?? "health";
    for (const name of VIEWS) {
      const chip = el("button", { type: "button", class: "chip", "data-view": name }, t(`maint.view.${name}`));
      chip.addEventListener("click", () => this.#show(name));
      this.#bar.append(chip);
    }
    host.append(this.#bar, health.root, orders.root);
    this.#mark();
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    if (visible) void this.#views[this.#front].load();
  }

  linked(): void {
    const live = this.page.link().is === "live";
    // Also called when there are new totals.
    if (live === this.#live) return;
    this.#live = live;
    for (const name of VIEWS) this.#views[name].linked();
    if (this.#visible) void this.#views[this.#front].load();
  }

  selected(): void {
    this.#views.health.selected();
  }

  tick(): void {
    if (this.#visible && !document.hidden && this.page.link().is === "live") this.#views[this.#front].tick();
  }

  #show(name: Name): void {
    this.#front = name;
    this.#kept.set(name);
    this.#mark();
    void this.#views[name].load();
  }

  #mark(): void {
    for (const name of VIEWS) this.#views[name].root.hidden = name !== this.#front;
    for (const chip of this.#bar.querySelectorAll<HTMLElement>("button")) chip.setAttribute("aria-pressed", String(chip.dataset["view"] === this.#front));
  }

  async #name(): Promise<string> {
    this.#me ||= (await session.whoAmI({}, PATIENCE)).name;
    return this.#me;
  }
}
