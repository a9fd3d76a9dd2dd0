// Faults and work orders in words.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";

import { FaultKind, JunctionHealthSchema, WorkOrderFault, WorkOrderSchema, WorkOrderState, WorkOrderStep } from "../../src/gen/ngatu/v1/maintenance_pb";
import { DICTIONARIES } from "../../src/i18n";
import { sentInWords } from "../../src/panels/junction/mending";
import { codeInWords, dueInWords, faultName, healthInWords, kindName, mending, moveInWords, mustNote, priorityInWords, refusalInWords, stateInWords, STEPS, verdictInWords, wrongNote } from "../../src/panels/maintenance/words";

const NOW = Date.parse("2026-11-27T10:00:00+07:00");
const at = (text: string): bigint => BigInt(Date.parse(`${text}+07:00`));

test.each([
  [FaultKind.SAFETY, "An toàn"],
  [FaultKind.CONTROLLER, "Tủ điều khiển"],
  [FaultKind.LAMP, "Bóng đèn"],
  [FaultKind.DETECTOR, "Cảm biến"],
  [FaultKind.POWER, "Nguồn điện"],
  [FaultKind.DOOR, "Cửa tủ"],
  [FaultKind.CLOCK, "Đồng hồ"],
  [FaultKind.LINK, "Liên lạc"],
  [FaultKind.OTHER, "Khác"],
  [FaultKind.UNSPECIFIED, "Khác"],
  [42 as FaultKind, "Khác"],
])("kind %s of a fault, also one of a newer hall", (kind, want) => {
  expect(kindName(kind)).toBe(want);
});

test.each([
  [FaultKind.CONTROLLER, "A0001", undefined, "A0001 lỗi phần cứng nặng"],
  [FaultKind.CONTROLLER, "A0008", undefined, "A0008 tủ bị treo"],
  [FaultKind.CONTROLLER, "timesShorter", undefined, "thời gian cài trong tủ ngắn hơn khai báo ở trạm"],
  [FaultKind.CONTROLLER, "coordFault", undefined, "coordFault"],
  [FaultKind.LAMP, "A0202", undefined, "A0202 lỗi bóng đèn nhẹ"],
  [FaultKind.DETECTOR, "A0304", undefined, "A0304 lỗi cảm biến nặng, tín hiệu vô lý"],
  [FaultKind.OTHER, "A0777", undefined, "A0777"],
  [FaultKind.DETECTOR, "lockedOn", undefined, "luôn báo có xe"],
  [FaultKind.DETECTOR, "unheardOf", undefined, "unheardOf"],
  [FaultKind.LINK, "gateway", undefined, "trạm không trả lời"],
  [FaultKind.LINK, "unstable", undefined, "chập chờn, mất rồi có nhiều lần"],
  [FaultKind.CLOCK, "ahead", 3_240n, "chạy nhanh 3,2 giây so với trạm"],
  [FaultKind.CLOCK, "behind", -61_000n, "chạy chậm 61,0 giây so với trạm"],
  [FaultKind.CLOCK, "behind", 3_000n, "chạy chậm"],
  [FaultKind.CLOCK, "ahead", undefined, "chạy nhanh"],
  // A name of one kind says nothing in another.
  [FaultKind.POWER, "gateway", undefined, "gateway"],
])("a code of kind %s in words: %s with the clock at %s", (kind, code, clock, want) => {
  expect(codeInWords(kind, code, clock)).toBe(want);
});

test.each([
  [FaultKind.LAMP, "HN+AG0101=001SG001", "Bóng đèn · HN+AG0101=001SG001"],
  [FaultKind.CLOCK, "", "Đồng hồ · cả tủ"],
  [FaultKind.LINK, "unstable", "Liên lạc · đường truyền"],
])("what a fault of kind %s is of: %s", (kind, part, want) => {
  expect(faultName({ kind, part })).toBe(want);
});

test.each([
  [[0n, 0n, 17n], [], "warn ▲ 3 lỗi, 2 chưa có phiếu"],
  [[17n, 18n], [16n], "good ◐ 2 lỗi, đã có phiếu"],
  [[], [16n], "good ◐ không có lỗi lúc này, 1 phiếu đang mở"],
  [[], [], "good ● không có lỗi lúc này"],
])("who is sent for faults with the work orders %s beside %s", (orders, otherWorkOrders, want) => {
  const { kind, text } = sentInWords({ faults: orders.map((workOrder) => ({ workOrder })), otherWorkOrders });
  expect(`${kind} ${text}`).toBe(want);
});

test("every alarm of RSMP that a signal controller has is known in both languages", () => {
  const known = ["A0001", "A0002", "A0003", "A0004", "A0005", "A0006", "A0007", "A0008", "A0009", "A0010", "A0101", "A0201", "A0202", "A0301", "A0302", "A0303", "A0304"];
  for (const words of Object.values(DICTIONARIES))
    expect(Object.keys(words).filter((key) => key.startsWith("rsmp.")).map((key) => key.slice(5)).sort()).toEqual(known);
});

test.each([
  [1, "bad ▲ Cao"],
  [2, "warn △ Trung bình"],
  [3, "soft ▽ Thấp"],
  [0, "soft – mức 0"],
])("priority %s has a sign and a word", (priority, want) => {
  const { kind, text } = priorityInWords(priority);
  expect(`${kind} ${text}`).toBe(want);
});

test.each([
  [{ heardShare: 1, losses: 0 }, ["soft 24 giờ qua nghe được 100 %"]],
  [{ heardShare: 0.99999, losses: 1, clockAheadMs: 40n }, ["soft 24 giờ qua nghe được 99,9 %", "soft mất liên lạc 1 lần", "soft đồng hồ đúng"]],
  [{ heardShare: 0.29, losses: 3, clockAheadMs: -1_500n }, ["warn ▲ 24 giờ qua nghe được 29,0 %", "soft mất liên lạc 3 lần", "soft đồng hồ chậm 1,5 giây"]],
  [{ heardShare: 0, losses: 0 }, ["warn ▲ 24 giờ qua nghe được 0,0 %"]],
])("how a controller was heard: %o", (of, want) => {
  expect(healthInWords(create(JunctionHealthSchema, of)).map(({ kind, text }) => `${kind} ${text}`)).toEqual(want);
});

const { OPEN, TAKEN, DONE, CANCELLED } = WorkOrderState;

test.each([
  [OPEN, "warn ○ Chưa ai nhận"],
  [TAKEN, "good ◐ Đang làm"],
  [DONE, "soft ✓ Đã xong"],
  [CANCELLED, "soft – Đã huỷ"],
])("state %s of a work order", (state, want) => {
  const { kind, text } = stateInWords(state);
  expect(`${kind} ${text}`).toBe(want);
});

test.each([
  [OPEN, at("2026-11-27T13:00:00"), "soft Hạn 13:00:00, còn 3 giờ"],
  [TAKEN, at("2026-11-28T00:10:00"), "soft Hạn 28/11 00:10:00, còn 14 giờ"],
  [TAKEN, at("2026-11-26T08:00:00"), "bad ▲ Quá hạn 26 giờ (hạn 26/11 08:00:00)"],
  [DONE, at("2026-11-26T08:00:00"), "soft Hạn 26/11 08:00:00"],
  [CANCELLED, at("2026-11-26T08:00:00"), "soft Hạn 26/11 08:00:00"],
  [OPEN, 0n, "soft –"],
])("when a work order in state %s is due: %s", (state, dueMs, want) => {
  const { kind, text } = dueInWords(create(WorkOrderSchema, { state, dueMs }), NOW);
  expect(`${kind} ${text}`).toBe(want);
});

test.each([
  [WorkOrderFault.THERE, "soft ● lỗi đang còn, từ 26/11 08:00:00", "soft ● lỗi đang còn"],
  [WorkOrderFault.GONE, "good ✓ lỗi đã hết, lần cuối thấy 26/11 08:00:00", "good ✓ lỗi đã hết"],
  [WorkOrderFault.STILL_THERE, "bad ▲ đã báo xong nhưng lỗi vẫn còn, từ 26/11 08:00:00", "bad ▲ đã báo xong nhưng lỗi vẫn còn"],
  [WorkOrderFault.CAME_BACK, "bad ▲ lỗi trở lại sau khi sửa, từ 26/11 08:00:00", "bad ▲ lỗi trở lại sau khi sửa"],
  [WorkOrderFault.SEEN_BY_PEOPLE, "soft ◌ do người thấy, tủ không báo", "soft ◌ do người thấy, tủ không báo"],
  [WorkOrderFault.UNSPECIFIED, "nothing", "nothing"],
])("what the hall hears of a work order's fault: %s", (fault, known, unknown) => {
  const words = (faultMs: bigint) => {
    const said = verdictInWords(create(WorkOrderSchema, { fault, faultMs }), NOW);
    return said ? `${said.kind} ${said.text}` : "nothing";
  };
  expect([words(at("2026-11-26T08:00:00")), words(0n)]).toEqual([known, unknown]);
});

test.each([
  [WorkOrderStep.OPEN, "", "lan lập phiếu"],
  [WorkOrderStep.OPEN, "tuấn", "lan lập phiếu, giao cho tuấn"],
  [WorkOrderStep.TAKE, "lan", "lan nhận việc"],
  [WorkOrderStep.TAKE, "", "lan nhận việc"],
  [WorkOrderStep.TAKE, "tuấn", "lan giao cho tuấn"],
  [WorkOrderStep.GIVE_BACK, "", "lan trả lại việc"],
  [WorkOrderStep.NOTE, "", "lan ghi chú"],
  [WorkOrderStep.DONE, "", "lan báo xong"],
  [WorkOrderStep.CANCEL, "", "lan huỷ phiếu"],
  [WorkOrderStep.REOPEN, "", "lan mở lại phiếu"],
  [WorkOrderStep.UNSPECIFIED, "", "lan"],
])("who did what: step %s for %s", (step, assignee, want) => {
  expect(moveInWords({ step, user: "lan", assignee })).toBe(want);
});

test("a note is asked for where the hall asks for one, and is as long as it takes", () => {
  expect(STEPS.filter(mustNote)).toEqual([WorkOrderStep.DONE, WorkOrderStep.NOTE, WorkOrderStep.CANCEL, WorkOrderStep.REOPEN]);
  expect([wrongNote("", true), wrongNote("ab", true), wrongNote("abc", true), wrongNote("ấ".repeat(500), true), wrongNote("a".repeat(501), true)]).toEqual(["maint.bad-note", "maint.bad-note", undefined, undefined, "maint.bad-note"]);
  expect([wrongNote("", false), wrongNote("a", false), wrongNote("a".repeat(501), false)]).toEqual([undefined, undefined, "maint.long-note"]);
});

test("what a new work order says before anybody typed, never longer than the hall takes", () => {
  expect(mending({ kind: FaultKind.LAMP, part: "001SG003", codes: ["A0201"], text: "x" })).toBe("Kiểm tra và sửa: Bóng đèn, 001SG003, A0201 lỗi bóng đèn nặng");
  expect(mending({ kind: FaultKind.POWER, part: "", codes: [], text: "UPS on battery" })).toBe("Kiểm tra và sửa: Nguồn điện, UPS on battery");
  expect([...mending({ kind: FaultKind.OTHER, part: "", codes: [], text: "đ".repeat(900) })]).toHaveLength(500);
});

test.each([
  [Code.AlreadyExists, "Đã có phiếu đang mở cho bộ phận này."],
  [Code.PermissionDenied, "Bạn không có quyền bảo trì ở nút này."],
  [Code.FailedPrecondition, "Phiếu đang ở trạng thái không làm được bước này."],
  [Code.Aborted, "Người khác vừa đổi phiếu này. Đã tải lại: hãy xem lại rồi gửi, nếu vẫn cần."],
  [Code.NotFound, "Không tìm thấy phiếu hoặc nút này nữa."],
  [Code.InvalidArgument, "Trung tâm không nhận: x"],
  [Code.DeadlineExceeded, "trung tâm trả lời quá lâu"],
  [Code.Unavailable, "x"],
])("why the hall did not do it, in words: %s", (code, want) => {
  expect(refusalInWords(new ConnectError("x", code))).toBe(want);
});
