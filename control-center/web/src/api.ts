// The hall's services over gRPC-Web on this page's own origin; the session is a cookie.
import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { CityService, SessionService } from "./gen/ngatu/v1/api_pb";
import { MaintenanceService } from "./gen/ngatu/v1/maintenance_pb";
import { SignalService } from "./gen/ngatu/v1/signal_pb";
import { TransitService } from "./gen/ngatu/v1/transit_pb";
import { t } from "./i18n";

const transport = createGrpcWebTransport({ baseUrl: location.origin });

export const session: Client<typeof SessionService> = createClient(SessionService, transport);
export const hall: Client<typeof CityService> = createClient(CityService, transport);
export type Hall = typeof hall;
export const signals: Client<typeof SignalService> = createClient(SignalService, transport);
export type Signals = typeof signals;
export const maintenance: Client<typeof MaintenanceService> = createClient(MaintenanceService, transport);
export type Maintenance = typeof maintenance;
export const transit: Client<typeof TransitService> = createClient(TransitService, transport);

export function codeOf(error: unknown): Code {
  return ConnectError.from(error).code;
}

/** Whether the session is over and the visitor must sign in again. */
export function signedOut(error: unknown): boolean {
  return codeOf(error) === Code.Unauthenticated;
}

/** A failed call in the operator's words. */
export function explain(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unavailable:
      return rawMessage && !/fetch|network/i.test(rawMessage) ? rawMessage : t("error.unreachable");
    case Code.DeadlineExceeded:
      return t("error.timeout");
    // A fetch that found no server comes as Unknown or Internal with the browser's own words.
    case Code.Unknown:
    case Code.Internal:
      return /fetch|network|load failed/i.test(rawMessage) ? t("error.unreachable") : rawMessage || t("error.unreachable");
    default:
      return rawMessage || t("error.unknown", { code: Code[code] });
  }
}

export function goToSignIn(why: "ended" | "" = ""): void {
  location.replace(why ? `/sign-in#${why}` : "/sign-in");
}
