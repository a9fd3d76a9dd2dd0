// The form of a new work order: for a fault that the hall hears of, or for what somebody saw at a junction.
import { signedOut } from "../../api";
import { el, setText } from "../../dom";
import { ageOf, BY_NAME } from "../../format";
import { FaultKind, type ControllerFault, type JunctionHealth, type WorkOrder } from "../../gen/ngatu/v1/maintenance_pb";
import { t } from "../../i18n";
import type { Page } from "../panel";
import { field, PATIENCE, Status } from "./view";
import { faultName, kindName, KINDS, mending, refusalInWords, wrongNote } from "./words";

const HOUR_MS = 3_600_000;
const DUE_H = [2, 4, 24, 72, 168];
/** What the hall takes where nobody says otherwise, by priority. */
const DEFAULT_H: Record<number, number> = { 1: 4, 2: 24, 3: 168 };

/** `fault` none: somebody saw something. */
interface Open {
  junction: string;
  fault?: ControllerFault;
}

interface Told {
  made: (order: WorkOrder) => void;
  /** It may be that the list is no longer as it was. */
  refused: () => void;
}

export class OpenForm {
  readonly root = el("section", { class: "form-box", hidden: true });
  #title = el("h3");
  #form = el("form", { class: "fields", novalidate: true });
  #junction = el("select", { name: "junction" });
  #kind = el("select", { name: "kind" }, el("option", { value: 0 }, t("maint.choose-kind")), ...KINDS.map((kind) => el("option", { value: kind }, kindName(kind))));
  #part = el("input", { type: "text", name: "part", maxlength: 64, autocomplete: "off", placeholder: t("maint.part-hint") });
  #note = el("textarea", { name: "note", rows: 2, maxlength: 500 });
  #due = el("select", { name: "due" });
  #assignee = el("input", { type: "text", name: "assignee", maxlength: 64, autocomplete: "off", placeholder: t("maint.assign-none") });
  #go = el("button", { type: "submit", class: "go" }, t("maint.make"));
  #status = new Status();
  #ofPerson: HTMLElement[];
  #open: Open | undefined;
  #mayNot = false;
  #busy = false;
  /** What had the focus before. */
  #from: HTMLElement | undefined;

  constructor(
    private readonly page: Page,
    private readonly told: Told,
  ) {
    const cancel = el("button", { type: "button", class: "plain" }, t("signal.cancel"));
    cancel.addEventListener("click", () => this.#close());
    this.#ofPerson = [field(t("maint.junction"), this.#junction), field(t("maint.kind"), this.#kind), field(t("maint.part"), this.#part)];
    const note = field(t("maint.note-what"), this.#note);
    note.classList.add("wide");
    this.#form.append(...this.#ofPerson, note, field(t("maint.due"), this.#due), field(t("maint.assign"), this.#assignee), el("div", { class: "actions" }, this.#go, cancel), this.#status.root);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      this.#close();
    });
    // What was wrong is being mended.
    this.#form.addEventListener("input", () => !this.#busy && !this.#mayNot && this.#status.clear());
    this.#junction.addEventListener("change", () => {
      if (this.#open) this.#open.junction = this.#junction.value;
      void this.#askRight();
    });
    this.root.setAttribute("aria-label", t("maint.make"));
    this.root.append(this.#title, this.#form);
  }

  /** For a fault; its kind and part are the hall's. */
  mend(junction: JunctionHealth, fault: ControllerFault): void {
    this.#show({ junction: junction.junction, fault }, t("maint.make-for", { what: `${junction.name}, ${faultName(fault)}` }));
    const hours = DEFAULT_H[fault.priority];
    this.#chooseDue(hours === undefined ? t("maint.due-default") : t("maint.due-default-n", { age: ageOf(hours * HOUR_MS) }));
    this.#note.value = mending(fault);
    this.#note.focus();
    this.#note.select();
  }

  /** For what somebody saw, at the selected junction unless another is chosen. */
  seen(): void {
    const selected = this.page.selected();
    const all = [...this.page.city.junctions.values()].sort((a, b) => BY_NAME.compare(a.name, b.name));
    const id = selected?.kind === "junction" && this.page.city.junctions.has(selected.id) ? selected.id : "";
    this.#junction.replaceChildren(el("option", { value: "" }, t("maint.choose-junction")), ...all.map((j) => el("option", { value: j.id }, j.name)));
    this.#junction.value = id;
    this.#kind.value = "0";
    this.#part.value = this.#note.value = "";
    this.#show({ junction: id }, t("maint.make-seen"));
    this.#chooseDue(t("maint.due-default"));
    (id ? this.#kind : this.#junction).focus();
    void this.#askRight();
  }

  linked(): void {
    this.#go.disabled = this.#busy || this.#mayNot || this.page.link().is !== "live";
  }

  #show(open: Open, title: string): void {
    this.#from = document.activeElement instanceof HTMLElement ? document.activeElement : undefined;
    this.#open = open;
    this.#mayNot = false;
    this.#assignee.value = "";
    for (const part of this.#ofPerson) part.hidden = open.fault !== undefined;
    setText(this.#title, title);
    this.#status.clear();
    this.root.hidden = false;
    this.linked();
  }

  #close(): void {
    this.#open = undefined;
    this.root.hidden = true;
    const key = this.#from?.dataset["key"];
    const again = key === undefined ? this.#from : document.querySelector<HTMLElement>(`.panel-maintenance [data-key="${CSS.escape(key)}"]`);
    again?.focus({ preventScroll: true });
  }

  #chooseDue(byPriority: string): void {
    this.#due.replaceChildren(el("option", { value: 0 }, byPriority), ...DUE_H.map((h) => el("option", { value: h }, t("maint.due-in", { age: ageOf(h * HOUR_MS) }))));
  }

  /** Whether this person may maintain there is known before anything is typed. */
  async #askRight(): Promise<void> {
    const open = this.#open;
    const junction = open?.junction ?? "";
    this.#mayNot = false;
    this.#status.clear();
    this.linked();
    if (!junction || this.page.link().is !== "live") return;
    try {
      const { junctions } = await this.page.maintenance.listHealth({ junction }, PATIENCE);
      if (this.#open !== open || this.#open?.junction !== junction) return;
      this.#mayNot = junctions.some((j) => j.junction === junction && !j.mayMaintain);
      if (this.#mayNot) this.#status.say("bad", `✕ ${t("maint.may-not-here")}`);
      this.linked();
    } catch {
      // the hall says so when the order is sent
    }
  }

  /** What is missing, and where. */
  #wrong(kind: FaultKind, note: string): [text: string, where: HTMLElement] | undefined {
    if (!this.#open?.junction) return [t("maint.bad-junction"), this.#junction];
    if (kind === FaultKind.UNSPECIFIED) return [t("maint.bad-kind"), this.#kind];
    const wrong = wrongNote(note, true);
    return wrong && [t(wrong), this.#note];
  }

  async #send(): Promise<void> {
    const open = this.#open;
    if (!open || this.#busy || this.#go.disabled) return;
    const kind = open.fault?.kind ?? (Number(this.#kind.value) as FaultKind);
    const note = this.#note.value.trim();
    const wrong = this.#wrong(kind, note);
    if (wrong) {
      wrong[1].focus();
      return this.#status.say("bad", `✕ ${wrong[0]}`);
    }
    this.#busy = true;
    this.linked();
    this.#status.say("warn", `◌ ${t("maint.sending")}`);
    const part = open.fault ? open.fault.part : this.#part.value.trim();
    const hours = Number(this.#due.value);
    const dueMs = hours === 0 ? 0n : BigInt(Math.round(this.page.now() + hours * HOUR_MS));
    try {
      const made = await this.page.maintenance.openWorkOrder({ junction: open.junction, kind, part, note, dueMs, assignee: this.#assignee.value.trim() }, PATIENCE);
      if (this.#open === open) this.#close();
      this.told.made(made);
    } catch (error) {
      if (signedOut(error)) return;
      if (this.#open === open) this.#status.say("bad", `✕ ${refusalInWords(error)}`);
      this.told.refused();
    } finally {
      this.#busy = false;
      this.linked();
    }
  }
}
