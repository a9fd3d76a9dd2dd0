// What is wrong with gateways, in words.
import type { Gateway } from "./city";
import { integer } from "./format";
import { t } from "./i18n";

/** So many are named in one line; where all are full, the cause is elsewhere. */
const NAMED_MAX = 5;

/** What to do about gateways that keep nothing, by name; empty where there are none. */
export function fullInWords(full: readonly Gateway[]): string {
  if (full.length === 0) return "";
  const named = full.slice(0, NAMED_MAX).map((g) => g.id);
  const gateways = named.join(", ") + (full.length > named.length ? ` (+${integer(full.length - named.length)})` : "");
  return t("gateway.full", { gateways });
}
