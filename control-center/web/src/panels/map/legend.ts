// What the signs on the map mean.
import { el } from "../../dom";
import { t, type Key } from "../../i18n";
import type { Aspect } from "../../signals";
import { busIcon, cameraIcon, draw, junctionIcon, RATIO } from "./icons";

export function legend(): HTMLElement {
  const rows: [string, Key | [Key, Key]][] = [
    [cameraIcon("up"), ["kind.camera", "state.up"]],
    [cameraIcon("down"), ["kind.camera", "state.down"]],
    [cameraIcon("unknown"), ["kind.camera", "state.unknown"]],
    [busIcon(false, false), "kind.bus"],
    [busIcon(true, false), ["kind.bus", "map.stale"]],
    [junctionIcon("up", ["red"]), ["kind.junction", "aspect.red"]],
    [junctionIcon("up", ["yellow"]), ["kind.junction", "aspect.yellow"]],
    [junctionIcon("up", ["green"]), ["kind.junction", "aspect.green"]],
    [junctionIcon("up", ["dark"] satisfies Aspect[]), ["kind.junction", "aspect.dark"]],
    [junctionIcon("down", []), ["kind.junction", "state.down"]],
  ];
  const list = el("ul");
  for (const [name, words] of rows) {
    const text = typeof words === "string" ? t(words) : `${t(words[0])}: ${t(words[1]).toLowerCase()}`;
    list.append(el("li", {}, picture(name), text));
  }
  return el("details", { class: "legend" }, el("summary", {}, t("map.legend")), list);
}

function picture(name: string): HTMLCanvasElement {
  const node = el("canvas", { "aria-hidden": "true" });
  const image = draw(name);
  if (image) {
    node.width = image.width;
    node.height = image.height;
    node.style.width = `${image.width / RATIO}px`;
    node.getContext("2d")?.putImageData(image, 0, 0);
  }
  return node;
}
