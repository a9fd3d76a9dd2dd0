// The built page in a real browser against a scripted hall.
import { create } from "@bufbuild/protobuf";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { MissingGatewaySchema, MissingReason } from "../../src/gen/ngatu/v1/api_pb";
import { axe, launch, LAPTOP, PHONE, WIDE } from "./browser";
import { counts, history, NASTY, rule, snapshot, tracks, watched } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { drawJpeg, openPage, settled } from "./steps";

let hall: FixtureHall;
let browser: Browser;
let jpeg: Uint8Array;
let page: Page | undefined;

beforeAll(async () => {
  browser = await launch();
  jpeg = await drawJpeg(browser);
});
afterAll(() => browser.close());

beforeEach(async () => {
  hall = new FixtureHall();
  hall.snapshot = snapshot;
  hall.events = history(500, Date.now() - 5_000);
  hall.counts = counts(Date.now());
  hall.watched = watched(Date.now());
  hall.tracks = tracks(130, Date.now());
  hall.still = () => jpeg;
  hall.picture = (camera) => ({ camera, atMs: BigInt(Date.now()), jpeg, width: 1280, height: 720, tracks: [{ track: 17n, roadUser: 4, box: { x: 420, y: 300, w: 220, h: 150 }, score: 0.8 }] });
  await hall.start();
});
afterEach(async () => {
  await page?.context().close();
  page = undefined;
  await hall.stop();
});

const open = async (viewport = LAPTOP, language: "vi" | "en" = "vi") => (page = await openPage(browser, hall.url, PASSWORD, { viewport, language }));
const text = (p: Page, selector: string) => p.locator(selector).first().innerText();

test("nothing runs that the policy forbids, nothing is asked of another host, no data becomes markup", async () => {
  const context = await browser.newContext({ viewport: WIDE });
  page = await context.newPage();
  const trouble: string[] = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && !m.text().includes("GL Driver Message") && trouble.push(m.text()));
  page.on("pageerror", (e) => trouble.push(String(e)));
  page.on("request", (r) => !r.url().startsWith(hall.url) && !r.url().startsWith("blob:") && trouble.push(r.url()));
  await page.goto(`${hall.url}/sign-in`);
  await page.fill("input[name=name]", "admin");
  await page.fill("input[name=password]", PASSWORD);
  await page.click("button[type=submit]");
  await page.waitForSelector(".pill.live");
  await settled(page);
  await page.fill(".find input", "<img");
  await page.waitForSelector(".find li button");
  expect(await text(page, ".find li button")).toContain(NASTY);
  await page.keyboard.press("Enter");
  await page.waitForFunction((name) => document.querySelector(".panel-details h2")?.textContent === name, NASTY);
  expect(await page.locator(`[data-camera=nasty] figcaption b`).innerText()).toBe(NASTY);
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  expect(trouble).toEqual([]);
});

test("the wall draws pictures, says why one is missing, and asks for none while nobody looks", async () => {
  const p = await open(WIDE);
  await p.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("[data-camera=cua-nam] canvas");
    const pixel = canvas?.getContext("2d")?.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
    return pixel !== undefined && pixel[3] === 255;
  });
  await p.waitForFunction(() => document.querySelector("[data-camera=cua-nam] .facts:not(.users)")?.textContent?.includes("hình/giây"));
  expect(await text(p, "[data-camera=o-cho-dua] .over")).toContain("máy chủ từ chối mật khẩu (401)");
  expect(await text(p, "[data-camera=vong] .over")).toContain("Trạm tram-2 mất liên lạc");
  await expect.poll(() => hall.pictureStreams).toBe(2);
  await p.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await expect.poll(() => hall.pictureStreams).toBe(0);
});

test("a camera opens large and the wall comes back with Escape", async () => {
  const p = await open(WIDE);
  await p.click("[data-camera=cua-nam] .open");
  await expect.poll(() => p.locator(".tile").count()).toBe(1);
  expect(await text(p, ".panel-details h2")).toBe("Cửa Nam");
  await p.keyboard.press("Escape");
  await expect.poll(() => p.locator(".tile").count()).toBe(4);
  await p.click(".panel-details button:text-is('Xem camera')");
  await expect.poll(() => p.locator(".tile").count()).toBe(1);
});

test("events: live on top, older on scrolling, opened and walked through by keys", async () => {
  const p = await open();
  await expect.poll(() => p.locator(".rows li").count()).toBe(100);
  hall.send({ case: "event", value: rule(9_001, Date.now(), { rule: "wrong_way" }) });
  await expect.poll(() => text(p, ".rows li:first-child .what")).toBe("Đi ngược chiều");
  await p.locator(".panel-events .scroll").evaluate((node) => (node.scrollTop = node.scrollHeight));
  await expect.poll(() => p.locator(".rows li").count()).toBeGreaterThanOrEqual(201);
  hall.send({ case: "event", value: rule(9_002, Date.now()) });
  await p.waitForSelector(".fresh:not([hidden])");
  await p.click(".fresh");
  await p.locator(".rows li:first-child button").focus();
  await p.keyboard.press("ArrowDown");
  await p.keyboard.press("Enter");
  await p.waitForSelector(".still[open] canvas:not([hidden])");
  expect(await text(p, "#still-title")).toBe("Đi ngược chiều");
  await p.keyboard.press("ArrowDown");
  await p.waitForFunction(() => document.querySelector("#still-title")?.textContent === "Xe dừng bất thường");
  await p.keyboard.press("Escape");
  await p.waitForSelector(".still:not([open])", { state: "attached" });
  await p.waitForFunction(() => document.activeElement?.closest("li")?.querySelector(".what")?.textContent === "Xe dừng bất thường");
});

test("events: filtered by kind and camera, and a still that is gone says so", async () => {
  hall.still = new FixtureHall().still;
  const p = await open();
  for (const group of ["Camera", "Đèn"]) await p.click(`.panel-events .chip:text-is("${group}")`);
  await p.selectOption(".panel-events select", "cua-nam");
  await p.waitForFunction(() => {
    const places = [...document.querySelectorAll(".rows .where")].map((n) => n.textContent);
    return places.length === 100 && places.every((place) => place === "Cửa Nam");
  });
  await p.click(".rows li:first-child button");
  await expect.poll(() => text(p, ".still .notice")).toBe("Trạm không còn giữ ảnh của sự kiện này.");
});

test("counts by line, class and direction, with what was watched", async () => {
  const p = await open();
  await p.click(".tabs [aria-controls=panel-counts]");
  await p.waitForSelector(".panel-counts .scroll tbody tr");
  expect(await text(p, ".panel-counts .scroll tbody th")).toBe("Cửa Nam · bắc");
  expect(await p.locator(".panel-counts .scroll thead th").allInnerTexts()).toEqual(["Camera · vạch", "Hướng", "Xe máy", "Ô tô", "Xe buýt", "Tổng", "Theo dõi", "Diễn biến"]);
  // Cửa Nam was watched ten minutes of fifteen; at Ô Chợ Dừa all the time, and nobody came.
  const cells = (row: number) => p.locator(`.panel-counts .scroll tbody tr:nth-child(${row}) td`).allInnerTexts();
  await expect.poll(async () => (await cells(1)).at(-2)).toBe("66 %");
  const quiet = await p.locator(".panel-counts .scroll tbody tr", { hasText: "Ô Chợ Dừa" }).locator("td").allInnerTexts();
  expect([quiet[0], quiet.at(-3), quiet.at(-2)]).toEqual(["–", "0", "100 %"]);
  await p.waitForSelector(".panel-counts .chart canvas");
  expect(await text(p, ".panel-counts .chart .u-legend")).toContain("Lượt qua vạch");
  hall.counts = hall.watched = [];
  await p.click('.panel-counts .chip:text-is("1 giờ")');
  await expect.poll(() => text(p, ".panel-counts .notice")).toContain("Không camera nào được theo dõi");
});

test("track search: a purpose first, then what was found, what is missing, and the moment opened", async () => {
  hall.missing = [create(MissingGatewaySchema, { gateway: "tram-2", reason: MissingReason.UNREACHABLE })];
  const p = await open(WIDE);
  await p.click(".tabs [aria-controls=panel-tracks]");
  // A browser elsewhere has another clock.
  expect(await p.locator(".search label:has([type=datetime-local])").allTextContents()).toEqual(["Từ (giờ Hà Nội)", "Đến (giờ Hà Nội)"]);
  await p.click(".search .go");
  expect(await text(p, ".search .problem")).toBe("Hãy ghi mục đích tìm kiếm, ít nhất 3 ký tự.");
  expect(hall.searches).toEqual([]);
  await p.fill(".search [name=purpose]", "va chạm ở Cửa Nam");
  await p.click('.search .chip:text-is("Xe máy")');
  await p.selectOption(".search [name=direction]", "2");
  await p.click(".search .go");
  await expect.poll(() => p.locator(".results .rows li").count()).toBe(65);
  const asked = hall.searches[0];
  expect([asked?.purpose, asked?.query?.roadUsers, asked?.query?.direction, asked?.query?.cameras]).toEqual(["va chạm ở Cửa Nam", [3], 2, []]);
  expect(Number((asked?.query?.toMs ?? 0n) - (asked?.query?.fromMs ?? 0n))).toBeGreaterThanOrEqual(60 * 60_000);
  expect(await text(p, ".results .partial")).toBe("Chưa đầy đủ: thiếu 1/2 trạm: tram-2 (mất kết nối)");
  expect(await text(p, ".results .found")).toBe("Tìm thấy: 65");
  // Everything, by pages; whole again.
  hall.missing = [];
  await p.click('.search .chip:text-is("Xe máy")');
  await p.click(".search .go");
  await expect.poll(() => p.locator(".results .rows li").count()).toBe(100);
  await p.waitForSelector(".results .partial", { state: "hidden" });
  await p.click(".results .older");
  await expect.poll(() => p.locator(".results .rows li").count()).toBe(130);
  // The still of the event that this track was part of.
  await p.click(".results .rows li:nth-child(2) button");
  await p.waitForSelector(".moment[open]");
  expect(await text(p, "#moment-title")).toBe("Ô tô · xám");
  expect(await text(p, ".panel-details h2")).toBe("Tràng Tiền – Hàng Bài");
  await expect.poll(() => text(p, ".moment .notice")).toBe("");
  await p.click(".moment .actions button");
  await expect.poll(() => p.locator(".tile").count()).toBe(1);
});

test("a lost hall is said at once, nothing looks live, and the page comes back by itself", async () => {
  const p = await open();
  await p.waitForSelector("[data-camera=cua-nam] .sign.up");
  await hall.stop();
  await p.waitForSelector(".banner:not([hidden])");
  expect(await text(p, ".banner")).toMatch(/Mất kết nối với trung tâm\. Dữ liệu dừng lúc \d\d:\d\d:\d\d, không phải trực tiếp\./);
  expect(await text(p, ".pill")).toContain("Mất kết nối");
  await p.waitForSelector("[data-camera=cua-nam].troubled .sign.unknown");
  hall.events.unshift(rule(7_777, Date.now(), { rule: "intrusion" }));
  await hall.start();
  await p.waitForSelector(".pill.live");
  await p.waitForSelector(".banner", { state: "hidden" });
  // What happened meanwhile is in the list.
  await expect.poll(() => text(p, ".rows li:first-child .what")).toBe("Xâm nhập vùng cấm");
});

test("a gateway that keeps nothing is said on top and at whatever hangs on it, until there is room", async () => {
  const p = await open(WIDE);
  const tell = (keepsNothing: boolean) => hall.send({ case: "gateway", value: { gateway: "tram-1", alive: true, lastHeardMs: BigInt(Date.now()), keepsNothing } });
  await p.click("[data-camera=cua-nam] .open");
  tell(true);
  await p.waitForSelector(".banner.full:not([hidden])");
  expect(await text(p, ".banner.full")).toContain("Không lưu được những gì trạm tram-1 ghi nhận. Hãy dọn đĩa của trạm");
  await expect.poll(() => text(p, ".panel-details dl")).toContain("✕ không lưu được gì: hãy dọn đĩa của trạm tram-1");
  tell(false);
  await p.waitForSelector(".banner.full", { state: "hidden" });
  expect(await text(p, ".panel-details dl")).not.toContain("không lưu được gì");
});

test("the language is switched in the corner and remembered", async () => {
  const p = await open();
  await p.click(".language button:text-is('EN')");
  await p.waitForFunction(() => document.querySelector(".pill")?.textContent === "Live");
  expect(await p.evaluate(() => document.documentElement.lang)).toBe("en");
  await p.reload();
  await p.waitForFunction(() => document.querySelector(".pill")?.textContent === "Live");
  expect(await text(p, ".total.junctions, .totals .total:nth-child(2)")).toBe("3/4 Junctions");
});

test("a session that ended leads to the sign-in page and says why", async () => {
  const p = await open();
  await p.context().clearCookies();
  await hall.stop();
  await hall.start();
  await p.waitForURL(/\/sign-in/, { timeout: 20_000 });
  expect(await text(p, "[role=alert]")).toBe("Phiên làm việc đã hết. Hãy đăng nhập lại.");
});

test("signing out leaves nothing open", async () => {
  const p = await open();
  await p.click(".leave");
  await p.waitForURL(/\/sign-in/);
  await p.goto(hall.url);
  await p.waitForURL(/\/sign-in/);
});

test("whatever the tab key stops at to be scrolled has a name", async () => {
  const p = await open(WIDE);
  await p.waitForSelector("#panel-tracks .search", { state: "attached" });
  const stops = p.locator("main [tabindex='0']");
  expect(await stops.count()).toBeGreaterThan(5);
  expect(await stops.evaluateAll((all) => all.filter((one) => !one.getAttribute("aria-label")).map((one) => one.className))).toEqual([]);
});

test.each([["wide", WIDE, "vi"], ["laptop", LAPTOP, "en"], ["phone", PHONE, "vi"]] as const)("no serious barrier on a %s screen", async (_, size, language) => {
  const p = await open(size, language);
  await settled(p);
  const found = await axe(p);
  if (size !== PHONE) {
    await p.waitForSelector(".rows li");
    await p.click(".tabs [aria-controls=panel-counts]");
    await p.waitForSelector(".panel-counts tbody tr");
    found.push(...(await axe(p)));
    await p.click(".tabs [aria-controls=panel-tracks]");
    await p.fill(".search [name=purpose]", "va chạm");
    await p.click(".search .go");
    await p.waitForSelector(".results .rows li");
    found.push(...(await axe(p)));
    await p.click(".results .rows li:nth-child(2) button");
    await p.waitForSelector(".moment[open]");
    found.push(...(await axe(p)));
    await p.keyboard.press("Escape");
    await p.click(".tabs [aria-controls=panel-events]");
    await p.click(".rows li:first-child button");
    await p.waitForSelector(".still canvas:not([hidden])");
    found.push(...(await axe(p)));
  } else {
    for (const tab of ["wall", "events", "counts", "tracks"]) {
      await p.click(`.bar [aria-controls=panel-${tab}]`);
      await p.waitForSelector(`#panel-${tab}:not([hidden])`);
      found.push(...(await axe(p)));
    }
    const sideways = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(sideways).toBeLessThanOrEqual(0);
  }
  expect(found).toEqual([]);
});
