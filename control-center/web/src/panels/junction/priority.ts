// Late buses that asked for green at a junction in the last day: how each fared, what it gave and what it cost others.
import { el } from "../../dom";
import { momentOf } from "../../format";
import type { BusPriorityRequest, ListBusPriorityResponse } from "../../gen/ngatu/v1/signal_pb";
import { fill, t, tOr } from "../../i18n";
import type { Page } from "../panel";
import { Asked, PATIENCE } from "./asked";

const HEAD = ["priority.bus", "priority.asked", "priority.outcome", "priority.gave", "priority.cost"] as const;

export class Priority extends Asked<ListBusPriorityResponse> {
  readonly root = el("section", { class: "priority", hidden: true });
  #note = el("p", { class: "soft", role: "status", hidden: true });
  #rows = el("tbody");
  #table = el("table", { class: "counted" }, el("thead", {}, el("tr", {}, ...HEAD.map((key) => el("th", { scope: "col" }, t(key))))), this.#rows);

  constructor(page: Page) {
    super(page);
    this.root.append(el("h3", {}, t("priority.title")), this.#note, this.#table);
  }

  protected ask(junction: string): Promise<ListBusPriorityResponse> {
    return this.page.signals.listBusPriority({ junction }, PATIENCE);
  }

  protected draw({ configured, requests }: ListBusPriorityResponse): void {
    this.root.hidden = !configured && requests.length === 0;
    this.#table.hidden = requests.length === 0;
    this.#note.hidden = requests.length > 0;
    this.#note.replaceChildren(t("priority.none"));
    this.#rows.replaceChildren(...requests.map((one) => this.#row(one)));
  }

  protected failed(why: string): void {
    this.root.hidden = this.#note.hidden = false;
    this.#note.replaceChildren(t("priority.failed", { why }));
  }

  #row(one: BusPriorityRequest): HTMLElement {
    const { sign, kind, text } = outcomeInWords(one);
    const cell = (...parts: (string | HTMLElement)[]) => el("td", {}, ...parts);
    return el("tr", {},
      el("th", { scope: "row" }, `${one.route} `, el("span", { class: "soft" }, one.vehicle)),
      cell(t("priority.late", { time: momentOf(Number(one.askedMs), this.page.now()), min: minutes(one.lateS), m: Math.round(one.toLineM) })),
      cell(el("span", { class: `outcome ${kind}` }, `${sign} ${text}`)),
      cell(gainInWords(one)),
      cell(costInWords(one)));
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

function gainInWords(one: Pick<BusPriorityRequest, "order" | "endedMs" | "measured">): string {
  if (one.order === 0n) return "–";
  if (!one.measured) return one.endedMs === 0n ? "–" : t("priority.later");
  return fill(tOr("priority", `gain-${one.measured.gain}`), { s: Math.round(one.measured.gainS) });
}

function costInWords(one: Pick<BusPriorityRequest, "measured">): string {
  const { measured } = one;
  if (!measured || measured.group === 0) return "–";
  return t("priority.red", { group: measured.group, s: Math.round(measured.redS), usual: Math.round(measured.usualRedS) });
}
