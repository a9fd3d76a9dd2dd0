// The only way elements are made here: text goes in as text nodes, so data can never become markup.

type Attrs = Record<string, string | number | boolean | undefined>;
type Child = Node | string | undefined | null | false;

/** An element with attributes and children; `class`, `aria-*`, `data-*` as they are written in HTML. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attrs: Attrs = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** A decorative icon of one path in a 24 x 24 box. */
export function icon(path: string, className = "icon"): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** Sets a text only when it changed: screen readers and layout stay quiet. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
