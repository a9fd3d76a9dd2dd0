// The page's words: one typed dictionary a language; the choice is remembered in this browser.
import { en } from "./en";
import { vi } from "./vi";

export type Key = keyof typeof vi;
export type Dictionary = Record<Key, string>;
export type Language = "vi" | "en";

export const DICTIONARIES: Record<Language, Dictionary> = { vi, en };
const KEPT = "ngatu.language";

export function language(): Language {
  try {
    return localStorage.getItem(KEPT) === "en" ? "en" : "vi";
  } catch {
    return "vi"; // storage is switched off
  }
}

const current = language();

/** The text of `key` in the chosen language; `{name}` is replaced by `values.name`. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return fill(DICTIONARIES[current][key], values);
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** The text of `prefix.name` when the dictionary has it, else the name itself: names of rules come from the poles. */
export function tOr(prefix: string, name: string): string {
  const key = `${prefix}.${name}`;
  return Object.hasOwn(vi, key) ? t(key as Key) : name;
}

/** Remembers the choice and loads the page anew: every text, number and time follows. */
export function choose(next: Language): void {
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // storage is switched off: the choice cannot be kept
  }
  location.reload();
}
