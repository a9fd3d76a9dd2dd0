// Both languages say the same things.
import { outcomeInWords } from "../../src/panels/junction/words";
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
