// Pictures of the page for people to look at: `LOOK=folder npm run test:browser`.
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { MissingGatewaySchema, MissingReason } from "../../src/gen/ngatu/v1/api_pb";
import { BusPriorityMeasuredSchema, SignalCalendarState, SignalWantedSchema } from "../../src/gen/ngatu/v1/signal_pb";
import { launch, LAPTOP, PHONE, WIDE } from "./browser";
import { counts, history, measured, redLight, rule, snapshot, tracks, watched } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { health, orders } from "./maintenance";
import { advice, bus, calendar, quangTrung, trangThi, underWay } from "./signals";
import { drawJpeg, openPage, settled } from "./steps";

const folder = process.env["LOOK"];
const hall = new FixtureHall();
let browser: Browser;

beforeAll(async () => {
  if (!folder) return;
  browser = await launch();
  const jpeg = await drawJpeg(browser);
  hall.snapshot = snapshot;
  hall.events = [...measured(Date.now() - 5_000), ...history(240, Date.now() - 100_000)];
  hall.counts = counts(Date.now());
  hall.watched = watched(Date.now());
  hall.tracks = tracks(130, Date.now());
  hall.missing = [create(MissingGatewaySchema, { gateway: "tram-2", reason: MissingReason.UNREACHABLE })];
  hall.still = () => jpeg;
  hall.picture = (camera) => ({ camera, atMs: BigInt(Date.now() - 180), jpeg, width: 1280, height: 720,
    tracks: [
      { track: 17n, roadUser: 4, box: { x: 420, y: 300, w: 220, h: 150 }, score: 0.8 },
      { track: 23n, roadUser: 3, box: { x: 760, y: 420, w: 70, h: 110 }, score: 0.7 },
      { track: 31n, roadUser: 1, box: { x: 130, y: 400, w: 50, h: 120 }, score: 0.6 },
    ] });
  const { signals } = hall;
  const order = (wish: number, more: object, state: string, detail: string, agoMs: number, by = "admin") =>
    signals.add({ junction: "kim-lien", wanted: create(SignalWantedSchema, { wish, ...more }), holdMs: 1_800_000n, purpose: "giải tỏa ùn tắc hướng Đại Cồ Việt" }, by, state, detail, agoMs);
  order(1, { plan: 3 }, "ended", "link_loss", 9_000_000);
  order(2, { groups: [3] }, "refused", "signal group 1 has its minimum green until 1795669536756", 5_400_000);
  order(3, {}, "ended", "expiry", 3_000_000).approvedBy = "lan";
  order(1, { plan: 2 }, "done", "mode normal, plan 2 (ordered), green 1 4", 300_000);
  order(4, {}, "waiting", "", 40_000, "lan");
  signals.corridors = [trangThi()];
  signals.advice = advice();
  const asked = BigInt(Date.now() - 600_000);
  signals.priorities = [
    bus({ id: 3n, why: "other_order", detail: "lan" }),
    bus({ id: 2n, state: "passed", why: "", order: 7n, askedMs: asked, greenMs: asked + 8_000n, passedMs: asked + 15_000n, endedMs: asked + 16_000n, measured: create(BusPriorityMeasuredSchema, { gain: "early", gainS: 21.4, redS: 48, usualRedS: 35, group: 1 }) }),
    bus({ id: 1n, state: "unhelped", why: "load_unknown", detail: "detector 1: chatter", endedMs: asked }),
  ];
  signals.calendar = calendar({ state: SignalCalendarState.NOT_FOLLOWED, why: "other_order", detail: "admin", whyMs: BigInt(Date.now() + 1_500_000) });
  Object.assign(hall.maintenance, { junctions: health(), orders: orders() });
  await hall.start();
});

afterAll(async () => {
  await browser?.close();
  if (folder) await hall.stop();
});

test.skipIf(!folder)("pictures to look at", async () => {
  const shot = (name: string) => join(folder ?? "", `${name}.png`);
  for (const [name, size, language] of [["wide-vi", WIDE, "vi"], ["laptop-en", LAPTOP, "en"], ["phone-vi", PHONE, "vi"]] as const) {
    const page = await openPage(browser, hall.url, PASSWORD, { viewport: size, language, before: async (p) => void (await p.screenshot({ path: shot(`sign-in-${name}`) })) });
    await settled(page);
    await page.screenshot({ path: shot(name) });
    if (name === "phone-vi") {
      for (const tab of ["wall", "junction", "corridor", "maintenance", "events", "counts", "tracks"]) {
        await page.click(`.bar [aria-controls=panel-${tab}]`);
        await page.waitForTimeout(1500);
        await page.screenshot({ path: shot(`phone-${tab}`) });
      }
    } else {
      for (const camera of ["hang bai", "cua nam"]) {
        await page.fill(".find input", camera);
        await page.keyboard.press("Enter");
        await page.waitForTimeout(1000);
        await settled(page);
        await page.screenshot({ path: shot(`${name}-camera-${camera.replace(" ", "-")}`) });
      }
      await page.fill(".find input", "kim lien");
      await page.keyboard.press("Enter");
      await page.waitForTimeout(1500);
      await settled(page);
      await page.click(".tabs [aria-controls=panel-junction]");
      await page.waitForTimeout(2500);
      await page.screenshot({ path: shot(`${name}-signals-orders`) });
      await page.click(".junction-alarms li:first-child button:last-child");
      await page.locator(".junction-alarms .handle").scrollIntoViewIfNeeded();
      await page.screenshot({ path: shot(`${name}-signals-alarms`) });
      await page.click(".junction-alarms .handle .plain");
      await page.locator(".advice").scrollIntoViewIfNeeded();
      await page.screenshot({ path: shot(`${name}-signals-advice`) });
      await page.locator(".priority").scrollIntoViewIfNeeded();
      await page.screenshot({ path: shot(`${name}-signals-priority`) });
      await page.click(".wish-flash");
      await page.fill(".order [name=purpose]", language === "vi" ? "sửa tủ đèn, có CSGT điều khiển" : "cabinet repair, police on site");
      await page.click(".order button[type=submit]");
      await page.waitForSelector(".preview .go");
      await page.waitForTimeout(2500);
      await page.screenshot({ path: shot(`${name}-signals`) });
      // The same for somebody whose right holds elsewhere.
      Object.assign(hall.signals, { mayOrder: false, areas: ["Phường Đống Đa"], mayOrderIn: ["Phường Ba Đình", "Phường Ngọc Hà"] });
      await page.waitForSelector(".command:has(p.soft)");
      await page.waitForTimeout(2500);
      await page.screenshot({ path: shot(`${name}-signals-elsewhere`) });
      Object.assign(hall.signals, { mayOrder: true, areas: [], mayOrderIn: [] });
      await page.click(".tabs [aria-controls=panel-corridor]");
      await page.waitForTimeout(1000);
      await page.screenshot({ path: shot(`${name}-corridor`) });
      hall.signals.emergencies = [underWay(quangTrung(), { vehicle: "", speedKmh: 40, back: false, purpose: language === "vi" ? "xe cứu hoả đến 12 Tràng Thi" : "fire engine to 12 Tràng Thi", startedBy: "lan" })];
      await page.click(".emergency > button");
      await page.waitForSelector(".emergency .run li.green");
      await page.screenshot({ path: shot(`${name}-emergency`) });
      await page.click(".tabs [aria-controls=panel-map]");
      await page.click(".zoom button:last-child");
      await page.waitForTimeout(3500);
      await page.screenshot({ path: shot(`${name}-emergency-map`) });
      hall.signals.emergencies = [];
      await page.click(".tabs [aria-controls=panel-maintenance]");
      await page.waitForSelector(".junctions li");
      await page.screenshot({ path: shot(`${name}-maintenance`) });
      await page.click(".panel-maintenance [data-view=orders]");
      await page.click("[data-order='17'] button");
      await page.waitForSelector(".order-box .inside:not([hidden])");
      await page.screenshot({ path: shot(`${name}-work-orders`) });
      await page.click(".tabs [aria-controls=panel-map]");
      await page.click(".tabs [aria-controls=panel-wall]");
      await page.click(".tabs [aria-controls=panel-counts]");
      await page.waitForTimeout(800);
      await page.screenshot({ path: shot(`${name}-junction-counts`) });
      await page.click(".tabs [aria-controls=panel-tracks]");
      await page.fill(".search [name=purpose]", language === "vi" ? "va chạm ở Cửa Nam" : "collision at Cửa Nam");
      await page.click(".search .go");
      await page.waitForSelector(".results .rows li");
      await page.screenshot({ path: shot(`${name}-tracks`) });
      await page.click(".results .rows li:nth-child(2) button");
      await page.waitForSelector(".moment[open]");
      await page.waitForTimeout(600);
      await page.screenshot({ path: shot(`${name}-track`) });
      await page.keyboard.press("Escape");
      await page.click(".tabs [aria-controls=panel-events]");
      hall.send({ case: "event", value: rule(Date.now(), Date.now(), { rule: "wrong_way" }) });
      hall.send({ case: "hall", value: { problem: "đĩa còn 1 %; xóa bớt hoặc thêm đĩa cho /var/lib/ngatu" } });
      await page.waitForTimeout(600);
      await page.click(".rows li:first-child button");
      await page.waitForSelector(".still canvas:not([hidden])");
      await page.waitForTimeout(400);
      await page.screenshot({ path: shot(`${name}-event`) });
      await page.keyboard.press("Escape");
      hall.send({ case: "event", value: redLight(Date.now() + 1, Date.now()) });
      await page.waitForTimeout(600);
      await page.click(".rows li:first-child button");
      await page.waitForSelector(".proof canvas:not([hidden])");
      await page.waitForTimeout(600);
      await page.screenshot({ path: shot(`${name}-red-light`) });
      await page.click(".proof summary");
      await page.screenshot({ path: shot(`${name}-red-light-changes`) });
      await page.keyboard.press("Escape");
      await page.click(".legend summary");
      await page.click("[data-camera=cua-nam] .open");
      await page.waitForTimeout(1500);
      await page.screenshot({ path: shot(`${name}-large`) });
      await hall.stop();
      await page.waitForSelector(".banner:not([hidden])");
      await page.waitForTimeout(8000);
      await page.screenshot({ path: shot(`${name}-lost`) });
      await hall.start();
    }
    await page.context().close();
  }
  expect(folder).toBeTruthy();
}, 180_000);
