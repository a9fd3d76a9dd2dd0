// The maintenance panel as dispatchers and technicians use it: faults, work orders, their steps, refusals, a lost link, a phone.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { FaultKind, WorkOrderStep } from "../../src/gen/ngatu/v1/maintenance_pb";
import { axe, launch, PHONE } from "./browser";
import { NASTY, snapshot } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { health, orders } from "./maintenance";
import { openPage } from "./steps";

const DESK = { width: 1440, height: 900 };
/** A moment: the time, with the day before it where that is another day than today. */
const MOMENT = String.raw`(\d\d/\d\d )?\d\d:\d\d:\d\d`;
const folder = process.env["LOOK"];
let hall: FixtureHall;
let browser: Browser;
let page: Page;

beforeAll(async () => void (browser = await launch()));
afterAll(() => browser.close());
beforeEach(async () => {
  hall = new FixtureHall();
  hall.snapshot = snapshot;
  Object.assign(hall.maintenance, { junctions: health(), orders: orders() });
  await hall.start();
});
afterEach(async () => {
  await page?.context().close();
  await hall.stop();
});

const look = async (name: string) => void (folder && (await page.screenshot({ path: `${folder}/maintenance-${name}.png` })));
const text = async (selector: string) => (await page.locator(selector).first().innerText()).replace(/\s+/g, " ").trim();
const texts = async (selector: string) => (await page.locator(selector).allInnerTexts()).map((one) => one.replace(/\s+/g, " ").trim());
const fault = (junction: string, kind: FaultKind) => `[data-junction=${junction}] [data-kind="${kind}"]`;

async function open(viewport = DESK, view: "health" | "orders" = "health", language: "vi" | "en" = "vi"): Promise<void> {
  const before = async (p: Page) => {
    // The page's clock can be put forward; the panel is in front from the start, so that no map is drawn.
    await p.clock.install();
    await p.evaluate(() => sessionStorage.setItem("ngatu.front", JSON.stringify({ left: "maintenance", narrow: "maintenance" })));
  };
  page = await openPage(browser, hall.url, PASSWORD, { viewport, language, before });
  await page.waitForSelector(".junctions li");
  if (view === "orders") {
    await page.click(".panel-maintenance .chip[data-view=orders]");
    await page.waitForSelector(".rows-of-orders li");
  }
}

async function openOrder(id: number): Promise<void> {
  await page.click(`[data-order="${id}"] button`);
  await page.waitForSelector(`.order-box h3:text-is("Phiếu ${id}")`);
  await page.waitForSelector(".order-box .inside:not([hidden])");
}

/** What of the panel and the tabs lies beyond the panel's right edge. */
const beyond = () =>
  page.evaluate(() => {
    const edge = document.querySelector(".panel-maintenance")!.getBoundingClientRect().right + 0.5;
    const all = [...document.querySelectorAll<HTMLElement>(".panel-maintenance, .panel-maintenance *, .bar *")];
    return all.filter((node) => node.getBoundingClientRect().right > edge).map((node) => node.className || node.tagName);
  });

/** More than the time between two questions passes on the page. */
const later = () => page.clock.fastForward(12_000);

test("faults are shown by junction as the hall orders them, with what they mean, since when and what is done", async () => {
  hall.maintenance.junctions[2]!.faults[0]!.text = NASTY;
  await open();
  expect(await text(".health .summary")).toBe("3 / 42 tủ có lỗi");
  expect(await texts(".junctions .name")).toEqual(["Kim Liên – Đại Cồ Việt", "Ngã Tư Sở", "Cửa Nam", "Điện Biên Phủ – Trần Phú"]);
  const rows = await texts("[data-junction=kim-lien] .faults li");
  expect(rows).toEqual([
    expect.stringMatching(new RegExp(`^▲ Cao An toàn cả tủ A0006 lỗi an toàn conflict monitor: SG1/SG3 18 phút từ ${MOMENT} Lập phiếu$`)),
    expect.stringMatching(new RegExp(`^△ Trung bình Bóng đèn HN\\+AG0101=001SG003 A0201 lỗi bóng đèn nặng; A0202 lỗi bóng đèn nhẹ Bóng đèn đỏ hỏng 2 ngày từ \\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d Phiếu 17$`)),
    expect.stringMatching(/^▽ Thấp Cảm biến detector 3 không đếm được xe nào cả ngày 26 giờ từ /),
    expect.stringMatching(/^▽ Thấp Đồng hồ cả tủ chạy nhanh 3,2 giây so với trạm 5 giờ từ /),
  ]);
  expect(await text("[data-junction=kim-lien] .facts")).toBe("trạm tram-den 24 giờ qua nghe được 99,9 % mất liên lạc 2 lần đồng hồ nhanh 3,2 giây");
  expect(await texts("[data-junction=nga-tu-so] .codes")).toEqual(["trạm không nghe thấy tủ", "chập chờn, mất rồi có nhiều lần"]);
  expect(await text("[data-junction=nga-tu-so] .facts")).toContain("▲ 24 giờ qua nghe được 61,2 %");
  expect(await text("[data-junction=dien-bien-phu]")).toContain("không có lỗi lúc này");
  expect(await text("[data-junction=cua-nam] .text")).toContain(NASTY);
  expect(await axe(page)).toEqual([]);
  expect(await beyond()).toEqual([]);
  await look("health");
  await page.click("[data-junction=nga-tu-so] .name");
  await page.waitForSelector(".panel-map:not([hidden])");
  expect(await text(".panel-details h2")).toBe("Ngã Tư Sở");
  await page.click(".tabs [aria-controls=panel-maintenance]");
  expect(await page.getAttribute("[data-junction=nga-tu-so] .name", "aria-current")).toBe("true");
  // By kind, by name, and when there is none left.
  expect((await texts(".health select[name=kind] option")).slice(0, 4)).toEqual(["Mọi loại lỗi", "An toàn (1)", "Tủ điều khiển (0)", "Bóng đèn (1)"]);
  await page.selectOption(".health select[name=kind]", String(FaultKind.LAMP));
  expect(await texts(".junctions .name")).toEqual(["Kim Liên – Đại Cồ Việt"]);
  expect(await texts(".faults .what b")).toEqual(["Bóng đèn"]);
  expect(await text(".junctions li")).toContain("và 3 lỗi loại khác");
  await page.selectOption(".health select[name=kind]", "0");
  await page.fill(".health input[type=search]", "cua nam");
  await expect.poll(() => texts(".junctions .name")).toEqual(["Cửa Nam"]);
  await page.fill(".health input[type=search]", "khong co");
  await page.waitForSelector(".health .notice:text-is('Không có tủ nào khớp.')");
  await page.fill(".health input[type=search]", "");
  hall.maintenance.junctions = [];
  await later();
  await page.waitForSelector(".health .notice.well:text-is('● Không tủ nào có lỗi.')");
  expect(await text(".health .summary")).toBe("0 / 42 tủ có lỗi");
});

test("a work order is made from a fault and for what somebody saw, once, also when the button is pressed twice; a refusal keeps what was typed", async () => {
  await open();
  hall.maintenance.refuses = new ConnectError("there is one", Code.AlreadyExists);
  hall.maintenance.delayMs = 400;
  await page.click(`${fault("kim-lien", FaultKind.DETECTOR)} button`);
  expect(await text(".health .form-box h3")).toBe("Lập phiếu: Kim Liên – Đại Cồ Việt, Cảm biến · detector 3");
  expect(await page.inputValue(".health .form-box textarea")).toBe("Kiểm tra và sửa: Cảm biến, detector 3, không đếm được xe nào cả ngày");
  expect(await texts(".health .form-box select[name=due] option:first-child")).toEqual(["Theo mức ưu tiên: 7 ngày"]);
  await page.fill(".health .form-box textarea", "ab");
  await page.click(".health .form-box .go");
  expect(await text(".health .form-box [role=status]")).toBe("✕ Hãy ghi từ 3 đến 500 ký tự.");
  await page.fill(".health .form-box textarea", "đo lại vòng từ");
  await page.fill(".health .form-box input[name=assignee]", "tuấn");
  await page.selectOption(".health .form-box select[name=due]", "24");
  expect(await axe(page)).toEqual([]);
  await look("form");
  await page.dblclick(".health .form-box .go");
  await page.waitForSelector(".form-box [role=status]:text-is('✕ Đã có phiếu đang mở cho bộ phận này.')");
  expect(await page.inputValue(".health .form-box textarea")).toBe("đo lại vòng từ");
  await page.click(".health .form-box .go");
  await page.waitForSelector(".health .outcome.good:has-text('● Đã lập phiếu 107.')");
  expect(await page.locator(".health .form-box").isHidden()).toBe(true);
  expect(hall.maintenance.opened).toHaveLength(2);
  const asked = hall.maintenance.opened[1]!;
  expect(asked).toMatchObject({ junction: "kim-lien", kind: FaultKind.DETECTOR, part: "detector 3", note: "đo lại vòng từ", assignee: "tuấn" });
  expect(Math.abs(Number(asked.dueMs) - Date.now() - 24 * 3_600_000)).toBeLessThan(60_000);
  await page.waitForSelector(`${fault("kim-lien", FaultKind.DETECTOR)} button:text-is("Phiếu 107")`);
  await page.click(`${fault("kim-lien", FaultKind.DETECTOR)} button`);
  await page.waitForSelector(".order-box .history li:has-text('đo lại vòng từ')");
  // What somebody saw at the selected junction; without the right nothing can be sent.
  await page.click(".panel-maintenance .chip[data-view=health]");
  await page.click("[data-junction=cua-nam] .name");
  await page.click(".tabs [aria-controls=panel-maintenance]");
  await page.click(".health > .toolbar button");
  expect(await page.inputValue(".form-box select[name=junction]")).toBe("cua-nam");
  await page.fill(".form-box textarea", "cột nghiêng");
  await page.click(".health .form-box .go");
  expect(await text(".health .form-box [role=status]")).toBe("✕ Hãy chọn loại lỗi.");
  await page.selectOption(".form-box select[name=kind]", String(FaultKind.OTHER));
  await page.fill(".form-box input[name=part]", "cột phía đông");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".health .outcome.good");
  expect(hall.maintenance.opened[2]).toMatchObject({ junction: "cua-nam", kind: FaultKind.OTHER, part: "cột phía đông", note: "cột nghiêng", dueMs: 0n, assignee: "" });
  hall.maintenance.mayMaintain = false;
  await page.click(".health > .toolbar button");
  await page.waitForSelector(".form-box [role=status]:text-is('✕ Bạn không có quyền bảo trì ở nút này.')");
  expect(await page.locator(".health .form-box .go").isDisabled()).toBe(true);
  await page.keyboard.press("Escape");
  await later();
  await expect.poll(() => page.locator(".faults .acts button:text-is('Lập phiếu')").count()).toBe(0);
});

test("work orders tell state, who has them, what is overdue and what was mended in vain", async () => {
  await open(DESK, "orders");
  expect(await text(".work-orders .summary")).toBe("3 phiếu, 1 quá hạn");
  const rows = await texts(".rows-of-orders li");
  expect(rows).toEqual([
    expect.stringMatching(new RegExp(`^Phiếu 18 Ngã Tư Sở ○ Chưa ai nhận Liên lạc · cả tủ · trạm không nghe thấy tủ ▲ Cao Hạn ${MOMENT}, còn 3 giờ ● lỗi đang còn, từ ${MOMENT}$`)),
    expect.stringMatching(/^Phiếu 17 Kim Liên – Đại Cồ Việt ◐ Đang làm Bóng đèn · HN\+AG0101=001SG003 · A0201 lỗi bóng đèn nặng △ Trung bình Người làm: tuấn ▲ Quá hạn 25 giờ \(hạn \d\d\/\d\d \d\d:\d\d:\d\d\) ● lỗi đang còn/),
    expect.stringMatching(/^Phiếu 16 .* Người làm: admin Hạn \d\d\/\d\d \d\d:\d\d:\d\d, còn 4 ngày ◌ do người thấy, tủ không báo$/),
  ]);
  expect(hall.maintenance.listed.at(-1)).toMatchObject({ assignee: "", closedDays: 0, junction: "" });
  await page.click(".work-orders .tick:has-text('Của tôi')");
  await expect.poll(() => texts(".rows-of-orders .number")).toEqual(["Phiếu 16"]);
  expect(hall.maintenance.listed.at(-1)).toMatchObject({ assignee: "admin", closedDays: 0 });
  await page.click(".work-orders .tick:has-text('Của tôi')");
  await page.click(".work-orders .tick:has-text('Cả phiếu đã đóng')");
  await expect.poll(() => texts(".rows-of-orders .number")).toEqual([18, 17, 16, 15, 14, 13].map((n) => `Phiếu ${n}`));
  expect(hall.maintenance.listed.at(-1)).toMatchObject({ assignee: "", closedDays: 30 });
  expect(await texts(".rows-of-orders .verdict.bad")).toEqual([
    expect.stringMatching(/^▲ đã báo xong nhưng lỗi vẫn còn, từ \d\d\/\d\d /),
    expect.stringMatching(/^▲ lỗi trở lại sau khi sửa, từ \d\d\/\d\d /),
  ]);
  expect(await text("[data-order='13']")).toMatch(/– Đã huỷ .* Hạn .* ✓ lỗi đã hết, lần cuối thấy /);
  expect(await axe(page)).toEqual([]);
  await look("orders");
});

test("an order is taken by keyboard and done: what is sent has the note and the version that was seen, or is refused", async () => {
  await open(DESK, "orders");
  await page.focus('[data-order="18"] button');
  await page.keyboard.press("Enter");
  await page.waitForSelector(".order-box .steps button");
  expect(await texts(".order-box .steps button")).toEqual(["Nhận việc", "Ghi chú", "Huỷ phiếu"]);
  await page.focus(".order-box .steps button");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".steps-box > .outcome.good:text-is('● Đã giao phiếu 18 cho admin.')");
  await expect.poll(() => texts(".order-box .steps button")).toEqual(["Nhận việc", "Báo xong", "Ghi chú", "Trả lại", "Huỷ phiếu"]);
  await page.waitForSelector('[data-order="18"]:has-text("◐ Đang làm")');
  await page.click(".order-box .steps button:text-is('Báo xong')");
  await page.click(".steps-box .go");
  expect(await text(".steps-box > .outcome")).toBe("✕ Hãy ghi từ 3 đến 500 ký tự.");
  await page.fill(".steps-box textarea", "đã thay bộ thu phát");
  await look("order-form");
  expect(await axe(page)).toEqual([]);
  await page.click(".steps-box .go");
  await page.waitForSelector(".steps-box > .outcome.good:text-is('● Đã báo xong phiếu 18.')");
  expect(hall.maintenance.moved.map(({ id, step, assignee, note, version }) => ({ id, step, assignee, note, version }))).toEqual([
    { id: 18n, step: WorkOrderStep.TAKE, assignee: "", note: "", version: 1 },
    { id: 18n, step: WorkOrderStep.DONE, assignee: "", note: "đã thay bộ thu phát", version: 2 },
  ]);
  expect((await texts(".order-box .history li"))[0]).toMatch(new RegExp(`^${MOMENT} admin báo xong đã thay bộ thu phát$`));
  expect(await texts(".order-box .steps button")).toEqual(["Ghi chú", "Mở lại"]);
  await expect.poll(() => page.locator('[data-order="18"]').count()).toBe(0);
  // A step that comes after somebody else's is refused, shown anew and can be sent again; what was typed stays.
  hall.maintenance.moved = [];
  await openOrder(17);
  const order = hall.maintenance.orders.find(({ id }) => id === 17n)!;
  await page.click(".order-box .steps button:text-is('Ghi chú')");
  await page.fill(".steps-box textarea", "hàng đã về kho");
  hall.maintenance.move(order, WorkOrderStep.GIVE_BACK, "tuấn");
  await page.click(".steps-box .go");
  await page.waitForSelector(".steps-box > .outcome.bad:has-text('✕ Người khác vừa đổi phiếu này.')");
  await page.waitForSelector(".order-box .history li:first-child:has-text('tuấn trả lại việc')");
  expect(await page.inputValue(".steps-box textarea")).toBe("hàng đã về kho");
  expect(await texts(".order-box .steps button")).toEqual(["Nhận việc", "Ghi chú", "Huỷ phiếu"]);
  await page.click(".steps-box .go");
  await page.waitForSelector(".steps-box > .outcome.good:text-is('● Đã ghi chú vào phiếu 17.')");
  expect(hall.maintenance.moved.map(({ step, version }) => [step, version])).toEqual([[WorkOrderStep.NOTE, 3], [WorkOrderStep.NOTE, 4]]);
  // Another refusal, in the operator's words.
  await page.click(".order-box .steps button:text-is('Huỷ phiếu')");
  await page.fill(".steps-box textarea", "trùng phiếu 18");
  hall.maintenance.refuses = new ConnectError("no right there", Code.PermissionDenied);
  await page.click(".steps-box .go");
  await page.waitForSelector(".steps-box > .outcome.bad:text-is('✕ Bạn không có quyền bảo trì ở nút này.')");
});

test("typing survives a refresh, and who types is told when the order was changed meanwhile", async () => {
  await open(DESK, "orders");
  await openOrder(17);
  expect(await text(".order-box dl")).toMatch(/^Trạng thái ◐ Đang làm Người làm tuấn Hạn ▲ Quá hạn 25 giờ .* Mức ưu tiên △ Trung bình Lỗi Bóng đèn · HN\+AG0101=001SG003/);
  await look("order");
  await page.click(".order-box .steps button:text-is('Báo xong')");
  await page.keyboard.type("đã thay bóng");
  const order = hall.maintenance.orders.find(({ id }) => id === 17n)!;
  hall.maintenance.move(order, WorkOrderStep.NOTE, "lan", "nhớ chụp ảnh");
  await later();
  await page.waitForSelector(".steps-box > .outcome.warn:has-text('Người khác vừa đổi phiếu này')");
  await page.keyboard.type(" đỏ");
  expect(await page.inputValue(".steps-box textarea")).toBe("đã thay bóng đỏ");
  hall.maintenance.move(order, WorkOrderStep.CANCEL, "lan", "trùng");
  await later();
  await page.waitForSelector(".steps-box > .outcome.warn:has-text('không còn làm được bước này')");
  expect(await page.inputValue(".steps-box textarea")).toBe("đã thay bóng đỏ");
  expect(await page.locator(".steps-box .go").isDisabled()).toBe(true);
});

test("without a link nothing is shown as live and nothing is asked or sent; behind another panel nothing is asked", async () => {
  await open(DESK, "health", "en");
  expect(await text(".faults li")).toMatch(new RegExp(`^▲ High Safety whole cabinet A0006 safety error conflict monitor: SG1/SG3 18 min since ${MOMENT} Make order$`));
  expect(await beyond()).toEqual([]);
  await page.click(`${fault("kim-lien", FaultKind.SAFETY)} button`);
  await page.fill(".form-box textarea", "có xung đột, gọi CSGT");
  await hall.stop();
  await page.waitForSelector(".health.unknown", { timeout: 20_000 });
  expect(await text(".health .as-of")).toMatch(/^Data as of \d\d:\d\d:\d\d, not live$/);
  expect(await page.locator(".health .form-box .go").isDisabled()).toBe(true);
  expect(await page.locator(".faults .acts button:text-is('Make order'):not([disabled])").count()).toBe(0);
  await hall.start();
  await page.waitForSelector(".health:not(.unknown)", { timeout: 30_000 });
  await expect.poll(() => text(".health .as-of")).toMatch(/^As of /);
  expect(await page.inputValue(".form-box textarea")).toBe("có xung đột, gọi CSGT");
  await page.click(".tabs [aria-controls=panel-map]");
  const { looks } = hall.maintenance;
  const asOf = await page.textContent(".health .as-of");
  await later();
  await page.click(".tabs [aria-controls=panel-maintenance]");
  await expect.poll(() => text(".health .as-of")).not.toBe(asOf);
  // One for coming back to the front, none for the time behind.
  expect(hall.maintenance.looks).toBe(looks + 1);
});

test("on a phone at the pole everything fits, can be pressed and has no serious barrier", async () => {
  await open(PHONE);
  const small = () => page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>(".panel-maintenance :is(button, select, input:not([type=checkbox]), .tick)")]
      .filter((node) => node.offsetParent !== null && node.getBoundingClientRect().height < 44)
      .map((node) => node.textContent));
  const fits = async (barriers = false) => expect([await small(), await beyond(), barriers ? await axe(page) : []]).toEqual([[], [], []]);
  await fits(true);
  await look("phone-health");
  await page.click(`${fault("kim-lien", FaultKind.SAFETY)} button`);
  await fits();
  await look("phone-form");
  await page.click(".form-box .actions .plain");
  await page.click(`${fault("kim-lien", FaultKind.LAMP)} button`);
  await page.waitForSelector(".order-box .inside:not([hidden])");
  await fits();
  await look("phone-order");
  await page.click(".order-box .steps button:text-is('Báo xong')");
  await page.fill(".steps-box textarea", "đã thay bóng đỏ nhóm 3");
  await fits(true);
  await look("phone-order-form");
  await page.click(".steps-box .go");
  await page.waitForSelector(".steps-box > .outcome.good");
  await page.click(".order-box .back");
  await page.waitForSelector(".rows-of-orders li");
  await fits();
  await look("phone-orders");
});
