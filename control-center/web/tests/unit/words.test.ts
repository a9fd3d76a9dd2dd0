// Both languages say the same things.
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
