// English for what the calendar says of a junction.
import type { calendar as vi } from "./vi.calendar";

export const calendar: Record<keyof typeof vi, string> = {
  "calendar.title": "By calendar",
  "calendar.plan": "plan {n}",
  "calendar.own": "the controller's own plan",
  "calendar.now": "{now} until {time}, then {next}",
  "calendar.unchanged": "{now}, the same for the next 8 days",
  "calendar.followed": "followed",
  "calendar.wave-broken": "followed, but the green wave is broken at {where}",
  "calendar.under-way": "being ordered",
  "calendar.not": "not followed: {why}",
  "calendar.failed": "The calendar could not be read: {why}",
  "calendar.orderer": "Calendar {id}",
  "calendar.why-other_order": "{by} has the junction until {time}",
  "calendar.why-emergency": "a way is open for an emergency vehicle",
  "calendar.why-taken_back": "somebody gave the junction back to its own plan at {time}; the calendar goes on with its next step",
  "calendar.why-failed": "the order failed ({reason}); again at {time}",
  "calendar.why-shortly": "in a moment",
  "calendar.why-shows": "the controller runs plan {n}",
  "calendar.why-not_orderable": "this junction is not set up to be commanded",
  "calendar.why-gateway_away": "the gateway is out of reach",
  "calendar.why-at_cabinet": "the junction is not in normal control: somebody has it at its cabinet, or it fails",
  "calendar.why-link_down": "the controller is not connected",
  "calendar.why-not_heard_of": "nothing was heard of this junction yet",
};
