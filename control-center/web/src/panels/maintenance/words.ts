// Faults, work orders and their steps in words: what a controller's codes mean, how urgent, how late, what the hall hears.
import { Code } from "@connectrpc/connect";

import { codeOf, explain } from "../../api";
import { ageOf, integer, momentOf, oneDecimal } from "../../format";
import {
  FaultKind,
  WorkOrderFault,
  WorkOrderState,
  WorkOrderStep,
  type ControllerFault,
  type JunctionHealth,
  type WorkOrder,
  type WorkOrderMove,
} from "../../gen/ngatu/v1/maintenance_pb";
import { t, tOr, type Key } from "../../i18n";

/** A text with its sign, and how it looks beside them. */
export interface Said {
  kind: "good" | "warn" | "bad" | "soft";
  text: string;
}

export const KINDS = [FaultKind.SAFETY, FaultKind.CONTROLLER, FaultKind.LAMP, FaultKind.DETECTOR, FaultKind.POWER, FaultKind.DOOR, FaultKind.CLOCK, FaultKind.LINK, FaultKind.OTHER] as const;
/** Kinds of a newer hall count as others. */
export const kindName = (kind: FaultKind): string => t(`fault.${KINDS.some((k) => k === kind) ? kind : FaultKind.OTHER}` as Key);

/** Steps that somebody takes with a work order, in the order of their buttons. */
export const STEPS = [WorkOrderStep.TAKE, WorkOrderStep.DONE, WorkOrderStep.NOTE, WorkOrderStep.GIVE_BACK, WorkOrderStep.CANCEL, WorkOrderStep.REOPEN] as const;
export type Step = (typeof STEPS)[number];
const NOTED: readonly WorkOrderStep[] = [WorkOrderStep.DONE, WorkOrderStep.CANCEL, WorkOrderStep.REOPEN, WorkOrderStep.NOTE];
export const mustNote = (step: Step): boolean => NOTED.includes(step);

/** What is wrong with a note; characters as people count them. */
export function wrongNote(note: string, required: boolean): Key | undefined {
  const length = [...note].length;
  if (length > 500) return required ? "maint.bad-note" : "maint.long-note";
  return required && length < 3 ? "maint.bad-note" : undefined;
}

const seconds = (ms: bigint): string => oneDecimal(Math.abs(Number(ms)) / 1000);

/** `A0201 lỗi bóng đèn nặng`: a controller's own name stays, with its meaning behind it; rules of the hall and the gateway are words alone. */
export function codeInWords(kind: FaultKind, code: string, clockAheadMs?: bigint): string {
  if (/^A\d{4}$/.test(code)) {
    const meaning = tOr("rsmp", code);
    return meaning === code ? code : `${code} ${meaning}`;
  }
  if (kind === FaultKind.LINK) return tOr("fault-link", code);
  if (kind === FaultKind.DETECTOR) {
    const meaning = tOr("advice", `fault-${code}`);
    return meaning === `fault-${code}` ? code : meaning;
  }
  // The clock as told last may have been set since the fault was found: only one that is wrong in the same direction is its measure.
  if (kind === FaultKind.CLOCK && (code === "ahead" || code === "behind")) {
    const measured = clockAheadMs !== undefined && (code === "ahead" ? clockAheadMs > 0n : clockAheadMs < 0n);
    return measured ? t(`fault-clock.${code}-by`, { s: seconds(clockAheadMs) }) : t(`fault-clock.${code}`);
  }
  // What the gateway finds of controllers itself: times that are not as configured, preempts.
  const meaning = tOr("alarm", `is-${code}`);
  return meaning === `is-${code}` ? code : meaning;
}

type What = Pick<ControllerFault, "kind" | "part" | "codes">;

export const codesInWords = ({ kind, codes }: What, clockAheadMs?: bigint): string => codes.map((code) => codeInWords(kind, code, clockAheadMs)).join("; ");

/** A link that is lost again and again is a part of its own, for which a work order stays open while the link is up. */
const UNSTABLE = "unstable";
export const partInWords = (part: string): string => (part === UNSTABLE ? t("maint.link-part") : part || t("maint.whole"));

/** `Bóng đèn · HN+AG0101=001SG001`. */
export const faultName = ({ kind, part }: Pick<What, "kind" | "part">): string => `${kindName(kind)} · ${partInWords(part)}`;

/** What the note of a new work order says before anybody typed. */
export function mending(fault: What & Pick<ControllerFault, "text">): string {
  const what = [kindName(fault.kind), fault.part && partInWords(fault.part), codesInWords(fault) || fault.text].filter(Boolean).join(", ");
  return [...t("maint.note-mend", { what })].slice(0, 500).join("");
}

export function priorityInWords(priority: number): Said {
  if (priority === 1) return { kind: "bad", text: `▲ ${t("maint.priority.1")}` };
  if (priority === 2) return { kind: "warn", text: `△ ${t("maint.priority.2")}` };
  if (priority === 3) return { kind: "soft", text: `▽ ${t("maint.priority.3")}` };
  return { kind: "soft", text: `– ${t("maint.priority-other", { n: integer(priority) })}` };
}

/** How it was heard in the last day, and its clock; what is not right by a weight. */
export function healthInWords({ heardShare, losses, clockAheadMs }: Pick<JunctionHealth, "heardShare" | "losses" | "clockAheadMs">): Said[] {
  // Never rounded up: 100 % says that nothing was missed.
  const share = Math.floor(heardShare * 1000 + 1e-6) / 10;
  const heard = t("maint.heard", { share: share === 100 ? "100" : oneDecimal(share) });
  const said: Said[] = [{ kind: share < 95 ? "warn" : "soft", text: `${share < 95 ? "▲ " : ""}${heard}` }];
  if (losses > 0) said.push({ kind: "soft", text: t("maint.losses", { n: integer(losses) }) });
  if (clockAheadMs !== undefined) {
    const off = clockAheadMs >= 100n ? "maint.clock-ahead" : clockAheadMs <= -100n ? "maint.clock-behind" : undefined;
    said.push({ kind: "soft", text: off ? t(off, { s: seconds(clockAheadMs) }) : t("maint.clock-right") });
  }
  return said;
}

export function stateInWords(state: WorkOrderState): Said {
  switch (state) {
    case WorkOrderState.OPEN:
      return { kind: "warn", text: `○ ${t("maint.state.1")}` };
    case WorkOrderState.TAKEN:
      return { kind: "good", text: `◐ ${t("maint.state.2")}` };
    case WorkOrderState.DONE:
      return { kind: "soft", text: `✓ ${t("maint.state.3")}` };
    case WorkOrderState.CANCELLED:
      return { kind: "soft", text: `– ${t("maint.state.4")}` };
    case WorkOrderState.UNSPECIFIED:
      return { kind: "soft", text: "?" };
  }
}

export const isClosed = ({ state }: Pick<WorkOrder, "state">): boolean => state === WorkOrderState.DONE || state === WorkOrderState.CANCELLED;
export const isOverdue = (order: Pick<WorkOrder, "state" | "dueMs">, nowMs: number): boolean => !isClosed(order) && order.dueMs > 0n && Number(order.dueMs) < nowMs;

export function dueInWords(order: Pick<WorkOrder, "state" | "dueMs">, nowMs: number): Said {
  const due = Number(order.dueMs);
  if (due === 0) return { kind: "soft", text: "–" };
  const time = momentOf(due, nowMs);
  if (isClosed(order)) return { kind: "soft", text: t("maint.due-at", { time }) };
  if (isOverdue(order, nowMs)) return { kind: "bad", text: `▲ ${t("maint.overdue", { age: ageOf(nowMs - due), time })}` };
  return { kind: "soft", text: t("maint.due-left", { time, age: ageOf(due - nowMs) }) };
}

/** What the hall hears of its fault; nothing where it says nothing. */
export function verdictInWords({ fault, faultMs }: Pick<WorkOrder, "fault" | "faultMs">, nowMs: number): Said | undefined {
  const time = momentOf(Number(faultMs), nowMs);
  const since = (n: 1 | 2 | 3 | 4) => (faultMs > 0n ? t(`maint.verdict.${n}-since`, { time }) : t(`maint.verdict.${n}`));
  switch (fault) {
    case WorkOrderFault.THERE:
      return { kind: "soft", text: `● ${since(1)}` };
    case WorkOrderFault.GONE:
      return { kind: "good", text: `✓ ${since(2)}` };
    case WorkOrderFault.STILL_THERE:
      return { kind: "bad", text: `▲ ${since(3)}` };
    case WorkOrderFault.CAME_BACK:
      return { kind: "bad", text: `▲ ${since(4)}` };
    case WorkOrderFault.SEEN_BY_PEOPLE:
      return { kind: "soft", text: `◌ ${t("maint.verdict.5")}` };
    case WorkOrderFault.UNSPECIFIED:
      return undefined;
  }
}

/** `lan giao cho tuấn`: who did what. */
export function moveInWords({ step, user, assignee }: Pick<WorkOrderMove, "step" | "user" | "assignee">): string {
  const given = (step === WorkOrderStep.TAKE && assignee !== "" && assignee !== user) || (step === WorkOrderStep.OPEN && assignee !== "");
  const key = `${step}${given ? "-to" : ""}`;
  const text = tOr("maint.moved", key);
  return text === key ? user : t(`maint.moved.${key}` as Key, { user, assignee });
}

/** Why the hall did not do it. */
export function refusalInWords(error: unknown): string {
  switch (codeOf(error)) {
    case Code.AlreadyExists:
      return t("maint.refused.exists");
    case Code.PermissionDenied:
      return t("maint.refused.may-not");
    case Code.FailedPrecondition:
      return t("maint.refused.state");
    case Code.Aborted:
      return t("maint.refused.moved");
    case Code.NotFound:
      return t("maint.refused.gone");
    case Code.InvalidArgument:
      return t("maint.refused.asked", { why: explain(error) });
    default:
      return explain(error);
  }
}
