// The green wave as an operator reads it: the picture, the figures, another time beside it, offsets, and why there are none.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { axe, launch, LAPTOP, PHONE, WIDE } from "./browser";
import { snapshot } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { rePhai, trangThi } from "./signals";
import { openPage } from "./steps";

const hall = new FixtureHall();
let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  hall.snapshot = snapshot;
  await hall.start();
});

afterAll(async () => {
  await browser?.close();
  await hall.stop();
});

beforeEach(async () => {
  await page?.context().close();
  Object.assign(hall.signals, { corridors: [trangThi()], cyclesDiffer: false, emergencies: [] });
});

async function open(): Promise<void> {
  page = await openPage(browser, hall.url, PASSWORD, { viewport: LAPTOP });
  await page.click("[aria-controls=panel-corridor]");
}

const facts = () => page.textContent(".panel-corridor .facts");

test("greens, bands, figures and offsets", async () => {
  await open();
  await page.waitForSelector(".wave .band-out");
  expect(await page.locator(".wave .band-back").count()).toBeGreaterThan(1);
  expect(await page.locator(".wave rect.green").count()).toBeGreaterThan(10);
  expect(await page.locator(".wave rect.unknown").count()).toBe(1);
  expect(await facts()).toMatch(/Chiều đi · dải xanh mỗi chu kỳ20 s \(50 % đèn xanh đầu tuyến\)/);
  expect(await facts()).toMatch(/Chu kỳ chung 90 s\..*bắt đầu chương trình sớm hơn 20 s.*muộn hơn 4 s/);
  expect(await page.locator(".wave .plan").allTextContents()).toEqual(["CT2", "CT3"]);
  expect(await page.locator(".facts .plans tbody td").allTextContents()).toEqual(["2 · chu kỳ 90 s · lệch 0 s", "–", "3 · chu kỳ 90 s · lệch 20 s"]);
  expect(await page.locator(".facts .better").count()).toBe(6);
  expect(await page.locator(".facts .worse").count()).toBe(0);
  expect(await axe(page)).toEqual([]);
});

test("a way is cleared for an ambulance, followed and called off", async () => {
  await open();
  await page.click(".emergency > button");
  await page.click(".emergency button[type=submit]");
  expect(await page.textContent(".emergency [role=alert]")).toMatch(/ít nhất 3 ký tự/);
  await page.fill(".emergency input[name=purpose]", "xe cấp cứu 115");
  await page.fill(".emergency input[name=vehicle]", "xe-la");
  await page.click(".emergency button[type=submit]");
  await page.waitForSelector(".emergency [role=alert]:has-text('xe-la')");
  await page.fill(".emergency input[name=vehicle]", "");
  await page.click(".emergency button[type=submit]");
  await page.waitForSelector(".emergency .run li.green");
  expect(await page.locator(".emergency form").isVisible()).toBe(false);
  const told = await page.textContent(".emergency .run");
  expect(told).toMatch(/xe cấp cứu 115.*đang xanh.*đã yêu cầu xanh.*chưa xanh được.*nhóm 2/is);
  expect(await axe(page)).toEqual([]);
  await page.click(".emergency li.asked button");
  await page.waitForSelector(".emergency li.passed");
  await page.click(".emergency .run header button");
  await page.waitForSelector(".emergency .run.over:has-text('admin đã dừng')");
});

test("a route that turns is offered beside the corridor's ways, and is none of the corridors", async () => {
  hall.signals.corridors = [trangThi(), rePhai()];
  await open();
  await page.waitForSelector(".wave .band-out");
  expect(await page.locator(".panel-corridor .toolbar > select option").allTextContents()).toEqual(["Tràng Tiền – Tràng Thi – Kim Mã"]);
  await page.click(".emergency > button");
  const options = (name: string) => page.locator(`.emergency select[name=${name}] option`).evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
  expect(await options("from")).toEqual(["kim-lien", "dai-co-viet", "bach-mai"]);
  await page.selectOption(".emergency select[name=way]", { label: "Lê Duẩn → rẽ Đại Cồ Việt" });
  expect(await options("to")).toEqual(["kim-lien", "dai-co-viet"]);
  expect(await page.inputValue(".emergency select[name=to]")).toBe("dai-co-viet");
  await page.fill(".emergency input[name=purpose]", "xe cứu hoả");
  await page.click(".emergency button[type=submit]");
  await page.waitForSelector(".emergency .run:has-text('Lê Duẩn → rẽ Đại Cồ Việt') li.green");
  const [run] = hall.signals.emergencies;
  expect([run?.corridor, run?.back, run?.stops.map((stop) => stop.group)]).toEqual(["re-phai", false, [3, 1]]);
  expect(await axe(page)).toEqual([]);
});

test("routes can be driven where there is no corridor", async () => {
  hall.signals.corridors = [rePhai()];
  await open();
  await page.waitForSelector(".panel-corridor .notice:has-text('[[corridor]]')");
  await page.click(".emergency > button");
  await page.fill(".emergency input[name=purpose]", "xe cứu hoả");
  await page.click(".emergency button[type=submit]");
  await page.waitForSelector(".emergency .run li.green");
});

test("another time stands beside it", async () => {
  await open();
  await page.waitForSelector(".wave .band-out");
  await page.selectOption(".panel-corridor .toolbar label:last-of-type select", "24");
  await page.waitForSelector(".panel-corridor .facts > table thead th:nth-child(3)");
  // Both plans stand beside each other, and one that is another is marked.
  const cells = await page.locator(".facts .plans tbody tr:nth-child(3) td").allTextContents();
  expect(cells).toEqual(["3 · chu kỳ 90 s · lệch 20 s", "1 · chu kỳ 90 s · lệch 20 s ≠ chương trình khác"]);
  expect(await page.locator(".facts .plans .other").count()).toBe(1);
});

test("so does the day before a new plan, by Hanoi's clock", async () => {
  await open();
  await page.waitForSelector(".wave .band-out");
  const until = page.locator(".panel-corridor .toolbar input[type=datetime-local]");
  expect(await until.isVisible()).toBe(false);
  await page.selectOption(".panel-corridor .toolbar label:last-of-type select", "picked");
  expect(await until.inputValue()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/);
  const day = new Date(Date.now() + 7 * 3_600_000 - 3 * 86_400_000).toISOString().slice(0, 10);
  await until.fill(`${day}T08:30`);
  const [, month, date] = day.split("-");
  await page.waitForSelector(`.panel-corridor .facts > table thead th:nth-child(3):has-text('${date}/${month} 08:30:00')`);
  expect(await axe(page)).toEqual([]);
  await page.selectOption(".panel-corridor .toolbar label:last-of-type select", "0");
  expect(await until.isVisible()).toBe(false);
});

test.each([{ width: 1280, height: 720 }, WIDE, PHONE])("what is known of a thing on the map hides nothing of it: $width × $height", async (viewport) => {
  page = await openPage(browser, hall.url, PASSWORD, { viewport });
  await page.fill(".find input", "kim lien");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".panel-details h2:has-text('Kim Liên')");
  await page.click(`${viewport === PHONE ? ".bar" : ".tabs"} [aria-controls=panel-corridor]`);
  await page.waitForSelector(".wave .band-out");
  const box = async (selector: string) => (await page.locator(selector).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  const [panel, card] = [await box(".panel-corridor"), await box(".panel-details")];
  expect(panel.height).toBeGreaterThan(300);
  expect(card.height).toBeGreaterThan(60);
  expect(card.y).toBeGreaterThanOrEqual(panel.y + panel.height - 1);
  expect(card.y + card.height).toBeLessThanOrEqual(viewport.height);
  // The figures, the lowest of the panel, can be come by, and so can the card.
  await page.locator(".panel-corridor .facts").scrollIntoViewIfNeeded();
  await page.locator(".panel-corridor .facts tbody th").first().click();
  await page.click(".panel-details .icon-button");
  expect(await page.locator(".panel-details").isVisible()).toBe(false);
});

test("why there is no advice, and that there is no corridor", async () => {
  hall.signals.cyclesDiffer = true;
  await open();
  await page.waitForSelector(".wave .band-out");
  expect(await facts()).toMatch(/có chu kỳ 90 s, .* có chu kỳ 97 s/);
  hall.signals.corridors = [];
  await page.reload();
  await page.click("[aria-controls=panel-corridor]");
  await page.waitForSelector(".panel-corridor .notice:has-text('[[corridor]]')");
});

test("what a junction showed, group by group", async () => {
  page = await openPage(browser, hall.url, PASSWORD, { viewport: LAPTOP });
  await page.click("[aria-controls=panel-junction]");
  await page.waitForSelector(".split rect.green");
  expect(await page.locator(".split text:not(.clock-name)").allTextContents()).toEqual(["1", "2", "3", "4"]);
  expect(await page.locator(".split rect.unknown").count()).toBe(4);
  expect(await page.locator(".split rect.green title").first().textContent()).toMatch(/^Nhóm 1: Xanh, từ \d\d:\d\d:\d\d đến \d\d:\d\d:\d\d \(40 giây\)$/);
  expect(await axe(page)).toEqual([]);
});
