// The controller's own verdict and its alarms, and what may be done with each beside mending it: acknowledge, suspend, resume, with a reason.
import { explain } from "../../api";
import type { Alarm, Junction } from "../../city";
import { el } from "../../dom";
import { SignalAlarmOutcome, SignalAlarmStep, type GetJunctionResponse, type HandleAlarmResponse } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import type { Page } from "../panel";
import { aggregatedInWords, alarmTextInWords, reasonsInWords } from "./words";

/** The hall waits 15 s for the controller's word. */
const PATIENCE = { timeoutMs: 25_000 };
/** RSMP's names of alarms. What the gateway itself finds has others, and ends by itself. */
const CONTROLLERS = /^A\d{4}$/;

const STEPS = { acknowledge: SignalAlarmStep.ACKNOWLEDGE, suspend: SignalAlarmStep.SUSPEND, resume: SignalAlarmStep.RESUME } as const;
type Step = keyof typeof STEPS;

type Can = Pick<GetJunctionResponse, "alarmsCanBeHandled" | "mayHandleAlarms"> | undefined;

export class Alarms {
  readonly root = el("section", { class: "junction-alarms" });
  #verdict = el("p", { class: "verdict", hidden: true });
  #list = el("ul", { class: "alarms" });
  #why = el("p", { class: "soft", hidden: true });
  #said = el("p", { role: "status", hidden: true });
  #form = el("form", { class: "handle", novalidate: true });
  #purpose = el("input", { type: "text", name: "alarm-purpose", maxlength: 200, autocomplete: "off", placeholder: t("alarm.purpose-hint"), "aria-label": t("signal.purpose") });
  #go = el("button", { type: "submit", class: "go" });
  #will = el("p", { class: "soft" });
  /** What the form is open for. */
  #open: { junction: string; alarm: string; code: string; component: string; step: Step } | undefined;
  /** Alarms of which a step is under way. */
  #busy = new Set<string>();
  #junction = "";
  #stamp = "";

  constructor(
    private readonly page: Page,
    private readonly onOpened: () => void,
  ) {
    const cancel = el("button", { type: "button", class: "plain" }, t("signal.cancel"));
    cancel.addEventListener("click", () => this.#close());
    this.#form.append(this.#will, this.#purpose, el("div", { class: "actions" }, this.#go, cancel));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.root.append(this.#verdict, this.#list, this.#why, this.#said);
  }

  /** `known`: the link to hall, gateway and controller is up. */
  render(junction: Junction, known: boolean, can: Can): void {
    if (junction.id !== this.#junction) {
      this.#junction = junction.id;
      this.#close();
      this.#said.hidden = true;
    }
    const verdict = known ? junction.aggregated : undefined;
    const may = known && can?.mayHandleAlarms === true;
    const stamp = JSON.stringify([junction.id, junction.alarms, may, can?.alarmsCanBeHandled, verdict, this.#open, [...this.#busy]]);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#verdict.hidden = verdict === undefined;
    this.#verdict.replaceChildren(...(verdict ? [el("span", { class: "soft" }, t("signal.aggregated")), el("b", {}, aggregatedInWords(verdict))] : []));
    // A link that is away for a moment takes nobody's text.
    const gone = known && can?.mayHandleAlarms !== true;
    if (this.#open && (gone || !junction.alarms.some((alarm) => nameOf(alarm) === this.#open?.alarm))) this.#close();
    const typing = this.#form.contains(document.activeElement) ? (document.activeElement as HTMLElement) : undefined;
    const rows = junction.alarms.map((alarm) => this.#row(alarm, may));
    this.#list.replaceChildren(...(rows.length ? rows : [el("li", { class: "soft" }, t("field.no-alarms"))]));
    this.#go.disabled = !may || (this.#open !== undefined && this.#busy.has(keyOf(this.#open)));
    typing?.focus();
    const cannot = rows.length > 0 && can !== undefined && !can.alarmsCanBeHandled;
    this.#why.hidden = !cannot;
    this.#why.replaceChildren(t("alarm.cannot"));
  }

  #row(alarm: Alarm, may: boolean): HTMLElement {
    const marks = [
      ...(alarm.active ? [] : [t("alarm.over")]),
      ...(alarm.acknowledged ? [t("alarm.acknowledged")] : []),
      ...(alarm.suspended ? [t("alarm.suspended")] : []),
    ];
    const weight = alarm.suspended || !alarm.active ? "soft" : alarm.acknowledged ? "known" : "";
    const row = el("li", { class: weight },
      el("span", { class: "what" }, `${alarm.suspended ? "◌" : "▲"} ${alarmInWords(alarm)}`),
      marks.length > 0 && el("span", { class: "marks soft" }, marks.join(" · ")));
    if (may && CONTROLLERS.test(alarm.code)) {
      const steps: Step[] = [...(alarm.acknowledged ? [] : (["acknowledge"] as const)), alarm.suspended ? "resume" : "suspend"];
      row.append(el("span", { class: "steps" }, ...steps.map((step) => this.#button(alarm, step))));
    }
    if (this.#open?.alarm === nameOf(alarm)) row.append(this.#form);
    return row;
  }

  #button(alarm: Alarm, step: Step): HTMLElement {
    const label = `${t(`alarm.${step}`)}: ${alarm.code} ${alarm.component}`;
    const button = el("button", { type: "button", class: "chip", "aria-label": label }, t(`alarm.${step}`));
    button.disabled = this.#busy.has(keyOf({ junction: this.#junction, alarm: nameOf(alarm) }));
    button.addEventListener("click", () => {
      const { code, component } = alarm;
      this.#open = { junction: this.#junction, alarm: nameOf(alarm), code, component, step };
      this.#said.hidden = true;
      this.#purpose.value = "";
      this.#go.disabled = false;
      this.#go.replaceChildren(t(`alarm.${step}-sure`));
      this.#will.replaceChildren(t(`alarm.will-${step}`));
      this.onOpened();
      this.#purpose.focus();
    });
    return button;
  }

  #close(): void {
    this.#open = undefined;
    this.#form.remove();
  }

  async #send(): Promise<void> {
    const open = this.#open;
    if (!open || this.#go.disabled) return;
    const purpose = this.#purpose.value.trim();
    if (purpose.length < 3) {
      this.#purpose.focus();
      return this.#say("bad", `✕ ${t("signal.bad-purpose")}`);
    }
    this.#busy.add(keyOf(open));
    this.#go.disabled = true;
    this.#say("warn", `◌ ${t("alarm.sending")}`);
    const { junction, code, component, step } = open;
    let said: { kind: Kind; text: string };
    try {
      said = outcomeInWords(step, code, await this.page.signals.handleAlarm({ junction, code, component, step: STEPS[step], purpose }, PATIENCE));
    } catch (error) {
      said = { kind: "bad", text: `✕ ${code}: ${explain(error)}` };
    }
    this.#busy.delete(keyOf(open));
    // The operator looks at another junction by now.
    if (junction !== this.#junction) return;
    if (this.#open === open) {
      this.#go.disabled = false;
      if (said.kind === "good") this.#close();
    }
    this.#say(said.kind, said.text);
  }

  #say(kind: Kind, text: string): void {
    this.#said.hidden = false;
    this.#said.className = `outcome ${kind}`;
    this.#said.replaceChildren(text);
  }
}

type Kind = "good" | "warn" | "bad";

const keyOf = ({ junction, alarm }: { junction: string; alarm: string }) => `${junction} ${alarm}`;
const nameOf = (alarm: Pick<Alarm, "code" | "component">) => `${alarm.code} ${alarm.component}`;

/** `A0202 Bóng đèn hỏng (HN+A=001SG001)`: which, and of what. */
export function alarmInWords(alarm: Pick<Alarm, "code" | "component" | "description">): string {
  const text = alarmTextInWords(alarm.code, alarm.description);
  if (!text) return `${alarm.code} ${alarm.component}`;
  return alarm.component ? `${alarm.code} ${text} (${alarm.component})` : `${alarm.code} ${text}`;
}

export function outcomeInWords(step: Step, code: string, answer: Pick<HandleAlarmResponse, "outcome" | "detail">): { kind: Kind; text: string } {
  const why = reasonsInWords(answer.detail);
  switch (answer.outcome) {
    case SignalAlarmOutcome.DONE:
      return { kind: "good", text: `● ${t(`alarm.done-${step}`, { code })}` };
    case SignalAlarmOutcome.REFUSED:
      return { kind: "bad", text: `✕ ${t("alarm.refused", { code, why })}` };
    case SignalAlarmOutcome.SILENT:
    case SignalAlarmOutcome.UNSPECIFIED:
      return { kind: "warn", text: `▲ ${t("alarm.silent", { code, why })}` };
  }
}
