// The junction panel as an operator uses it: live lamps, preview and confirmation, a second person, outcomes, a lost link.
import { create } from "@bufbuild/protobuf";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { BusPriorityMeasuredSchema, SignalAlarmOutcome, SignalAlarmStep, SignalCalendarState, SignalSteeringSchema, SignalWantedSchema, SignalWish } from "../../src/gen/ngatu/v1/signal_pb";
import { axe, launch, LAPTOP } from "./browser";
import { snapshot } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { health } from "./maintenance";
import { advice, bus, calendar } from "./signals";
import { openPage } from "./steps";

const folder = process.env["LOOK"];
const hall = new FixtureHall();
let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  hall.snapshot = snapshot;
  hall.maintenance.junctions = health();
  await hall.start();
});

afterAll(async () => {
  await browser?.close();
  await hall.stop();
});

beforeEach(async () => {
  await page?.context().close();
  Object.assign(hall.signals, { mayOrder: true, areas: [], mayOrderIn: [], user: "admin", orders: [], refusals: [], asked: [], handled: [], handlesAlarms: true, alarmAnswer: { outcome: SignalAlarmOutcome.DONE, detail: "" }, calendar: undefined, advice: undefined, priorities: undefined });
  page = await openPage(browser, hall.url, PASSWORD, { viewport: LAPTOP });
  await page.fill(".find input", "kim lien");
  await page.keyboard.press("Enter");
  await page.click(".panel-details button:has-text('Mở bảng điều khiển đèn')");
  await page.waitForSelector(".panel-junction .lamps tbody tr:nth-child(4)");
});

const text = (selector: string) => page.textContent(selector);

test("groups live with their times, mode, plan, clock and alarms", async () => {
  const lamps = (await page.locator(".lamps tbody tr").allTextContents()).map((row) => row.replace(/\s+/g, " "));
  expect(lamps[0]).toMatch(/^1 xe▲ Xanh\d+ giây\d\d–\d\d5 giây/);
  expect(lamps[1]).toMatch(/^2 xe■ Đỏ\d+ giây\d\d5 giây/);
  expect(lamps[3]).toMatch(/^4 đi bộ▲ Xanh\d+ giây–5 giây/);
  expect(await text(".live dl")).toMatch(/Chế độBình thườngChương trình2 \(theo lệnh\) · giây \d+ \/ 90 của chu kỳGiai đoạn \(số của tủ\)2Đồng hồ tủ\d\d:\d\d:\d\d \(nhanh 3 s so với trạm\)/);
  expect(await text(".junction-alarms .verdict")).toBe("Tủ tự đánh giá: △ lỗi nhẹ, cần sửa; có kết nối, đang điều khiển");
  expect(await text(".junction-alarms li:first-child")).toContain("▲ A0008 Bóng đèn đỏ hỏng (G3)");
  expect(await axe(page)).toEqual([]);
});

test("whether somebody is sent for what is wrong here, and the way to the work orders", async () => {
  await page.waitForSelector(".mending .outcome");
  expect((await text(".mending"))!.replace(/\s+/g, " ")).toBe("Bảo trì: ▲ 4 lỗi, 3 chưa có phiếu · 24 giờ qua nghe được 99,9 % · mất liên lạc 2 lần · đồng hồ nhanh 3,2 giây Mở Bảo trì");
  await page.click(".mending button");
  await page.waitForSelector(".panel-maintenance [data-junction=kim-lien]");
});

test("an alarm is acknowledged, suspended and resumed with a reason, and the controller's word is told", async () => {
  expect(await text(".junction-alarms li:nth-child(2)")).toBe("◌ A0302 DL4đã hết lỗi · đã xác nhận · đang tạm ngưngTheo dõi lại");
  await page.click(".junction-alarms li:first-child button:has-text('Xác nhận')");
  expect(await text(".handle p")).toContain("báo động vẫn còn cho đến khi hết lỗi");
  await page.click(".handle .go");
  expect(await text(".junction-alarms [role=status]")).toBe("✕ Hãy ghi lý do, ít nhất 3 ký tự.");
  await page.fill(".handle input", "đã gọi đội sửa chữa");
  expect(await axe(page)).toEqual([]);
  await page.click(".handle .go");
  await page.waitForSelector(".junction-alarms .outcome.good");
  expect(await text(".junction-alarms [role=status]")).toBe("● A0008: tủ báo đã xác nhận.");
  expect(await page.locator(".handle").count()).toBe(0);
  const [asked] = hall.signals.handled;
  expect(asked).toMatchObject({ junction: "kim-lien", code: "A0008", component: "G3", step: SignalAlarmStep.ACKNOWLEDGE, purpose: "đã gọi đội sửa chữa" });
  // Refused, then not answered in time: what was typed stays.
  for (const [answer, kind, want] of [
    [{ outcome: SignalAlarmOutcome.REFUSED, detail: "there is no such alarm" }, "bad", "✕ A0302: không thực hiện được: there is no such alarm"],
    [{ outcome: SignalAlarmOutcome.SILENT, detail: "the controller did not say in time whether it is so" }, "warn", "▲ A0302: chưa rõ đã thực hiện hay chưa: tủ không trả lời kịp."],
  ] as const) {
    hall.signals.alarmAnswer = answer;
    if ((await page.locator(".handle").count()) === 0) await page.click(".junction-alarms li:nth-child(2) button");
    await page.fill(".handle input", "lắp lại cảm biến");
    await page.click(".handle .go");
    await page.waitForSelector(`.junction-alarms .outcome.${kind}:has-text("${want}")`);
  }
  expect(hall.signals.handled.map(({ step }) => step)).toEqual([SignalAlarmStep.ACKNOWLEDGE, SignalAlarmStep.RESUME, SignalAlarmStep.RESUME]);
});

test("no buttons at alarms without the right, and why where the controller cannot", async () => {
  const again = async () => {
    for (const id of ["cua-nam", "kim-lien"]) await page.selectOption(".panel-junction .toolbar select", id);
    await page.waitForSelector(".junction-alarms li:nth-child(2)");
  };
  await page.waitForSelector(".junction-alarms button");
  hall.signals.mayOrder = false;
  await again();
  await page.waitForSelector(".command .soft:has-text('chỉ được xem')");
  await page.waitForFunction(() => document.querySelectorAll(".junction-alarms button").length === 0);
  Object.assign(hall.signals, { mayOrder: true, handlesAlarms: false });
  await again();
  await page.waitForSelector(".junction-alarms > p.soft:has-text('Loại tủ này không nhận xác nhận')");
  expect(await page.locator(".junction-alarms button").count()).toBe(0);
  expect(await axe(page)).toEqual([]);
});

test("late buses that asked for green, what it gave and what it cost others", async () => {
  expect(await page.locator(".priority").isHidden()).toBe(true);
  hall.signals.priorities = [];
  await page.waitForSelector(".priority [role=status]:has-text('Chưa có xe buýt trễ nào xin đèn xanh.')");
  const asked = BigInt(Date.now() - 600_000);
  hall.signals.priorities = [
    bus({ id: 4n, state: "ordered", why: "", order: 9n }),
    bus({ id: 3n, why: "other_order", detail: "lan" }),
    bus({ id: 2n, state: "passed", why: "", order: 7n, askedMs: asked, greenMs: asked + 8_000n, passedMs: asked + 15_000n, endedMs: asked + 16_000n, measured: create(BusPriorityMeasuredSchema, { gain: "early", gainS: 21.4, redS: 48, usualRedS: 35, group: 1 }) }),
    bus({ id: 1n, state: "unhelped", why: "load_unknown", detail: "detector 1: chatter", endedMs: asked }),
  ];
  await page.waitForSelector(".priority li:nth-child(4)");
  const rows = (await page.locator(".priority li").allTextContents()).map((row) => row.replace(/\s+/g, " "));
  expect(rows[0]).toMatch(/Tuyến 32, xe 29B-123\.45● đang giữ xanhkhi xin: trễ 3 phút, cách vạch dừng 120 m$/);
  expect(rows[1]).toContain("◌ đang chờ: lệnh của lan đang có hiệu lực");
  expect(rows[2]).toMatch(/✓ đã qua, xanh sau 8 giâyxanh sớm 21 giây; nhóm 1 chờ đỏ 48 giây \(thường 35\)khi xin/);
  expect(rows[3]).toContain("✕ đã qua, không được ưu tiên: không rõ lưu lượng (detector 1: chatter)");
  expect(await axe(page)).toEqual([]);
});

test("what the calendar says for now and next, and why it is not followed", async () => {
  expect(await page.locator(".live .calendar").isHidden()).toBe(true);
  hall.signals.calendar = calendar();
  await page.waitForSelector(".live .calendar .outcome.good");
  expect(await text(".live .calendar")).toMatch(/^Theo lịch \(Giờ cao điểm\): chương trình 3 đến (\d\d\/\d\d )?\d\d:00, sau đó chương trình 1 ● đang theo$/);
  hall.signals.calendar = calendar({ why: "wave_broken", detail: "Cầu Giấy, Kim Mã" });
  await page.waitForSelector(".live .calendar .outcome.warn");
  expect(await text(".live .calendar")).toMatch(/▲ đang theo, nhưng làn sóng xanh đứt ở Cầu Giấy, Kim Mã$/);
  hall.signals.calendar = calendar();
  await page.waitForSelector(".live .calendar .outcome.good");
  hall.signals.calendar = calendar({ state: SignalCalendarState.NOT_FOLLOWED, why: "failed", detail: "the junction has no plan 3", whyMs: BigInt(Date.now() + 60_000) });
  await page.waitForSelector(".live .calendar .outcome.warn");
  expect(await text(".live .calendar")).toMatch(/▲ chưa theo: lệnh không thành \(tủ không có chương trình này\); thử lại lúc .*\d\d:\d\d:\d\d$/);
  expect(await axe(page)).toEqual([]);
});

test("what adaptive control would do, what that is worth, and why it says nothing", async () => {
  expect(await page.locator(".advice").isHidden()).toBe(true);
  hall.signals.advice = advice();
  await page.waitForSelector(".advice .said.good");
  expect(await text(".advice .said")).toBe("▶ Kết thúc giai đoạn 1, chuyển sang giai đoạn 2 (nhóm 3)");
  const rows = (await page.locator(".advice tbody tr").allTextContents()).map((row) => row.replace(/\s+/g, " "));
  expect(rows).toEqual(["1140 s27 s", "2335 s31 s", "Lê Duẩn11.2403", "Đại Cồ Việt398014"]);
  expect(await text(".advice")).toContain("mỗi xe chậm 38,4 s với đèn như hiện nay, 24,1 s nếu thích ứng");
  expect(await page.locator(".advice figure path").count()).toBe(2);
  expect(await axe(page)).toEqual([]);
  hall.signals.advice = advice({ why: "failed", where: "Đại Cồ Việt", detector: 3, detail: "chatter", forecastMs: 0n });
  await page.waitForSelector(".advice .said.warn");
  expect(await text(".advice .said")).toBe("▲ Theo chương trình cố định: cảm biến 3 ở Đại Cồ Việt hỏng (đếm nhiều hơn mức có thể)");
  expect(await text(".advice")).not.toContain("mỗi xe chậm");

  // Where it may order: what it does, what it did today, and why nothing.
  expect(await text(".advice h3")).toBe("Điều khiển thích ứng (chỉ tư vấn)");
  const done = { orders: 41, refusals: 1, backs: [{ why: "enough", times: 9 }], stages: [{ planMs: 40_000n, heldMs: 212_000n, heldTimes: 25 }, { planMs: 35_000n, shortenedMs: 64_000n, shortenedTimes: 11 }] };
  const steering = create(SignalSteeringSchema, { state: "ordered", kind: "hold", stage: 1, untilMs: BigInt(Date.now() + 600_000), stretchMaxMs: 15_000n, shortenMaxMs: 10_000n, ...done });
  hall.signals.advice = advice({ steering });
  await page.waitForSelector(".steering .said.good");
  expect(await text(".steering .said")).toContain("● Giữ xanh giai đoạn 1, nhiều nhất ");
  expect(await text(".advice h3")).toBe("Điều khiển thích ứng (có gửi lệnh)");
  if (folder) await page.locator(".steering").screenshot({ path: `${folder}/signals-steering.png` });
  expect(await text(".steering")).toContain("212 s trong 25 lần");
  expect(await text(".steering")).toContain("Hôm nay 41 lệnh, 1 bị từ chối. Trả lại trước hạn: đã đủ 9.");
  hall.signals.advice = advice({ steering: Object.assign(steering, { state: "follows", why: "other_order", detail: "bus_priority:kim-ma" }) });
  await page.waitForSelector(".steering .said.soft");
  expect(await text(".steering .said")).toBe("○ Theo chương trình: lệnh khác đang có hiệu lực (Ưu tiên xe buýt kim-ma)");
});

test("detectors with their last five minutes and an hour of bars", async () => {
  await page.waitForSelector(".detectors tbody tr:nth-child(4)");
  const rows = (await page.locator(".detectors tbody tr").allTextContents()).map((row) => row.replace(/\s+/g, " "));
  expect(rows[0]).toMatch(/^1\d[\d.]* ?\d+ %29 km\/h/);
  expect(rows[3]).toMatch(/^4–––/);
  expect(await page.locator(".detectors tbody tr:nth-child(1) rect").count()).toBe(12);
  expect(await page.locator(".detectors tbody tr:nth-child(4) rect").count()).toBe(6);
  expect(await page.textContent(".detectors tbody tr:nth-child(1) rect title")).toMatch(/^\d\d:\d\d–\d\d:\d\d: \d+ xe, [\d.]+ xe\/giờ \(xe máy \d+, ô tô \d+\)$/);
  expect(await axe(page)).toEqual([]);
});

test("a plan is previewed, confirmed and listed with its outcome", async () => {
  await page.click(".wish-plan");
  await page.selectOption(".order [name=plan]", "3");
  await page.click(".order button[type=submit]");
  expect(await text(".preview")).toBe("Hãy ghi lý do, ít nhất 3 ký tự.");
  await page.fill(".order [name=purpose]", "giải tỏa ùn tắc");
  await page.click(".order button[type=submit]");
  await page.waitForSelector(".preview .go");
  expect(await text(".preview ul")).toMatch(/Tủ chuyển sang chương trình 3.*Tự hết lúc \d\d:\d\d:\d\d/);
  await page.click(".preview .go");
  await page.waitForSelector(".history .outcome.good");
  expect(await text(".history li")).toMatch(/Đổi chương trình 3 đến .*● Tủ đang thực hiện \(đã đọc lại\)admin: giải tỏa ùn tắc/);
  const [asked] = hall.signals.asked;
  expect([asked?.junction, asked?.wanted?.plan, asked?.holdMs, asked?.patienceMs]).toEqual(["kim-lien", 3, 900_000n, 30_000n]);
});

test("what safety refuses is said and cannot be confirmed", async () => {
  hall.signals.refusals = [{ code: "conflict", group: 1, otherGroup: 3, text: "x" }, { code: "minimum_green", group: 1, untilMs: 1_800_000_000_000n, tooEarly: true, text: "y" }];
  await page.click(".wish-groups");
  await page.click(".picks .chip:nth-child(1)");
  await page.click(".picks .chip:nth-child(3)");
  await page.fill(".order [name=purpose]", "thử");
  await page.click(".order button[type=submit]");
  await page.waitForSelector(".preview .refused");
  expect(await text(".preview .refused")).toBe("✕ An toàn không cho phép: nhóm 1 và nhóm 3 xung đột");
  expect(await text(".preview .early")).toContain("nhóm 1 chưa hết xanh tối thiểu");
  expect(await page.locator(".preview .go").count()).toBe(0);
});

test("flash waits for a second person", async () => {
  await page.click(".wish-flash");
  await page.fill(".order [name=purpose]", "sửa tủ đèn");
  await page.click(".order button[type=submit]");
  await page.click(".preview .go.grave");
  await page.waitForSelector(".waiting li");
  expect(await text(".tabs [aria-controls=panel-junction] .badge")).toBe("1");
  page.on("dialog", (dialog) => void dialog.accept());
  await page.click(".waiting .go.grave");
  await page.waitForSelector(".orders .decided:not([hidden])");
  expect(await text(".orders .decided")).toContain("a second person must");
  hall.signals.user = "lan";
  await page.click(".waiting .go.grave");
  await page.waitForSelector(".history .outcome.good");
  expect(await text(".history li")).toContain("admin, lan duyệt: sửa tủ đèn");
});

test("without the right nothing can be ordered", async () => {
  hall.signals.mayOrder = false;
  const wanted = create(SignalWantedSchema, { wish: SignalWish.DARK });
  hall.signals.add({ junction: "kim-lien", wanted, holdMs: 60_000n, purpose: "x y z" }, "lan", "waiting");
  await page.selectOption(".panel-junction .toolbar select", "cua-nam");
  await page.waitForFunction(() => document.querySelector(".command")?.textContent?.includes("không có quyền"));
  await page.waitForSelector(".waiting li");
  expect(await page.locator(".waiting button, .order button").count()).toBe(0);
});

test("a right that holds elsewhere says where, and where this junction is", async () => {
  Object.assign(hall.signals, { mayOrder: false, areas: ["Phường Cửa Nam"], mayOrderIn: ["Phường Ba Đình", "Phường Ngọc Hà"] });
  hall.signals.add({ junction: "kim-lien", wanted: create(SignalWantedSchema, { wish: SignalWish.DARK }), holdMs: 60_000n, purpose: "x y z" }, "lan", "waiting");
  await page.selectOption(".panel-junction .toolbar select", "cua-nam");
  await page.waitForFunction(() => document.querySelector(".command")?.textContent?.includes("Phường Cửa Nam"));
  expect(await text(".command")).toBe("Nút này thuộc Phường Cửa Nam; bạn chỉ được điều khiển đèn ở Phường Ba Đình, Phường Ngọc Hà.");
  await page.waitForSelector(".waiting li");
  expect(await text(".waiting li")).toContain("Ngoài khu vực của bạn");
  expect(await page.locator(".waiting button, .order button").count()).toBe(0);
});

test("a right that is taken while the panel is open takes the buttons away", async () => {
  await page.waitForSelector(".order .wish-dark");
  Object.assign(hall.signals, { mayOrder: false });
  await page.waitForFunction(() => document.querySelector(".command")?.textContent?.includes("không có quyền"));
  expect(await page.locator(".order button").count()).toBe(0);
  Object.assign(hall.signals, { mayOrder: true });
  await page.waitForSelector(".order .wish-dark");
});

test("a junction that goes back to its own plan says so, and a lost link shows nothing as live", async () => {
  const wanted = create(SignalWantedSchema, { wish: SignalWish.PLAN, plan: 2 });
  hall.signals.add({ junction: "kim-lien", wanted, holdMs: 600_000n, purpose: "x y z" }, "lan", "done", "mode normal, plan 2 (ordered), green 1");
  await page.waitForSelector(".history .outcome.good");
  hall.junction("kim-lien", (now) => ({ ...now, info: { ...now.info, now: { mode: 1, order: 7n, ending: "link_loss" } } }));
  await page.waitForSelector(".live .ending:not([hidden])");
  expect(await text(".live .ending")).toBe("▲ Đang trả nút về chương trình riêng: mất liên lạc với trung tâm");
  await hall.stop();
  await page.waitForSelector(".columns.unknown", { timeout: 30_000 });
  expect(await text(".lamps tbody")).not.toMatch(/Xanh|Đỏ/);
  expect(await text(".history .outcome")).toBe("✕ Mất liên lạc: chưa biết lệnh còn hiệu lực không. Trạm còn chạy mà không nghe được trung tâm sẽ trả nút về chương trình riêng trong 10 giây");
  await hall.start();
});
