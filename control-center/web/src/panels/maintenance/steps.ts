// What may be done with a work order now: the hall's steps as buttons, and one form for the note and the version that was seen.
import { Code } from "@connectrpc/connect";

import { codeOf, signedOut } from "../../api";
import { el, setText } from "../../dom";
import { WorkOrderStep, type WorkOrder } from "../../gen/ngatu/v1/maintenance_pb";
import { t, tOr, type Key } from "../../i18n";
import type { Page } from "../panel";
import { field, PATIENCE, put, Status } from "./view";
import { mustNote, refusalInWords, STEPS, wrongNote, type Step } from "./words";

interface Told {
  moved: (order: WorkOrder) => void;
  /** It must be asked for anew. */
  again: () => void;
}

export class StepForm {
  readonly root = el("section", { class: "steps-box" });
  #buttons = el("div", { class: "steps", role: "group", "aria-label": t("maint.steps") });
  #form = el("form", { class: "fields form-box", novalidate: true, hidden: true });
  #will = el("p", { class: "soft wide" });
  #note = el("textarea", { name: "note", rows: 2, maxlength: 500 });
  #noteName = el("span", { class: "name" });
  #assignee = el("input", { type: "text", name: "assignee", maxlength: 64, autocomplete: "off", placeholder: t("maint.assign-me") });
  #assign = field(t("maint.assign"), this.#assignee);
  #go = el("button", { type: "submit", class: "go" });
  #status = new Status();
  #order: WorkOrder | undefined;
  /** The step that the form is open for, and the version that whoever fills it in has been shown. */
  #open: { step: Step; version: number } | undefined;
  #busy = false;
  /** The note as it was sent last was none that the hall takes. */
  #wrong = false;
  /** The hall refused because of the change that comes with the next answer: the words for it stand already. */
  #aborted = false;

  constructor(
    private readonly page: Page,
    private readonly told: Told,
  ) {
    const cancel = el("button", { type: "button", class: "plain" }, t("signal.cancel"));
    cancel.addEventListener("click", () => this.#close());
    this.#form.append(this.#will, this.#assign, el("label", { class: "wide" }, this.#noteName, this.#note), el("div", { class: "actions" }, this.#go, cancel));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      this.#close();
    });
    // What was wrong is being mended; that the order has changed stays true.
    this.#form.addEventListener("input", () => this.#wrong && this.#status.clear());
    this.root.append(this.#buttons, this.#form, this.#status.root);
  }

  /** Another work order, or the same as it is now. What is being typed stays. */
  about(order: WorkOrder | undefined): void {
    if (order?.id !== this.#order?.id) {
      this.#order = order;
      this.#close();
      this.#status.clear();
    }
    this.#order = order;
    const open = this.#open;
    if (open && order && open.version !== order.version) {
      // Whoever types is told before the hall has to refuse it, and has then seen it.
      open.version = order.version;
      const gone = !order.steps.includes(open.step);
      this.#wrong = false;
      if (!this.#busy && (gone || !this.#aborted)) this.#status.say("warn", `▲ ${t(gone ? "maint.step-gone" : "maint.changed")}`);
      this.#aborted = false;
    }
    this.linked();
  }

  linked(): void {
    const live = this.page.link().is === "live";
    const steps = STEPS.filter((step) => this.#order?.steps.includes(step));
    const none = this.#order !== undefined && steps.length === 0;
    put(this.#buttons, none ? [el("span", { class: "soft" }, t("maint.no-steps"))] : steps.map((step) => this.#button(step, live)));
    this.#go.disabled = !live || this.#busy || !this.#open || !this.#order?.steps.includes(this.#open.step);
  }

  #button(step: Step, live: boolean): HTMLElement {
    const button = el("button", { type: "button", class: "plain", "data-key": `step ${step}`, "aria-expanded": String(this.#open?.step === step) }, stepName(step));
    button.disabled = !live || this.#busy;
    button.addEventListener("click", () => this.#begin(step));
    return button;
  }

  #begin(step: Step): void {
    const order = this.#order;
    if (!order) return;
    // What was typed for another step of the same order stays: it may have been meant for this one.
    this.#open = { step, version: order.version };
    this.#status.clear();
    setText(this.#will, t(`maint.will.${step}` as Key));
    setText(this.#noteName, t(mustNote(step) ? "maint.note" : "maint.note-optional"));
    const hint = tOr("maint.note-hint", String(step));
    this.#note.placeholder = hint === String(step) ? "" : hint;
    this.#note.required = mustNote(step);
    this.#assign.hidden = step !== WorkOrderStep.TAKE;
    setText(this.#go, t("maint.send", { step: stepName(step) }));
    this.#form.hidden = false;
    this.linked();
    (step === WorkOrderStep.TAKE ? this.#assignee : this.#note).focus();
    this.#form.scrollIntoView({ block: "nearest" });
  }

  #close(): void {
    const step = this.#open?.step;
    this.#open = undefined;
    this.#form.hidden = true;
    this.#note.value = this.#assignee.value = "";
    this.linked();
    if (step !== undefined) this.#buttons.querySelector<HTMLElement>(`[data-key="step ${step}"]`)?.focus({ preventScroll: true });
  }

  async #send(): Promise<void> {
    const [open, order] = [this.#open, this.#order];
    if (!open || !order || this.#busy || this.#go.disabled) return;
    const note = this.#note.value.trim();
    const wrong = wrongNote(note, mustNote(open.step));
    this.#wrong = wrong !== undefined;
    if (wrong) {
      this.#note.focus();
      return this.#status.say("bad", `✕ ${t(wrong)}`);
    }
    this.#busy = true;
    this.linked();
    this.#status.say("warn", `◌ ${t("maint.sending")}`);
    const { step } = open;
    const assignee = step === WorkOrderStep.TAKE ? this.#assignee.value.trim() : "";
    try {
      const moved = await this.page.maintenance.moveWorkOrder({ id: order.id, step, assignee, note, version: open.version }, PATIENCE);
      this.#busy = false;
      if (this.#order?.id === order.id) {
        this.#close();
        this.#status.say("good", `● ${t(`maint.did.${step}` as Key, { id: String(order.id), user: moved.assignee })}`);
      }
      this.told.moved(moved);
    } catch (error) {
      this.#busy = false;
      if (signedOut(error)) return;
      if (this.#order?.id === order.id) this.#status.say("bad", `✕ ${refusalInWords(error)}`);
      this.#aborted = codeOf(error) === Code.Aborted;
      if (this.#aborted || codeOf(error) === Code.FailedPrecondition) this.told.again();
    } finally {
      this.linked();
    }
  }
}

const stepName = (step: Step): string => t(`maint.step.${step}` as Key);
