// Ordering: a wish, for how long and why; a preview of what will happen; then the confirmation.
import { Code } from "@connectrpc/connect";

import { codeOf, explain } from "../../api";
import { el, setText } from "../../dom";
import { ageOf, timeOf } from "../../format";
import type { OrderPreview, SignalLayout } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import type { Page } from "../panel";
import { HOLDS_S, refusalInWords, WISHES, type Wish } from "./words";

/** How long a pole may wait for a moment at which nothing speaks against it. */
const PATIENCE_MS = 30_000n;

interface Asked {
  junction: string;
  wish: Wish;
  plan: number;
  groups: number[];
  holdS: number;
}

export class OrderForm {
  readonly root = el("form", { class: "order", novalidate: true });
  #junction = "";
  #wish: Wish | undefined;
  #buttons = el("div", { class: "wishes", role: "group", "aria-label": t("signal.order") });
  #plan = el("select", { name: "plan" });
  #groups = el("div", { class: "picks", role: "group", "aria-label": t("signal.which-groups") });
  #picked = new Set<number>();
  #hold = el("select", { name: "hold" });
  #purpose = el("input", { type: "text", name: "purpose", maxlength: 200, autocomplete: "off", placeholder: t("signal.purpose-hint") });
  #fields = el("div", { class: "fields", hidden: true });
  #planField = field("signal.which-plan", this.#plan);
  #groupField = el("div", {}, el("span", { class: "name" }, t("signal.which-groups")), this.#groups);
  #holdField = field("signal.hold", this.#hold);
  #shown = el("div", { class: "preview", role: "status" });
  #previewed: Asked | undefined;

  constructor(
    private readonly page: Page,
    private readonly onSent: () => void,
  ) {
    const preview = el("button", { type: "submit", class: "plain" }, t("signal.preview"));
    this.#fields.append(this.#planField, this.#groupField, this.#holdField, field("signal.purpose", this.#purpose), preview);
    this.root.append(this.#buttons, this.#fields, this.#shown);
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#preview();
    });
    this.root.addEventListener("input", () => this.#forget());
  }

  /** The junction that orders are for. */
  about(junction: string, layout: SignalLayout): void {
    if (this.#junction === junction) return;
    this.#junction = junction;
    this.#picked.clear();
    this.#choose(undefined);
    const wishes = (Object.keys(WISHES) as Wish[]).filter((wish) => wish !== "all_red" || layout.allRed);
    this.#buttons.replaceChildren(...wishes.map((wish) => {
      const button = el("button", { type: "button", class: `chip wish-${wish}`, "aria-pressed": "false" }, t(`wish.${wish}`));
      button.addEventListener("click", () => this.#choose(wish));
      return button;
    }));
    this.#plan.replaceChildren(...layout.plans.map((plan) => el("option", { value: plan }, String(plan))));
    this.#groups.replaceChildren(...layout.groups.map((_, i) => {
      const chip = el("button", { type: "button", class: "chip", "aria-pressed": "false" }, String(i + 1));
      chip.addEventListener("click", () => {
        if (!this.#picked.delete(i + 1)) this.#picked.add(i + 1);
        chip.setAttribute("aria-pressed", String(this.#picked.has(i + 1)));
        this.#forget();
      });
      return chip;
    }));
  }

  #choose(wish: Wish | undefined): void {
    this.#wish = wish;
    this.#forget();
    for (const button of this.#buttons.children) button.setAttribute("aria-pressed", String(button.classList.contains(`wish-${wish}`)));
    this.#fields.hidden = !wish;
    if (!wish) return;
    this.#planField.hidden = wish !== "plan";
    this.#groupField.hidden = wish !== "groups";
    this.#holdField.hidden = wish === "own_plan";
    this.#hold.replaceChildren(...HOLDS_S[wish].map((s) => el("option", { value: s }, ageOf(s * 1_000))));
    this.#purpose.focus();
  }

  #forget(): void {
    this.#previewed = undefined;
    this.#shown.replaceChildren();
  }

  #asked(): Asked | undefined {
    if (!this.#wish) return undefined;
    return { junction: this.#junction, wish: this.#wish, plan: Number(this.#plan.value), groups: [...this.#picked].sort((a, b) => a - b), holdS: Number(this.#hold.value) };
  }

  async #preview(): Promise<void> {
    const asked = this.#asked();
    if (!asked) return;
    if (this.#purpose.value.trim().length < 3) {
      this.#purpose.focus();
      return this.#say(t("signal.bad-purpose"));
    }
    try {
      const preview = await this.page.signals.previewOrder({ junction: asked.junction, wanted: wanted(asked), holdMs: BigInt(asked.holdS * 1_000) }, { timeoutMs: 10_000 });
      this.#previewed = asked;
      this.#show(asked, preview);
    } catch (error) {
      this.#say(failed(error));
    }
  }

  #show(asked: Asked, preview: OrderPreview): void {
    const hard = preview.refusals.filter((refusal) => !refusal.tooEarly);
    const early = preview.refusals.filter((refusal) => refusal.tooEarly);
    const lines = previewInWords(asked, preview);
    const list = el("ul", {}, ...lines.map((line) => el("li", {}, line)));
    const parts: HTMLElement[] = [el("h4", {}, t("signal.will")), list];
    if (early.length) parts.push(el("p", { class: "early" }, `◌ ${t("signal.early")}: ${early.map(refusalInWords).join("; ")}`));
    if (hard.length) parts.push(el("p", { class: "refused" }, `✕ ${t("signal.refused")}: ${hard.map(refusalInWords).join("; ")}`));
    const cancel = el("button", { type: "button", class: "plain" }, t("signal.cancel"));
    cancel.addEventListener("click", () => this.#choose(undefined));
    const actions = el("div", { class: "actions" }, cancel);
    if (hard.length === 0) {
      const confirm = el("button", { type: "button", class: `go${preview.needsSecondPerson ? " grave" : ""}` }, t(preview.needsSecondPerson ? "signal.confirm-two" : "signal.confirm"));
      confirm.addEventListener("click", () => void this.#send(confirm));
      actions.prepend(confirm);
    }
    this.#shown.replaceChildren(...parts, actions);
    this.#shown.scrollIntoView({ block: "nearest" });
  }

  async #send(button: HTMLButtonElement): Promise<void> {
    const asked = this.#previewed;
    if (!asked || button.disabled) return;
    button.disabled = true;
    try {
      const row = await this.page.signals.requestOrder(
        { junction: asked.junction, wanted: wanted(asked), holdMs: BigInt(asked.holdS * 1_000), patienceMs: PATIENCE_MS, purpose: this.#purpose.value },
        { timeoutMs: 15_000 },
      );
      this.#choose(undefined);
      this.#say(t(row.state === "waiting" ? "signal.asked" : "signal.sent"));
    } catch (error) {
      this.#say(failed(error));
    }
    this.onSent();
  }

  #say(text: string): void {
    const line = el("p");
    setText(line, text);
    this.#shown.replaceChildren(line);
  }
}

/** What will happen, a line each. */
export function previewInWords(asked: Asked, preview: OrderPreview): string[] {
  const groups = (all: number[]) => all.join(", ");
  const lines = [t(`signal.will-${asked.wish}`, { n: asked.plan, groups: groups(asked.groups) })];
  if (preview.losesGreen.length) lines.push(t("signal.will-lose", { groups: groups(preview.losesGreen) }));
  if (preview.waits.length) lines.push(t("signal.will-wait", { groups: groups(preview.waits) }));
  if (preview.replaces) lines.push(t("signal.will-replace", { n: String(preview.replaces) }));
  if (asked.wish !== "own_plan") lines.push(t("signal.will-end", { time: timeOf(Number(preview.endsMs)) }));
  if (preview.needsSecondPerson) lines.push(t("signal.will-two"));
  return lines;
}

const wanted = (asked: Asked) => ({ wish: WISHES[asked.wish], plan: asked.wish === "plan" ? asked.plan : 0, groups: asked.wish === "groups" ? asked.groups : [] });

function failed(error: unknown): string {
  const sign = codeOf(error) === Code.FailedPrecondition ? t("signal.refused") : "";
  return `✕ ${sign}${sign ? ": " : ""}${explain(error)}`;
}

function field(name: Parameters<typeof t>[0], input: HTMLElement): HTMLElement {
  return el("label", {}, el("span", { class: "name" }, t(name)), input);
}
