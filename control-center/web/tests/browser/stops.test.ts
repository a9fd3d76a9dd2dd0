// The pages for who waits at a stop, as the hall writes them, in a real browser and without signing in.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { axe, LAPTOP, launch, PHONE } from "./browser";
import { FixtureHall } from "./fixture";

const folder = process.env["LOOK"];
const hall = new FixtureHall();
let browser: Browser;
let page: Page | undefined;

beforeAll(async () => {
  browser = await launch();
  await hall.start();
});
afterAll(async () => {
  await browser.close();
  await hall.stop();
});
afterEach(async () => {
  await page?.context().close();
  page = undefined;
});

const look = async (p: Page, name: string) => void (folder && (await p.screenshot({ path: `${folder}/stops-${name}.png` })));

async function open(path: string, viewport = PHONE): Promise<Page> {
  page = await (await browser.newContext({ viewport })).newPage();
  await page.goto(hall.url + path);
  return page;
}

/** The page comes anew each 15 s, which axe takes for a barrier; it is what people wait for here. */
const barriers = async (p: Page) => (await axe(p)).filter((barrier) => !barrier.startsWith("meta-refresh"));

const buses = (p: Page) =>
  p.locator("li").evaluateAll((rows) =>
    rows.map((row) => {
      const text = (of: string) => row.querySelector<HTMLElement>(of)?.innerText.split("\n").map((line) => line.trim()) ?? [];
      return [...text(".route"), ...text(".where"), ...text(".when")];
    }),
  );

test("the next buses of a stop, those that are seen told apart from those of the timetable", async () => {
  const p = await open("/stops/xe/s6?lang=vi");
  expect(await p.locator("h1").innerText()).toBe("Trạm 6");
  expect(await buses(p)).toEqual([
    ["32", "Giáp Bát", "theo vị trí xe", "5 phút", "08:10"],
    ["33", "Mỹ Đình", "theo biểu đồ", "15 phút", "08:20"],
    ["32", "Giáp Bát", "theo biểu đồ", "25 phút", "08:30"],
  ]);
  const colours = await p.locator(".when").evaluateAll((all) => all.map((one) => getComputedStyle(one).color));
  expect(colours[0]).not.toBe(colours[1]);
  expect(colours[1]).toBe(colours[2]);
  // A bus to the depot calls here at 8:25 and takes nobody.
  expect(await p.locator("main").innerText()).not.toContain("Về bến");
  expect(await p.locator("script").count()).toBe(0);
  expect(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await look(p, "phone-vi");
  expect(await barriers(p)).toEqual([]);
});

test("a stop is found by its name, and told in the other language", async () => {
  const p = await open("/stops?q=tr%E1%BA%A1m%206&lang=vi", LAPTOP);
  expect(await p.locator("input[name=q]").inputValue()).toBe("trạm 6");
  // What was typed goes along into the other language.
  const other = new URL((await p.locator("footer a[lang=en]").getAttribute("href")) ?? "", p.url());
  expect([other.pathname, other.searchParams.get("q"), other.searchParams.get("lang")]).toEqual(["/stops", "trạm 6", "en"]);
  await look(p, "find-vi");
  expect(await barriers(p)).toEqual([]);
  await p.click("li a");
  await p.waitForURL(/\/stops\/xe\/s6\?lang=vi$/);
  await p.click("footer a[lang=en]");
  await p.waitForURL(/\/stops\/xe\/s6\?lang=en$/);
  expect((await buses(p)).map((bus) => bus[2])).toEqual(["from the bus's position", "from the timetable", "from the timetable"]);
  await look(p, "laptop-en");
  expect(await barriers(p)).toEqual([]);
});
