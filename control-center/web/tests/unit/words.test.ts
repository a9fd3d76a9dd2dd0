// Both languages say the same things.
import { create } from "@bufbuild/protobuf";

import { SignalAggregatedSchema, SignalAlarmOutcome } from "../../src/gen/ngatu/v1/signal_pb";
import { alarmInWords, outcomeInWords as alarmOutcome } from "../../src/panels/junction/alarms";
import { aggregatedInWords, alarmTextInWords, cycleInWords, outcomeInWords } from "../../src/panels/junction/words";
import { expect, test } from "vitest";

import { DICTIONARIES, fill } from "../../src/i18n";

test("both dictionaries have the same keys", () => {
  expect(Object.keys(DICTIONARIES.en).sort()).toEqual(Object.keys(DICTIONARIES.vi).sort());
});

test("a text names the same values in both languages", () => {
  const holes = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(DICTIONARIES.vi)) {
    expect(holes(DICTIONARIES.en[key as keyof typeof DICTIONARIES.en]), key).toEqual(holes(text));
  }
});

test("no text is empty, none is left untranslated by mistake", () => {
  const same = new Set(["Camera"]);
  for (const [key, text] of Object.entries(DICTIONARIES.vi)) {
    expect(text.trim(), key).not.toBe("");
    const english: string = DICTIONARIES.en[key as keyof typeof DICTIONARIES.en];
    if (english === text && !/^\{|km\/h/.test(text)) expect(same.has(text), `${key}: ${text}`).toBe(true);
  }
});

test("values fill their places, once, as they are", () => {
  expect(fill("{a} và {b}, {c}", { a: "{b}", b: 2 })).toBe("{b} và 2, {c}");
});

test.each([
  ["refused", "signal group 1 has its minimum green until 1795669536756; a change is under way: signal group 2 is not at rest yet", "Bị từ chối · nhóm 1 chưa hết xanh tối thiểu (đến 12:05:36); nhóm 2 đang chuyển đèn"],
  ["done", "mode normal, plan 2 (ordered), green 1 4", "Tủ đang thực hiện (đã đọc lại) · chương trình 2 (theo lệnh), xanh: nhóm 1, 4"],
  ["done", "mode flash, plan 1, green ", "Tủ đang thực hiện (đã đọc lại) · chế độ Nháy vàng"],
  ["ended", "link_loss", "Đã hết, nút chạy chương trình riêng · mất liên lạc với trung tâm"],
  ["silent", "the gateway's answer was not heard", "Không trả lời · trạm không trả lời"],
  ["declined", "by lan", "Không được duyệt · bởi lan"],
  ["refused", "what nobody foresaw", "Bị từ chối · what nobody foresaw"],
])("what became of an order, in words: %s %s", (state, detail, want) => {
  expect(outcomeInWords({ state, detail })).toBe(want);
});

test.each([
  [{ inUse: true }, "có kết nối, đang điều khiển"],
  [{ lowPriorityFault: true, highPriorityFault: true, localMode: true }, "▲ lỗi nặng, ngừng hoạt động; △ lỗi nhẹ, cần sửa; đang điều khiển tại chỗ (ở tủ)"],
  [{ idle: true, position: "start", state: "x" }, "có kết nối, đang nghỉ; vị trí chức năng: start; trạng thái chức năng: x"],
  [{}, "không nói gì"],
])("the controller's own verdict, worst first: %s", (bits, want) => {
  expect(aggregatedInWords(create(SignalAggregatedSchema, bits))).toBe(want);
});

test("the cycle goes on between two reports, and stands where its length is not told", () => {
  const told = 1_795_669_536_000;
  const now = { cycleS: 60, cycleMs: BigInt(told), cycleLengthS: 70 };
  expect(cycleInWords(now, told + 5_400)).toBe(" · giây 65 / 70 của chu kỳ");
  expect(cycleInWords(now, told + 12_000)).toBe(" · giây 2 / 70 của chu kỳ");
  expect(cycleInWords(now, told - 3_000)).toBe(" · giây 60 / 70 của chu kỳ");
  expect(cycleInWords({ ...now, cycleLengthS: undefined }, told + 9_000)).toMatch(/^ · giây 60 của chu kỳ lúc \d\d:\d\d:36$/);
  expect(cycleInWords({ cycleMs: 0n }, told)).toBe("");
});

test.each([
  [SignalAlarmOutcome.DONE, "", "good ● A0202: tủ báo đã tạm ngưng."],
  [SignalAlarmOutcome.REFUSED, "NTCIP 1202 offers no way to acknowledge, suspend or resume alarms", "bad ✕ A0202: không thực hiện được: loại tủ này không nhận xác nhận, tạm ngưng hay theo dõi lại báo động"],
  [SignalAlarmOutcome.REFUSED, "SPaT is a broadcast: nothing can be asked of it", "bad ✕ A0202: không thực hiện được: loại tủ này không nhận xác nhận, tạm ngưng hay theo dõi lại báo động"],
  [SignalAlarmOutcome.SILENT, "the gateway did not answer", "warn ▲ A0202: chưa rõ đã thực hiện hay chưa: trạm không trả lời. Nếu tủ trả lời muộn, trạng thái của báo động sẽ đổi."],
])("what became of an alarm that was to be suspended: %s %s", (outcome, detail, want) => {
  const { kind, text } = alarmOutcome("suspend", "A0202", { outcome, detail });
  expect(`${kind} ${text}`).toBe(want);
});

test("an alarm's name has what it is of", () => {
  expect(alarmInWords({ code: "A1", component: "SG1", description: "" })).toBe("A1 SG1");
  expect(alarmInWords({ code: "A1", component: "SG1", description: "x" })).toBe("A1 x (SG1)");
});

test.each([
  ["timesShorter", "yellow 2.5 s (configured 3 s); walk 4 s (configured 5 s)", "thời gian cài trong tủ ngắn hơn khai báo ở trạm: vàng 2,5 s (khai báo 3 s); xanh người đi bộ 4 s (khai báo 5 s)"],
  ["timesShorter", "something else", "thời gian cài trong tủ ngắn hơn khai báo ở trạm: something else"],
  ["preempt", "a preempt, as for a train", "tín hiệu ưu tiên (tàu hỏa, xe ưu tiên) đang chiếm nút, tủ có thể không làm theo lệnh"],
  ["A0202", "Lamp broken; in part", "Lamp broken; in part"],
])("what a gateway finds itself is told in the page's language: %s %s", (code, description, want) => {
  expect(alarmTextInWords(code, description)).toBe(want);
});
