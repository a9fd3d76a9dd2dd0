// Why there is no advice, in words.
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { SignalAdviceSchema } from "../../src/gen/ngatu/v1/signal_pb";
import { adviceInWords } from "../../src/panels/junction/advice";

test.each([
  [{ why: "failed", where: "Phố Huế", detector: 3, detail: "chatter" }, "cảm biến 3 ở Phố Huế hỏng (đếm nhiều hơn mức có thể)"],
  [{ why: "failed", where: "Phố Huế", detector: 3, detail: "A9999" }, "cảm biến 3 ở Phố Huế hỏng (A9999)"],
  [{ why: "camera_failed", where: "Phố Huế", detail: "camera_covered pho-hue-2" }, "không tin được camera pho-hue-2 ở Phố Huế (Camera bị che)"],
  [{ why: "camera_failed", where: "Phố Huế", detail: "noHits pho-hue-2" }, "không tin được camera pho-hue-2 ở Phố Huế (không đếm được xe nào cả ngày)"],
])("what counts is not believed: %s", (advice, want) => {
  expect(adviceInWords(create(SignalAdviceSchema, advice)).text).toBe(`▲ Theo chương trình cố định: ${want}`);
});
