// Late buses that asked for green at a junction in the last day: how each fared, what it gave and what it cost others.
import { el } from "../../dom";
import { momentOf } from "../../format";
import type { BusPriorityRequest, ListBusPriorityResponse } from "../../gen/ngatu/v1/signal_pb";
import { fill, t, tOr } from "../../i18n";
import type { Page } from "../panel";
import { Asked, PATIENCE } from "./asked";

export class Priority extends Asked<ListBusPriorityResponse> {
  readonly root = el("section", { class: "priority", hidden: true });
  #note = el("p", { class: "soft", role: "status", hidden: true });
  #list = el("ol", { class: "history" });

  constructor(page: Page) {
    super(page);
    this.root.append(el("h3", {}, t("priority.title")), this.#note, this.#list);
  }

  protected ask(junction: string): Promise<ListBusPriorityResponse> {
    return this.page.signals.listBusPriority({ junction }, PATIENCE);
  }

  protected draw({ configured, requests }: ListBusPriorityResponse): void {
    this.root.hidden = !configured && requests.length === 0;
    this.#list.hidden = requests.length === 0;
    this.#note.hidden = requests.length > 0;
    this.#note.replaceChildren(t("priority.none"));
    this.#list.replaceChildren(...requests.map((one) => this.#row(one)));
  }

  protected failed(why: string): void {
    this.root.hidden = this.#note.hidden = false;
    this.#note.replaceChildren(t("priority.failed", { why }));
  }

  #row(one: BusPriorityRequest): HTMLElement {
    const { sign, kind, text } = outcomeInWords(one);
    const effects = [gainInWords(one), costInWords(one)].filter((effect) => effect !== "");
    return el("li", {},
      el("time", {}, momentOf(Number(one.askedMs), this.page.now())),
      el("b", {}, t("priority.bus", { route: one.route, vehicle: one.vehicle })),
      el("span", { class: `outcome ${kind}` }, `${sign} ${text}`),
      effects.length > 0 ? el("span", {}, effects.join("; ")) : "",
      el("span", { class: "soft" }, t("priority.late", { min: minutes(one.lateS), m: Math.round(one.toLineM) })));
  }
}

function minutes(seconds: number): string {
  return String(Math.round(seconds / 60));
}

/** What became of it, and why it had nothing. */
export function outcomeInWords(one: Pick<BusPriorityRequest, "state" | "why" | "detail" | "askedMs" | "greenMs" | "passedMs">): { sign: string; kind: string; text: string } {
  const why = fill(tOr("priority", `why-${one.why}`), { detail: one.detail });
  switch (one.state) {
    case "waits":
      return { sign: "◌", kind: "warn", text: t("priority.waits", { why }) };
    case "calling":
    case "ordered":
      return { sign: "●", kind: "good", text: t("priority.ordered") };
    case "passed": {
      const green = Number(one.greenMs);
      const after = green > 0 ? t("priority.green-after", { s: Math.max(0, Math.round((green - Number(one.askedMs)) / 1_000)) }) : t("priority.green-unseen");
      return { sign: "✓", kind: "good", text: t("priority.passed", { after }) };
    }
    case "unhelped":
      return { sign: "✕", kind: "warn", text: t("priority.unhelped", { why }) };
    default:
      return { sign: "▲", kind: "warn", text: tOr("priority", one.state) };
  }
}

/** Empty where it had no green. */
function gainInWords(one: Pick<BusPriorityRequest, "order" | "endedMs" | "measured">): string {
  if (one.order === 0n || (!one.measured && one.endedMs === 0n)) return "";
  if (!one.measured) return t("priority.later");
  return fill(tOr("priority", `gain-${one.measured.gain}`), { s: Math.round(one.measured.gainS) });
}

/** Empty where nobody is known to have stood longer. */
function costInWords(one: Pick<BusPriorityRequest, "measured">): string {
  const { measured } = one;
  if (!measured || measured.group === 0) return "";
  return t("priority.red", { group: measured.group, s: Math.round(measured.redS), usual: Math.round(measured.usualRedS) });
}
