// A scripted SignalService for tests of the page: a junction that does what it is told a moment later.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import {
  SignalLayoutSchema,
  SignalOrderRowSchema,
  SignalService,
  SignalWish,
  type RequestOrderRequest,
  type SignalOrderRow,
  type SignalRefusal,
} from "../../src/gen/ngatu/v1/signal_pb";

export class FixtureSignals {
  mayOrder = true;
  user = "admin";
  /** Newest first. */
  orders: SignalOrderRow[] = [];
  refusals: Partial<SignalRefusal>[] = [];
  asked: RequestOrderRequest[] = [];

  routes(router: ConnectRouter, guard: (context: HandlerContext) => void): void {
    const layout = create(SignalLayoutSchema, {
      groups: [0, 1, 2, 3].map((i) => ({ onFoot: i === 3, greenMinMs: 5_000n, clearanceMs: i === 3 ? 8_000n : 3_000n, redMaxMs: 120_000n })),
      conflicts: [[1, 3], [2, 3]].map(([ending, beginning]) => ({ ending: ending ?? 0, beginning: beginning ?? 0, intergreenMs: 5_000n })),
      plans: [1, 2, 3],
      allRed: true,
    });
    router.service(SignalService, {
      getJunction: (_, context) => (guard(context), { layout, mayOrder: this.mayOrder }),
      previewOrder: ({ wanted, holdMs }, context) => {
        guard(context);
        const grave = wanted?.wish === SignalWish.FLASH || wanted?.wish === SignalWish.DARK || wanted?.wish === SignalWish.ALL_RED;
        return { refusals: this.refusals as never, needsSecondPerson: grave, endsMs: BigInt(Date.now()) + holdMs, losesGreen: grave ? [1, 4] : [], waits: wanted?.wish === SignalWish.ALL_RED ? [1, 2, 3, 4] : [], replaces: 0n };
      },
      requestOrder: (asked, context) => {
        guard(context);
        this.asked.push(asked);
        const grave = asked.wanted?.wish === SignalWish.FLASH || asked.wanted?.wish === SignalWish.DARK || asked.wanted?.wish === SignalWish.ALL_RED;
        return this.add(asked, this.user, grave ? "waiting" : "done");
      },
      approveOrder: ({ id }, context) => {
        guard(context);
        const row = this.orders.find((order) => order.id === id);
        if (!row) throw new ConnectError("there is no such order", Code.NotFound);
        if (row.askedBy === this.user) throw new ConnectError("whoever asked for it cannot approve it; a second person must", Code.PermissionDenied);
        return Object.assign(row, { state: "done", approvedBy: this.user, detail: "mode flash, plan 1, green" });
      },
      declineOrder: ({ id }, context) => {
        guard(context);
        const row = this.orders.find((order) => order.id === id);
        if (!row) throw new ConnectError("there is no such order", Code.NotFound);
        return Object.assign(row, { state: "declined", detail: `by ${this.user}` });
      },
      listOrders: ({ junction, waiting }, context) => {
        guard(context);
        const orders = this.orders.filter((row) => (!junction || row.junction === junction) && (!waiting || row.state === "waiting"));
        return { orders, mayOrder: this.mayOrder };
      },
    });
  }

  add(asked: Pick<RequestOrderRequest, "junction" | "wanted" | "holdMs" | "purpose">, askedBy: string, state: string, detail = "", agoMs = 0): SignalOrderRow {
    const askedMs = BigInt(Date.now() - agoMs);
    const row = create(SignalOrderRowSchema, {
      id: BigInt(this.orders.length + 1),
      junction: asked.junction,
      ...(asked.wanted ? { wanted: asked.wanted } : {}),
      holdMs: asked.holdMs,
      purpose: asked.purpose,
      askedBy,
      askedMs,
      endsMs: askedMs + asked.holdMs,
      state,
      detail,
      stateMs: askedMs,
    });
    this.orders.unshift(row);
    return row;
  }
}
