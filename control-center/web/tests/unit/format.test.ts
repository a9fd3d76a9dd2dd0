// Numbers and times as people in Hanoi write them, wherever the browser stands.
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  localStorage.clear();
  vi.resetModules();
});

const AT = Date.parse("2026-11-22T16:05:09Z"); // 23:05:09 in Hanoi

test.each([
  ["vi", "23:05:09", "12.345", "4,5", "2 phút", "21/11 23:05:09"],
  ["en", "23:05:09", "12,345", "4.5", "2 min", "21/11 23:05:09"],
])("%s", async (language, time, whole, part, age, yesterday) => {
  localStorage.setItem("ngatu.language", language);
  const f = await import("../../src/format");
  expect(f.timeOf(AT)).toBe(time);
  expect(f.integer(12_345)).toBe(whole);
  expect(f.oneDecimal(4.52)).toBe(part);
  expect(f.ageOf(120_000)).toBe(age);
  expect(f.momentOf(AT - 86_400_000, AT)).toBe(yesterday);
  expect(f.momentOf(AT, AT)).toBe(time);
  expect(f.toInput(AT)).toBe("2026-11-22T23:05");
  expect(f.fromInput("2026-11-22T23:05")).toBe(AT - 9_000);
});
