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
  const drawn = svg("svg", { viewBox: "0 0 24 24", class: className, "aria-hidden": "true" }) as SVGSVGElement;
  drawn.append(svg("path", { d: path }));
  return drawn;
}

/** An element of a drawing, with its text. */
export function svg(name: string, attrs: Record<string, string | number>, text?: string): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, String(value));
  if (text !== undefined) node.textContent = text;
  return node;
}

/** Sets a text only when it changed: screen readers and layout stay quiet. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
