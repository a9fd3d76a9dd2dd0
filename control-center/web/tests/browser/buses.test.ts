// The bus panel of the built page in a real browser against a scripted hall.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { axe, launch, PHONE, WIDE } from "./browser";
import { snapshot } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { openPage, settled } from "./steps";

const folder = process.env["LOOK"];
let hall: FixtureHall;
let browser: Browser;
let page: Page | undefined;

beforeAll(async () => void (browser = await launch()));
afterAll(() => browser.close());
beforeEach(async () => {
  hall = new FixtureHall();
  hall.snapshot = snapshot;
  await hall.start();
});
afterEach(async () => {
  await page?.context().close();
  page = undefined;
  await hall.stop();
});

const look = async (p: Page, name: string) => void (folder && (await p.screenshot({ path: `${folder}/buses-${name}.png` })));

async function open(viewport = WIDE, language: "vi" | "en" = "vi"): Promise<Page> {
  page = await openPage(browser, hall.url, PASSWORD, { viewport, language });
  await page.click(`${viewport === PHONE ? ".bar" : ".tabs"} [aria-controls=panel-buses]`);
  return page;
}

test("the busiest route is drawn over space and time, with its buses and what to do about them", async () => {
  const p = await open();
  await p.waitForSelector(".diagram .driven path.late");
  expect(await p.locator(".diagram .scheduled").count()).toBeGreaterThan(8);
  expect(await p.locator(".diagram .now").count()).toBe(1);
  expect((await p.locator(".diagram .name").allTextContents())[0]).toMatch(/^Bến xe Giáp Bát/);
  expect(await p.locator(".line h2").innerText()).toBe("32 Giáp Bát – Nhổn");
  expect(await p.locator(".ladder tr.bunched td.advice").innerText()).toContain("Giữ 2:30");
  expect(await p.locator(".routes [aria-current] .missing").innerText()).toBe("1 lượt không có xe");
  expect(await p.locator(".accuracy tbody tr").first().innerText()).toMatch(/trước đến 3 phút\s+412\s+0:17\s+−0:04\s+97 %\s+100 %\s+3 \/ 415 \(1 %\)/);
  // Of what only the timetable told nothing was scored, and that is told too.
  const captions = await p.locator(".accuracy caption").all();
  for (const caption of captions) expect((await caption.boundingBox())?.height).toBeGreaterThan(10);
  expect(await p.locator(".accuracy").nth(1).locator("tbody tr").innerText()).toMatch(/^–.*\s21 \/ 21 \(100 %\)/s);
  await p.waitForTimeout(300);
  await look(p, "lines-vi");
  expect(await axe(p)).toEqual([]);
});

test("the diagram is moved and zoomed by keys, and goes home", async () => {
  const p = await open();
  await p.waitForSelector(".diagram .driven");
  const clocks = async () => (await p.locator(".diagram .clock-name").allTextContents()).join(" ");
  const first = await clocks();
  await p.locator(".diagram").focus();
  await p.keyboard.press("ArrowLeft");
  await p.keyboard.press("ArrowLeft");
  expect(await clocks()).not.toBe(first);
  await p.keyboard.press("Home");
  expect(await clocks()).toBe(first);
  await p.keyboard.press("+");
  await p.keyboard.press("+");
  expect(await clocks()).not.toBe(first);
  await p.click(".line .toolbar button:text-is('Cả ngày')");
  await expect.poll(() => p.locator(".diagram .scheduled").count()).toBe(24);
  await look(p, "whole-day");
});

test("another route and direction are asked for with the keyboard alone", async () => {
  const p = await open();
  await p.waitForSelector(".routes li");
  await p.fill(".side input", "gia lam");
  await expect.poll(() => p.locator(".routes li").count()).toBe(1);
  await p.locator(".routes li button").focus();
  await p.keyboard.press("Enter");
  await expect.poll(() => hall.asked.at(-1)).toEqual({ feed: "hn", route: "r01", direction: 0, day: "" });
  await p.click(".line .chip:text-is('Đi Giáp Bát')");
  await expect.poll(() => hall.asked.at(-1)?.direction).toBe(1);
  await p.fill(".line input[type=date]", "2026-03-02");
  await expect.poll(() => hall.asked.at(-1)?.day).toBe("2026-03-02");
});

test("a page that is left open shows the day that it is", async () => {
  const p = await open();
  await p.waitForSelector(".diagram .driven");
  const day = p.locator(".line input[type=date]");
  expect(await day.inputValue()).toMatch(/^\d{4}-\d\d-\d\d$/);
  hall.serviceDay = "2031-01-02";
  await expect.poll(() => day.inputValue(), { timeout: 20_000 }).toBe("2031-01-02");
  // A day that somebody chose stays.
  await day.fill("2030-12-30");
  await p.locator(".diagram").focus();
  await expect.poll(() => hall.asked.at(-1)?.day).toBe("2030-12-30");
  const asked = hall.asked.length;
  await expect.poll(() => hall.asked.length, { timeout: 20_000 }).toBeGreaterThan(asked);
  expect(await day.inputValue()).toBe("2030-12-30");
});

test("alerts, trackers and reports say what an operator needs", async () => {
  const p = await open(WIDE, "en");
  await p.click(".views .chip:text-is('Alerts')");
  await p.waitForSelector(".table-view tbody tr");
  expect(await p.locator(".table-view:not([hidden]) tbody tr").first().innerText()).toContain("1:35 behind the bus ahead");
  await look(p, "alerts-en");
  await p.click(".table-view .chip:text-is('Safety')");
  await expect.poll(() => p.locator(".table-view:not([hidden]) tbody tr").count()).toBe(1);
  expect(await axe(p)).toEqual([]);
  await p.click(".views .chip:text-is('Trackers')");
  await p.waitForSelector(".table-view:not([hidden]) .fact.off");
  expect(await p.locator(".table-view:not([hidden]) tbody .fact").first().innerText()).toBe("Silent");
  await look(p, "trackers-en");
  expect(await axe(p)).toEqual([]);
  await p.locator(".table-view:not([hidden]) tbody .acts button:text-is('Order')").first().click();
  await p.selectOption(".tracker-orders select[name=what]", "text");
  await p.fill(".tracker-orders input[name=text]", "STATUS#");
  await p.click(".tracker-orders button[type=submit]");
  await expect.poll(() => p.locator(".tracker-orders .said").innerText()).toContain("Say why");
  await p.fill(".tracker-orders input[name=why]", "driver does not answer");
  await p.click(".tracker-orders button[type=submit]");
  await expect.poll(() => p.locator(".tracker-orders .given").innerText()).toContain("STATUS#");
  expect(await p.locator(".tracker-orders .given b").innerText()).toBe("waiting");
  await look(p, "tracker-orders-en");
  expect(await axe(p)).toEqual([]);
  await p.click(".views .chip:text-is('Reports')");
  await p.waitForSelector(".table-view:not([hidden]) tbody tr");
  expect(await p.locator(".table-view:not([hidden]) tbody tr").first().innerText()).toContain("91 (+3) / 96");
  for (const by of ["By operator", "By route"]) {
    await p.click(`.table-view:not([hidden]) .chip:text-is('${by}')`);
    expect(await p.locator(".table-view:not([hidden]) tbody tr").last().innerText()).toMatch(/Off known runs[^]*2 \(81\s*km\/h\)[^]*122/);
  }
  expect(await p.locator(".downloads a").nth(1).getAttribute("href")).toMatch(/^\/transit\/report\.xlsx\?from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d&lang=en$/);
  await look(p, "reports-en");
  expect(await axe(p)).toEqual([]);
});

test("an alert's place is shown on the map, and a bus's day is driven once more", async () => {
  const p = await open();
  await p.click(".views .chip:text-is('Cảnh báo')");
  await p.locator(".table-view tbody tr button").first().click();
  await p.waitForSelector("#panel-map:not([hidden])");
  await settled(p);
  await look(p, "alert-on-map");
  await p.click(".tabs [aria-controls=panel-buses]");
  await p.click(".views .chip:text-is('Theo tuyến')");
  await p.locator(".ladder .acts button:text-is('Phát lại')").first().click();
  await p.waitForSelector(".replay:not([hidden])");
  const time = await p.locator(".replay output").innerText();
  await p.keyboard.press("ArrowRight");
  await p.click(".replay button:text-is('Chạy')");
  await expect.poll(() => p.locator(".replay output").innerText()).not.toBe(time);
  await p.waitForTimeout(2_000);
  await p.click(".replay button:text-is('Dừng')");
  // At the end of the day it says what was passed last, and on which route.
  await p.locator(".replay input[type=range]").press("End");
  await expect.poll(() => p.locator(".replay .what").innerText()).toContain("32 Xuân Thủy");
  await settled(p);
  await look(p, "replay");
  expect(await axe(p)).toEqual([]);
  await p.keyboard.press("Escape");
  await p.waitForSelector(".replay", { state: "hidden" });
});

test("on a phone everything is reached", async () => {
  const p = await open(PHONE);
  await p.waitForSelector(".diagram .driven");
  await p.waitForTimeout(300);
  await look(p, "phone");
  expect(await axe(p)).toEqual([]);
});

test("a hall that cannot answer is said, and what was there stays", async () => {
  const p = await open();
  await p.waitForSelector(".diagram .driven");
  hall.transitFails = "đĩa đầy";
  await p.waitForSelector(".line .notice:not([hidden])", { timeout: 20_000 });
  expect(await p.locator(".line .notice").innerText()).toContain("đĩa đầy");
  expect(await p.locator(".diagram .driven").count()).toBeGreaterThan(0);
});
