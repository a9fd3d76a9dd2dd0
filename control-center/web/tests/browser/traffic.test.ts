// Buses as measures of traffic on the map, and what is found of buses in the list of all events, in a real browser.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { axe, launch, PHONE, WIDE } from "./browser";
import { findings } from "./bus_city";
import { history, snapshot } from "./city";
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

const look = async (p: Page, name: string) => void (folder && (await p.screenshot({ path: `${folder}/traffic-${name}.png` })));

test("the roads are coloured on request, and one tells its figures and its day", async () => {
  const p = (page = await openPage(browser, hall.url, PASSWORD, { viewport: WIDE }));
  await settled(p);
  expect(await p.locator(".traffic-legend").isVisible()).toBe(false);
  await p.click(".traffic-on");
  await expect.poll(() => p.locator(".traffic-on").getAttribute("title")).toContain("6 đoạn");
  expect(await p.locator(".traffic-legend li").count()).toBe(6);
  await p.waitForTimeout(1_500);
  // The road from Tràng Tiền runs to the west a little above the middle of the map.
  const box = (await p.locator(".map canvas").boundingBox())!;
  for (let up = 0; up < 120 && (await p.locator(".segment").isHidden()); up += 5) await p.mouse.click(box.x + box.width / 2 + 90, box.y + box.height / 2 + 20 - up);
  await p.waitForSelector(".segment .uplot");
  const facts = await p.locator(".segment dl").innerText();
  expect(facts).toContain("Chậm");
  expect(facts).toMatch(/18 km\/h \(thường 31 km\/h\)/);
  expect(facts).toMatch(/3\.000 lượt\/giờ/);
  expect(facts).toContain("Tràng Tiền – Hàng Bài, cách 38 m");
  await p.waitForTimeout(500);
  await look(p, "vi");
  expect(await axe(p)).toEqual([]);
  await hall.stop();
  await p.waitForSelector("body.is-lost", { timeout: 20_000 });
  expect(await p.locator(".segment dl").innerText()).toContain("Cũ hơn 15 phút");
  await hall.start();
});

test("findings of buses stand among all events, live and filtered, and a call for help over the page", async () => {
  hall.events = [...findings(Date.now()), ...history(12, Date.now() - 100_000)].sort((a, b) => Number((b.bus?.beganMs ?? b.event!.atMs) - (a.bus?.beganMs ?? a.event!.atMs)));
  const p = (page = await openPage(browser, hall.url, PASSWORD, { viewport: WIDE, language: "en" }));
  await p.waitForSelector(".rows .sos");
  expect(await p.locator(".banner.sos").innerText()).toContain("SOS from bus 29b-15137");
  const rows = () => p.locator(".rows .what").allTextContents();
  expect(await rows()).toEqual(expect.arrayContaining(["SOS from a bus", "Speeding", "Off route", "Stop skipped"]));
  expect(await rows()).not.toContain("Bunching");
  await p.click(".chip:text-is('Buses: timing')");
  await expect.poll(rows).toContain("Bunching");
  await look(p, "events-en");
  expect(await axe(p)).toEqual([]);
  // The tracker says no more of it: the same row says so, and the bar stays until somebody has seen it.
  const sos = hall.events.find((e) => e.bus?.finding === "sos")!;
  const before = (await rows()).length;
  hall.send({ case: "event", value: { ...sos, bus: { ...sos.bus!, endedMs: BigInt(Date.now()) } } as never });
  await expect.poll(() => p.locator(".rows .sos").count()).toBe(0);
  expect(await p.locator(".banner.sos").isVisible()).toBe(true);
  await p.click(".banner.sos button:text-is('Seen')");
  await p.waitForSelector(".banner.sos", { state: "hidden" });
  expect((await rows()).length).toBe(before);
  hall.send({ case: "event", value: { ...sos, withdrawn: true } as never });
  await expect.poll(async () => (await rows()).length).toBe(before - 1);
  await p.locator(".rows button:has-text('Off route')").first().click();
  await settled(p);
  await look(p, "event-on-map");
  expect(await p.locator(".still[open]").count()).toBe(0);
});

test("on a phone a call for help is seen on every tab", async () => {
  hall.events = findings(Date.now());
  const p = (page = await openPage(browser, hall.url, PASSWORD, { viewport: PHONE }));
  await p.waitForSelector(".banner.sos:not([hidden])");
  await p.click(".banner.sos button:text-is('Xem vị trí')");
  await settled(p);
  await look(p, "phone");
  await p.click(".banner.sos button:text-is('Đã biết')");
  await p.waitForSelector(".banner.sos", { state: "hidden" });
});
