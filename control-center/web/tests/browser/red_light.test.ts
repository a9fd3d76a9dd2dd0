// A red light that was run, opened: three pictures, the lamp's trace and both clocks' errors, in Vietnamese and English.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { axe, launch, LAPTOP, PHONE } from "./browser";
import { redLight, rule, snapshot } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { drawJpeg, openPage } from "./steps";

let hall: FixtureHall;
let browser: Browser;
let jpeg: Uint8Array;
let page: Page | undefined;
let asked: number[];

beforeAll(async () => {
  browser = await launch();
  jpeg = await drawJpeg(browser);
});
afterAll(() => browser.close());

beforeEach(async () => {
  hall = new FixtureHall();
  asked = [];
  hall.snapshot = snapshot;
  const at = Date.UTC(2026, 10, 26, 3, 4, 5, 678);
  hall.events = [redLight(12, at), rule(11, at - 9_000, { rule: "wrong_way" })];
  hall.still = (seq, part) => (seq === 12n && asked.push(part), jpeg);
  await hall.start();
});
afterEach(async () => {
  await page?.context().close();
  page = undefined;
  await hall.stop();
});

async function opened(language: "vi" | "en", viewport = LAPTOP): Promise<Page> {
  page = await openPage(browser, hall.url, PASSWORD, { viewport, language });
  if (viewport === PHONE) await page.click(".bar [aria-controls=panel-events]");
  await page.click(".rows li:first-child button");
  await page.waitForSelector(".proof:not([hidden])");
  await expect.poll(() => page?.locator(".proof canvas:not([hidden])").count()).toBe(3);
  return page;
}

const texts = (p: Page, selector: string) => p.locator(selector).allInnerTexts();

test("three pictures in the order of the street, the lamp and the errors", async () => {
  const p = await opened("vi");
  expect(await p.locator("#still-title").innerText()).toBe("Vượt đèn đỏ");
  expect(asked.sort()).toEqual([0, 1, 2]);
  expect(await texts(p, ".proof figcaption")).toEqual(["Trước vạch 10:04:05,208", "Tại vạch 10:04:05,708", "Sau vạch 10:04:06,088"]);
  expect(await p.locator(".proof .lead").innerText()).toBe(
    "Lúc xe qua vạch đèn đã đỏ 1,97 s ± 0,29 s. Trừ hết sai số, đèn đã đỏ ít nhất 1,21 s khi đầu xe tới vạch.",
  );
  const boxes = await p.locator(".proof figure").evaluateAll((all) => all.map((f) => f.getBoundingClientRect()).map((r) => [r.x, r.y]));
  expect(boxes[0]![1]).toBe(boxes[2]![1]);
  expect(boxes[0]![0]).toBeLessThan(boxes[1]![0]!);
  // Green, yellow, red; the picture of each moment is on the strip.
  const kinds = await p.locator(".lamp-strip rect").evaluateAll((all) => all.map((r) => r.getAttribute("class")));
  expect(kinds.filter((kind) => !["unsure", "passage"].includes(kind ?? ""))).toEqual(["green", "yellow", "red"]);
  expect(await p.locator(".lamp-strip .shot-mark").count()).toBe(3);
  expect(await p.locator(".lamp-strip svg").getAttribute("aria-label")).toContain("đỏ 1,97 s ± 0,29 s");
  await p.click(".proof summary");
  expect(await texts(p, ".lamp-table tbody tr:last-child td")).toEqual(["■ Đỏ (B)", "10:04:03,708 … 10:04:03,738", "10:04:06,908"]);
  const facts = await texts(p, ".still dd");
  expect(facts).toContain("± 0,06 s");
  expect(facts).toContain("Kim Liên – Đại Cồ Việt · Nhóm 3");
  expect(await axe(p)).toEqual([]);
  // The next event has one picture, and this one has three again.
  await p.keyboard.press("ArrowDown");
  await p.waitForSelector(".still .picture canvas:not([hidden])");
  expect(await p.locator(".proof:not([hidden])").count()).toBe(0);
  await p.keyboard.press("ArrowUp");
  await p.waitForSelector(".proof:not([hidden])");
});

test("in English, and a picture that is not the one of the event says so", async () => {
  hall.still = (_, part) => {
    if (part === 2) throw new ConnectError("another picture", Code.DataLoss);
    return jpeg;
  };
  page = await openPage(browser, hall.url, PASSWORD, { viewport: LAPTOP, language: "en" });
  await page.click(".rows li:first-child button");
  await expect.poll(() => page?.locator(".proof canvas:not([hidden])").count()).toBe(2);
  expect(await page.locator("#still-title").innerText()).toBe("Ran a red light");
  expect(await page.locator(".proof .lead").innerText()).toContain("red for 1.97 s ± 0.29 s");
  expect(await page.locator(".proof .notice:not([hidden])").innerText()).toContain("It is no evidence.");
});

test("on a phone the pictures stand one below the other and nothing is wider than the screen", async () => {
  const p = await opened("vi", PHONE);
  const wide = await p.locator(".still.proven").evaluate((node) => node.scrollWidth - node.clientWidth);
  expect(wide).toBeLessThanOrEqual(0);
  const tops = await p.locator(".proof figure").evaluateAll((all) => all.map((f) => f.getBoundingClientRect().top));
  expect(tops[0]).toBeLessThan(tops[1]!);
  expect(await axe(p)).toEqual([]);
});
