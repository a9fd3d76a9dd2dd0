// What trackers are asked to do: a form for one vehicle, and how far its orders got; they wait until the tracker is there.
import { explain, signedOut, transit } from "../../api";
import { el, setText } from "../../dom";
import { ageOf, timeOf } from "../../format";
import { TrackerOrderProgress as Stage, type TrackerOrder } from "../../gen/ngatu/v1/gateway_pb";
import type { GivenTrackerOrder } from "../../gen/ngatu/v1/transit_pb";
import { t } from "../../i18n";

const REFRESH_MS = 3_000;
const SECONDS = [5, 10, 15, 30, 60, 300];
const STAGES: Record<Stage, "waiting" | "sent" | "answered" | "expired" | "failed"> = {
  [Stage.UNSPECIFIED]: "waiting",
  [Stage.WAITING]: "waiting",
  [Stage.SENT]: "sent",
  [Stage.ANSWERED]: "answered",
  [Stage.EXPIRED]: "expired",
  [Stage.FAILED]: "failed",
};

export class TrackerOrders {
  readonly root = el("section", { class: "tracker-orders", hidden: true });
  #vehicle = "";
  #name = el("h3");
  #what = el("select", { name: "what" }, el("option", { value: "locate" }, t("tracker-order.locate")), el("option", { value: "every" }, t("tracker-order.every")), el("option", { value: "text" }, t("tracker-order.text")));
  #every = el("select", { name: "every" }, ...SECONDS.map((s) => el("option", { value: s }, ageOf(s * 1_000))));
  #text = el("input", { type: "text", name: "text", maxlength: 500, autocomplete: "off", placeholder: t("tracker-order.text-hint") });
  #why = el("input", { type: "text", name: "why", maxlength: 200, autocomplete: "off", placeholder: t("tracker-order.why-hint") });
  #send = el("button", { type: "submit", class: "plain" }, t("tracker-order.give"));
  #said = el("p", { class: "said", role: "status" });
  #form = el("form", { class: "fields", novalidate: true, hidden: true });
  #list = el("ul", { class: "given", "aria-label": t("tracker-order.given") });
  #asking = 0;
  #loadedMs = 0;

  constructor() {
    const shut = el("button", { type: "button", class: "plain" }, t("tracker-order.shut"));
    shut.addEventListener("click", () => this.close());
    const everyField = field("tracker-order.every", this.#every);
    const textField = field("tracker-order.text", this.#text);
    const choose = () => {
      everyField.hidden = this.#what.value !== "every";
      textField.hidden = this.#what.value !== "text";
    };
    this.#what.addEventListener("change", choose);
    choose();
    this.#form.append(field("tracker-order.what", this.#what), everyField, textField, field("tracker-order.why", this.#why), this.#send);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#give();
    });
    this.root.setAttribute("aria-label", t("tracker-order.title"));
    this.root.append(el("div", { class: "toolbar" }, this.#name, el("span", { class: "grow" }), shut), this.#form, this.#said, this.#list);
  }

  open(vehicle: string): void {
    this.#vehicle = vehicle;
    setText(this.#name, t("tracker-order.of", { vehicle }));
    setText(this.#said, "");
    this.#list.replaceChildren();
    this.root.hidden = false;
    void this.load().then(() => this.#what.focus());
  }

  close(): void {
    this.root.hidden = true;
    this.#vehicle = "";
  }

  tick(): void {
    if (this.#vehicle && Date.now() - this.#loadedMs > REFRESH_MS) void this.load();
  }

  /** How far its orders got. */
  async load(): Promise<void> {
    const vehicle = this.#vehicle;
    if (!vehicle) return;
    const asking = ++this.#asking;
    this.#loadedMs = Date.now();
    try {
      const { orders, mayOrder } = await transit.listTrackerOrders({ vehicle }, { timeoutMs: 10_000 });
      if (asking !== this.#asking || vehicle !== this.#vehicle) return;
      this.#form.hidden = !mayOrder;
      if (!mayOrder) setText(this.#said, t("tracker-order.may-not"));
      this.#list.replaceChildren(...(orders.length > 0 ? orders.map(row) : [el("li", {}, t("tracker-order.none"))]));
    } catch (error) {
      if (!signedOut(error)) setText(this.#said, explain(error));
    }
  }

  async #give(): Promise<void> {
    const purpose = this.#why.value.trim();
    if (purpose.length < 3) {
      this.#why.focus();
      return setText(this.#said, t("signal.bad-purpose"));
    }
    const order = { locate: { case: "locate" as const, value: {} }, every: { case: "reportEveryS" as const, value: Number(this.#every.value) }, text: { case: "text" as const, value: this.#text.value.trim() } };
    this.#send.disabled = true;
    try {
      await transit.giveTrackerOrder({ vehicle: this.#vehicle, order: order[this.#what.value as keyof typeof order], purpose }, { timeoutMs: 10_000 });
      setText(this.#said, t("tracker-order.kept"));
      this.#why.value = "";
      await this.load();
    } catch (error) {
      if (!signedOut(error)) setText(this.#said, explain(error));
    } finally {
      this.#send.disabled = false;
    }
  }
}

function row({ order, givenMs }: GivenTrackerOrder): HTMLElement {
  if (!order) return el("li");
  const stage = STAGES[order.progress];
  const at = order.atMs > 0n ? ` ${timeOf(Number(order.atMs))}` : "";
  return el("li", {}, el("span", {}, `${timeOf(Number(givenMs))} · ${inWords(order)}`), el("b", { class: stage }, `${t(`tracker-order.${stage}`)}${at}`), el("span", { class: "answer" }, order.said));
}

function inWords({ order }: TrackerOrder): string {
  switch (order.case) {
    case "locate":
      return t("tracker-order.locate");
    case "reportEveryS":
      return `${t("tracker-order.every")} ${ageOf(order.value * 1_000)}`;
    case "text":
      return `“${order.value}”`;
    default:
      return "";
  }
}

function field(name: "tracker-order.what" | "tracker-order.every" | "tracker-order.text" | "tracker-order.why", input: HTMLElement): HTMLElement {
  return el("label", {}, el("span", { class: "name" }, t(name)), input);
}
