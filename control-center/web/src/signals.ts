// What one character of a signal group means (RSMP TLC S0001), as models/domain/src/signal says it.

export type Aspect = "red" | "red-yellow" | "green" | "yellow" | "flashing-green" | "flashing-yellow" | "flashing-red" | "dark" | "unknown";

export function aspectOf(state: string): Aspect {
  if (state === "0") return "red-yellow";
  if (state >= "1" && state <= "8") return "green";
  if (state === "9") return "flashing-green";
  if (state === "c") return "flashing-yellow";
  if (state === "d") return "flashing-red";
  if (state === "N" || state === "O") return "yellow";
  if (state === "g" || state === "h" || state === "P" || (state >= "A" && state <= "G")) return "red";
  if (state === "a" || state === "b") return "dark";
  return "unknown";
}

export const aspectsOf = (groups: string): Aspect[] => Array.from(groups, aspectOf);

/** Shape and colour tell the same, so that neither is needed to read the other. */
export const GLYPHS: Record<Aspect, { glyph: string; colour: string }> = {
  red: { glyph: "■", colour: "#ff6b62" },
  "red-yellow": { glyph: "◧", colour: "#ff9a4d" },
  yellow: { glyph: "◆", colour: "#ffd24d" },
  green: { glyph: "▲", colour: "#4fdc9b" },
  "flashing-green": { glyph: "△", colour: "#4fdc9b" },
  "flashing-yellow": { glyph: "◇", colour: "#ffd24d" },
  "flashing-red": { glyph: "□", colour: "#ff6b62" },
  dark: { glyph: "○", colour: "#a9b8c6" },
  unknown: { glyph: "?", colour: "#a9b8c6" },
};
