// The question that the form asks, and its answer in words. Pure.
import type { MessageInitShape } from "@bufbuild/protobuf";

import { MissingReason, type FoundTrack, type MissingGateway, type SearchTracksRequestSchema } from "../../gen/ngatu/v1/api_pb";
import type { Direction, RoadUser } from "../../gen/ngatu/v1/event_pb";
import { Colour } from "../../gen/ngatu/v1/gateway_pb";
import type { TrackRow } from "../../gen/ngatu/v1/gateway_pb";
import { t, type Key } from "../../i18n";

export interface Form {
  fromMs: number;
  toMs: number;
  camera: string;
  users: RoadUser[];
  colours: Colour[];
  line: string;
  direction: Direction;
  zone: string;
  heightMin: number;
  purpose: string;
}

export const PAGE = 100;

export function requestOf(form: Form, pageToken: string): MessageInitShape<typeof SearchTracksRequestSchema> {
  return {
    purpose: form.purpose.trim(),
    pageToken,
    query: {
      fromMs: BigInt(form.fromMs),
      toMs: BigInt(form.toMs),
      cameras: form.camera ? [form.camera] : [],
      roadUsers: form.users,
      colours: form.colours,
      ...(form.line ? { line: form.line } : {}),
      ...(form.direction ? { direction: form.direction } : {}),
      ...(form.zone ? { zone: form.zone } : {}),
      ...(form.heightMin > 0 ? { heightMin: form.heightMin } : {}),
      limit: PAGE,
    },
  };
}

/** What is wrong with a form, in words; undefined when it can be sent. */
export function wrongWith(form: Form): Key | undefined {
  if (!Number.isFinite(form.fromMs) || !Number.isFinite(form.toMs) || form.fromMs >= form.toMs) return "tracks.bad-time";
  if (form.purpose.trim().length < 3) return "tracks.bad-purpose";
  return undefined;
}

/** Every gateway that is missing, once, with why; undefined when the list is whole. */
export function missingOf(missing: readonly MissingGateway[], gateways: number): string | undefined {
  if (missing.length === 0) return undefined;
  const named = [...new Map(missing.map((m) => [m.gateway, reasonOf(m)]))].map(([gateway, why]) => `${gateway} (${why})`);
  return t("tracks.partial", { n: named.length, of: gateways, gateways: named.join("; ") });
}

const REASONS: Partial<Record<MissingReason, Key>> = {
  [MissingReason.UNREACHABLE]: "tracks.missing-unreachable",
  [MissingReason.SILENT]: "tracks.missing-silent",
  [MissingReason.PARTIAL]: "tracks.missing-partial",
};

/** In the user's language, with the gateway's own words in brackets where there are any. */
function reasonOf(missing: MissingGateway): string {
  const key = REASONS[missing.reason];
  if (key === undefined) return missing.why;
  return missing.why === "" ? t(key) : `${t(key)}: ${missing.why}`;
}

export interface PathPoint {
  ms: number;
  x: number;
  y: number;
}

/** The path as it was driven: each point is told as a difference from the one before. */
export function pathOf(track: TrackRow): PathPoint[] {
  let [ms, x, y] = [Number(track.beganMs), 0, 0];
  return track.pathMs.map((by, i) => {
    ms += by;
    x += track.pathX[i] ?? 0;
    y += track.pathY[i] ?? 0;
    return { ms, x, y };
  });
}

export const keyOf = (found: FoundTrack): string => `${found.gateway}/${found.track?.number ?? 0n}`;

export const COLOURS = [
  Colour.WHITE, Colour.GREY, Colour.BLACK, Colour.RED, Colour.ORANGE, Colour.YELLOW, Colour.GREEN, Colour.BLUE, Colour.PURPLE, Colour.BROWN,
] as const;

const COLOUR_KEYS: Record<Colour, Key> = {
  [Colour.UNSPECIFIED]: "colour.unknown",
  [Colour.WHITE]: "colour.white",
  [Colour.GREY]: "colour.grey",
  [Colour.BLACK]: "colour.black",
  [Colour.RED]: "colour.red",
  [Colour.ORANGE]: "colour.orange",
  [Colour.YELLOW]: "colour.yellow",
  [Colour.GREEN]: "colour.green",
  [Colour.BLUE]: "colour.blue",
  [Colour.PURPLE]: "colour.purple",
  [Colour.BROWN]: "colour.brown",
};

export const SWATCHES: Record<Colour, string> = {
  [Colour.UNSPECIFIED]: "transparent",
  [Colour.WHITE]: "#f4f4f0",
  [Colour.GREY]: "#8c9196",
  [Colour.BLACK]: "#17191c",
  [Colour.RED]: "#c62828",
  [Colour.ORANGE]: "#ef7d1a",
  [Colour.YELLOW]: "#f2cc2f",
  [Colour.GREEN]: "#2e8b4f",
  [Colour.BLUE]: "#2962c4",
  [Colour.PURPLE]: "#7b3fa0",
  [Colour.BROWN]: "#7a4a2b",
};

export const colourName = (colour: Colour): string => t(COLOUR_KEYS[colour] ?? "colour.unknown");
