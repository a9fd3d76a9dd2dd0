// Under the alarms: whether somebody is sent for what is wrong here, how well the controller is heard, and the way to its work orders.
import { el } from "../../dom";
import { integer } from "../../format";
import type { JunctionHealth, ListHealthResponse } from "../../gen/ngatu/v1/maintenance_pb";
import { t } from "../../i18n";
import { healthInWords } from "../maintenance/words";
import { Asked, PATIENCE } from "./asked";

export class Mending extends Asked<ListHealthResponse> {
  readonly root = el("p", { class: "mending", role: "status", hidden: true });

  protected ask(junction: string): Promise<ListHealthResponse> {
    return this.page.maintenance.listHealth({ junction }, PATIENCE);
  }

  protected draw({ junctions: [health] }: ListHealthResponse): void {
    this.root.hidden = health === undefined;
    if (!health) return;
    const open = el("button", { type: "button", class: "plain" }, t("mending.open"));
    open.addEventListener("click", () => this.page.show("maintenance"));
    const sent = sentInWords(health);
    this.root.replaceChildren(
      el("span", { class: "soft" }, `${t("panel.maintenance")}: `),
      el("span", { class: `outcome ${sent.kind}` }, sent.text),
      " · ",
      el("span", { class: "soft" }, healthInWords(health).map(({ text }) => text).join(" · ")),
      " ",
      open,
    );
  }

  protected failed(why: string): void {
    this.root.hidden = false;
    this.root.replaceChildren(t("mending.failed", { why }));
  }
}

/** `▲ 3 lỗi, 2 chưa có phiếu`, `◐ 1 lỗi, đã có phiếu`. */
export function sentInWords({ faults, otherWorkOrders }: Pick<JunctionHealth, "otherWorkOrders"> & { faults: Pick<JunctionHealth["faults"][number], "workOrder">[] }): { kind: string; text: string } {
  const [n, without] = [faults.length, faults.filter((fault) => fault.workOrder === 0n).length];
  if (without > 0) return { kind: "warn", text: `▲ ${t("mending.without", { n: integer(n), without: integer(without) })}` };
  if (n > 0) return { kind: "good", text: `◐ ${t("mending.with", { n: integer(n) })}` };
  if (otherWorkOrders.length > 0) return { kind: "good", text: `◐ ${t("mending.other", { n: integer(otherWorkOrders.length) })}` };
  return { kind: "good", text: `● ${t("mending.none")}` };
}
