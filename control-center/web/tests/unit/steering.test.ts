// What adaptive control orders, in words.
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { SignalSteeringSchema } from "../../src/gen/ngatu/v1/signal_pb";
import { t, tOr } from "../../src/i18n";
import { steeringInWords } from "../../src/panels/junction/steering";
import { ordererInWords } from "../../src/panels/junction/words";

const NOW = 1_795_669_536_000;

test.each([
  [{ state: "calling", kind: "hold", stage: 2 }, "◌ Đang gửi lệnh cho giai đoạn 2"],
  [{ state: "ordered", kind: "hold", stage: 1, untilMs: BigInt(NOW + 7_400) }, "● Giữ xanh giai đoạn 1, nhiều nhất 8 s nữa"],
  [{ state: "ordered", kind: "next", stage: 3, untilMs: BigInt(NOW + 7_400) }, "▶ Gọi sớm giai đoạn 3"],
  [{ state: "gives_back", kind: "silent" }, "◌ Đang trả nút về chương trình: mất số đếm hoặc mất tin"],
  [{ state: "follows", why: "content" }, "○ Theo chương trình: lúc này không có gì tốt hơn"],
  [{ state: "follows", why: "other_order", detail: "calendar:ngay" }, "○ Theo chương trình: lệnh khác đang có hiệu lực (Lịch ngay)"],
  [{ state: "follows", why: "backs_off", whyMs: BigInt(NOW) }, "▲ Theo chương trình: lệnh vừa bị từ chối hoặc không được thực hiện, thử lại lúc 12:05:36"],
  [{ state: "follows", why: "failed", detail: "silent: the gateway did not answer" }, "▲ Theo chương trình: lệnh không thành: Không trả lời · trạm không trả lời"],
  [{ state: "follows", why: "failed", detail: "silent: the bus did not take it" }, "▲ Theo chương trình: lệnh không thành: Không trả lời · không gửi đi được"],
  [{ state: "follows", why: "failed", detail: "otherwise: mode normal, plan 1, green 2" }, "▲ Theo chương trình: lệnh không thành: Tủ không thực hiện · chương trình 1, xanh: nhóm 2"],
  [{ state: "follows", why: "failed", detail: "ended: not_shown" }, "▲ Theo chương trình: lệnh không thành: Đã hết, nút chạy chương trình riêng · tủ không thực hiện lệnh"],
  [{ state: "follows", why: "failed", detail: "no answer" }, "▲ Theo chương trình: lệnh không thành: lỗi ở trung tâm, xem nhật ký"],
  [{ state: "follows", why: "other_order" }, "○ Theo chương trình: lệnh khác đang có hiệu lực"],
])("what it does now: %s", (now, want) => {
  expect(steeringInWords(create(SignalSteeringSchema, now), NOW).text).toBe(want);
});

test("every reason has its words", () => {
  const whys = "content changing silent spent plan_unknown other_stage full longest_wait rest rate backs_off stopped other_order ending local mode_unknown emergency calendar not_orderable late safety failed";
  for (const why of whys.split(" ")) expect(tOr("steering", `why-${why}`), why).not.toBe(`why-${why}`);
  for (const back of "enough ended silent gives_way full longest_wait restart".split(" ")) expect(tOr("steering", `back-${back}`), back).not.toBe(`back-${back}`);
});

test("who orders", () => {
  expect(ordererInWords("adaptive:kim-lien")).toBe(t("steering.orderer", { id: "kim-lien" }));
  expect(ordererInWords("lan")).toBe("lan");
});
