// A scripted MaintenanceService for tests of the page: faults of every kind, and work orders that are moved as the hall moves them.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import {
  FaultKind,
  JunctionHealthSchema,
  MaintenanceService,
  WorkOrderFault,
  WorkOrderSchema,
  WorkOrderState,
  WorkOrderStep,
  type JunctionHealth,
  type ListWorkOrdersRequest,
  type MoveWorkOrderRequest,
  type OpenWorkOrderRequest,
  type WorkOrder,
} from "../../src/gen/ngatu/v1/maintenance_pb";

const HOUR = 3_600_000;
const ago = (hours: number): bigint => BigInt(Math.round(Date.now() - hours * HOUR));

const STEPS: Record<WorkOrderState, WorkOrderStep[]> = {
  [WorkOrderState.UNSPECIFIED]: [],
  [WorkOrderState.OPEN]: [WorkOrderStep.TAKE, WorkOrderStep.NOTE, WorkOrderStep.CANCEL],
  [WorkOrderState.TAKEN]: [WorkOrderStep.TAKE, WorkOrderStep.GIVE_BACK, WorkOrderStep.NOTE, WorkOrderStep.DONE, WorkOrderStep.CANCEL],
  [WorkOrderState.DONE]: [WorkOrderStep.REOPEN, WorkOrderStep.NOTE],
  [WorkOrderState.CANCELLED]: [WorkOrderStep.REOPEN, WorkOrderStep.NOTE],
};
const AFTER: Partial<Record<WorkOrderStep, WorkOrderState>> = {
  [WorkOrderStep.TAKE]: WorkOrderState.TAKEN,
  [WorkOrderStep.GIVE_BACK]: WorkOrderState.OPEN,
  [WorkOrderStep.DONE]: WorkOrderState.DONE,
  [WorkOrderStep.CANCEL]: WorkOrderState.CANCELLED,
  [WorkOrderStep.REOPEN]: WorkOrderState.OPEN,
};

export class FixtureMaintenance {
  junctions: JunctionHealth[] = [];
  known = 42;
  /** Newest first. */
  orders: WorkOrder[] = [];
  mayMaintain = true;
  user = "admin";
  /** How often health was asked for. */
  looks = 0;
  listed: ListWorkOrdersRequest[] = [];
  opened: OpenWorkOrderRequest[] = [];
  moved: MoveWorkOrderRequest[] = [];
  /** The next order that is opened or moved is refused so. */
  refuses: ConnectError | undefined;
  /** How long the hall takes to open or move one. */
  delayMs = 0;

  routes(router: ConnectRouter, guard: (context: HandlerContext) => void): void {
    const step = async (context: HandlerContext) => {
      guard(context);
      await new Promise((done) => setTimeout(done, this.delayMs));
      const { refuses } = this;
      this.refuses = undefined;
      if (refuses) throw refuses;
    };
    router.service(MaintenanceService, {
      listHealth: ({ junction }, context) => {
        guard(context);
        this.looks += junction === "" ? 1 : 0;
        const of = (one: JunctionHealth) => Object.assign(one, { mayMaintain: this.mayMaintain });
        const one = this.junctions.find((j) => j.junction === junction) ?? create(JunctionHealthSchema, { junction, name: junction, heardShare: 1 });
        return { junctions: (junction ? [one] : this.junctions).map(of), known: this.known };
      },
      listWorkOrders: (asked, context) => {
        guard(context);
        this.listed.push(asked);
        const open = (o: WorkOrder) => o.state === WorkOrderState.OPEN || o.state === WorkOrderState.TAKEN;
        const workOrders = this.orders.filter((o) => (asked.closedDays > 0 || open(o)) && (!asked.assignee || o.assignee === asked.assignee));
        return { workOrders: workOrders.map((o) => ({ ...o, moves: [], steps: this.#steps(o) })), more: false };
      },
      getWorkOrder: ({ id }, context) => (guard(context), this.#told(this.#find(id))),
      openWorkOrder: async (asked, context) => {
        this.opened.push(asked);
        await step(context);
        const order = workOrder({ id: BigInt(this.orders.length + 101), junction: asked.junction, junctionName: this.junctions.find((j) => j.junction === asked.junction)?.name ?? asked.junction, kind: asked.kind, part: asked.part, openedBy: this.user, openedMs: ago(0),
          moves: [{ atMs: ago(0), user: this.user, step: WorkOrderStep.OPEN, note: asked.note, assignee: asked.assignee }] });
        this.orders.unshift(order);
        for (const fault of this.junctions.find((j) => j.junction === asked.junction)?.faults ?? [])
          if (fault.kind === asked.kind && fault.part === asked.part) fault.workOrder = order.id;
        return this.#told(order);
      },
      moveWorkOrder: async (asked, context) => {
        this.moved.push(asked);
        await step(context);
        const order = this.#find(asked.id);
        if (asked.version !== order.version) throw new ConnectError("somebody else moved it meanwhile", Code.Aborted);
        if (!STEPS[order.state].includes(asked.step)) throw new ConnectError("not in this state", Code.FailedPrecondition);
        this.move(order, asked.step, this.user, asked.note, asked.assignee);
        return this.#told(order);
      },
    });
  }

  /** Somebody took a step. */
  move(order: WorkOrder, step: WorkOrderStep, user: string, note = "", assignee = ""): void {
    const taken = step === WorkOrderStep.TAKE ? assignee || user : "";
    order.moves.push({ $typeName: "ngatu.v1.WorkOrderMove", atMs: ago(0), user, step, assignee: taken, note });
    order.state = AFTER[step] ?? order.state;
    if (step === WorkOrderStep.TAKE) order.assignee = taken;
    if (step === WorkOrderStep.GIVE_BACK || step === WorkOrderStep.REOPEN) order.assignee = "";
    order.version++;
  }

  #steps = (order: WorkOrder): WorkOrderStep[] => (this.mayMaintain ? STEPS[order.state] : []);
  #told = (order: WorkOrder): WorkOrder => ({ ...order, steps: this.#steps(order) });

  #find(id: bigint): WorkOrder {
    const order = this.orders.find((o) => o.id === id);
    if (!order) throw new ConnectError("there is no such work order", Code.NotFound);
    return order;
  }
}

export function workOrder(more: MessageInitShape<typeof WorkOrderSchema>): WorkOrder {
  return create(WorkOrderSchema, { kind: FaultKind.LAMP, priority: 2, state: WorkOrderState.OPEN, openedMs: ago(30), openedBy: "lan", dueMs: BigInt(Date.now() + 20 * HOUR), version: 1, ...more });
}

/** What a Monday morning looks like, the worst first. */
export function health(): JunctionHealth[] {
  const junctions: MessageInitShape<typeof JunctionHealthSchema>[] = [
    { junction: "kim-lien", name: "Kim Liên – Đại Cồ Việt", gateway: "tram-den", heardShare: 0.99976, losses: 2, clockAheadMs: 3_200n, otherWorkOrders: [16n],
      faults: [
        { kind: FaultKind.SAFETY, codes: ["A0006"], text: "conflict monitor: SG1/SG3", priority: 1, beganMs: ago(0.3) },
        { kind: FaultKind.LAMP, part: "HN+AG0101=001SG003", codes: ["A0201", "A0202"], text: "Bóng đèn đỏ hỏng", priority: 2, beganMs: ago(50), workOrder: 17n },
        { kind: FaultKind.DETECTOR, part: "detector 3", codes: ["noHits"], priority: 3, beganMs: ago(26) },
        { kind: FaultKind.CLOCK, codes: ["ahead"], priority: 3, beganMs: ago(5) },
      ] },
    { junction: "nga-tu-so", name: "Ngã Tư Sở", gateway: "tram-so", heardShare: 0.612, losses: 14, faults: [{ kind: FaultKind.LINK, codes: ["controller"], priority: 1, beganMs: ago(1.2), workOrder: 18n }, { kind: FaultKind.LINK, part: "unstable", codes: ["unstable"], priority: 3, beganMs: ago(3) }] },
    { junction: "cua-nam", name: "Cửa Nam", gateway: "tram-den", heardShare: 1, losses: 0, clockAheadMs: 12n,
      faults: [
        { kind: FaultKind.POWER, codes: ["battery"], text: "UPS on battery, 41 min left", priority: 2, beganMs: ago(0.5) },
        { kind: FaultKind.DOOR, part: "HN+AG0102=001TC000", codes: ["A0010"], priority: 3, beganMs: ago(0.1) },
      ] },
    { junction: "dien-bien-phu", name: "Điện Biên Phủ – Trần Phú", gateway: "tram-den", heardShare: 0.974, losses: 1, clockAheadMs: -800n, faults: [] },
  ];
  return junctions.map((j) => create(JunctionHealthSchema, j));
}

const opened = (hours: number, user: string, note: string, assignee = "") => ({ atMs: ago(hours), user, step: WorkOrderStep.OPEN, note, assignee });
const taken = (hours: number, user: string, assignee: string, note = "") => ({ atMs: ago(hours), user, step: WorkOrderStep.TAKE, assignee, note });

/** One of each: fresh, in hand and overdue, seen by people, done in vain, come back, cancelled. */
export function orders(): WorkOrder[] {
  return [
    workOrder({ id: 18n, junction: "nga-tu-so", junctionName: "Ngã Tư Sở", kind: FaultKind.LINK, codes: ["controller"], priority: 1, openedMs: ago(1), dueMs: BigInt(Date.now() + 3 * HOUR), fault: WorkOrderFault.THERE, faultMs: ago(1.2),
      moves: [opened(1, "lan", "Kiểm tra cáp và bộ thu phát ở tủ")] }),
    workOrder({ id: 17n, junction: "kim-lien", junctionName: "Kim Liên – Đại Cồ Việt", part: "HN+AG0101=001SG003", codes: ["A0201"], text: "Bóng đèn đỏ hỏng", openedMs: ago(49), dueMs: ago(25), state: WorkOrderState.TAKEN, assignee: "tuấn", fault: WorkOrderFault.THERE, faultMs: ago(50), version: 3,
      moves: [opened(49, "lan", "Thay bóng đỏ nhóm 3, mang thang 6 m"), taken(40, "lan", "tuấn"), { atMs: ago(20), user: "tuấn", step: WorkOrderStep.NOTE, note: "Hết bóng LED 300 mm trong kho, chờ hàng về." }] }),
    workOrder({ id: 16n, junction: "kim-lien", junctionName: "Kim Liên – Đại Cồ Việt", kind: FaultKind.OTHER, part: "cột đèn phía đông", priority: 3, openedMs: ago(70), dueMs: BigInt(Date.now() + 90 * HOUR), state: WorkOrderState.TAKEN, assignee: "admin", fault: WorkOrderFault.SEEN_BY_PEOPLE, version: 2,
      moves: [opened(70, "lan", "Cột nghiêng sau va chạm với xe tải"), taken(60, "admin", "admin")] }),
    workOrder({ id: 15n, junction: "cua-nam", junctionName: "Cửa Nam", kind: FaultKind.DETECTOR, part: "detector 2", codes: ["chatter"], openedMs: ago(120), dueMs: ago(90), state: WorkOrderState.DONE, assignee: "tuấn", fault: WorkOrderFault.STILL_THERE, faultMs: ago(140), version: 3,
      moves: [opened(120, "lan", "Chỉnh độ nhạy"), taken(119, "tuấn", "tuấn"), { atMs: ago(100), user: "tuấn", step: WorkOrderStep.DONE, note: "đã chỉnh lại độ nhạy vòng từ" }] }),
    workOrder({ id: 14n, junction: "dien-bien-phu", junctionName: "Điện Biên Phủ – Trần Phú", part: "001SG002", codes: ["A0202"], openedMs: ago(200), dueMs: ago(170), state: WorkOrderState.DONE, assignee: "admin", fault: WorkOrderFault.CAME_BACK, faultMs: ago(30), version: 3,
      moves: [opened(200, "lan", "Thay bóng vàng")] }),
    workOrder({ id: 13n, junction: "cua-nam", junctionName: "Cửa Nam", kind: FaultKind.DOOR, openedMs: ago(300), dueMs: ago(200), state: WorkOrderState.CANCELLED, fault: WorkOrderFault.GONE, faultMs: ago(290), version: 2, moves: [opened(300, "lan", "Cửa tủ mở")] }),
  ];
}
