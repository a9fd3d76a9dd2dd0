// The operator's page: builds the frame, mounts every panel of the list, and keeps them in step with the hall.
import "./fonts.css";
import "./page.css";
import { explain, goToSignIn, hall, maintenance, session, signals, signedOut } from "./api";
import { City } from "./city";
import { el } from "./dom";
import { dayStart } from "./format";
import { Frame } from "./frame";
import { Header } from "./header";
import { t } from "./i18n";
import { HallLink } from "./link";
import { PANELS } from "./panels/list";
import type { Mounted, Page, Panel, Selection } from "./panels/panel";

/** Panels are told of changes at most so often: a city of a thousand buses must not keep a laptop busy. */
const FLUSH_MS = 200;

const city = new City();
const stop = new AbortController();
const link = new HallLink(city, {
  watch: (signal) => hall.watchCity({}, { signal }),
  pulse: (signal) => session.whoAmI({}, { signal }),
  figures: (signal) => hall.getFigures({ sinceMs: BigInt(dayStart(city.now(Date.now()))) }, { signal }),
  signedOut,
  now: () => Date.now(),
  wait,
  random: Math.random,
});

const panels = (await Promise.all(PANELS.map((load) => load()))).map(({ panel }) => panel);
const mounted = new Map<string, Mounted>();
let selection: Selection | undefined;

const page: Page = {
  city,
  hall,
  signals,
  maintenance,
  link: () => link.state,
  now: () => city.now(Date.now()),
  select(what, options = {}) {
    selection = what;
    for (const panel of mounted.values()) panel.selected?.(what, options);
  },
  selected: () => selection,
  show: (panel) => frame.show(panel),
  mark(mark) {
    for (const panel of mounted.values()) panel.marked?.(mark);
  },
  replay(day) {
    for (const panel of mounted.values()) panel.replayed?.(day);
  },
  badge: (panel, n) => frame.badge(panel, n),
  keep: (name, fallback) => ({ get: () => kept(name, fallback), set: (value) => keep(name, value) }),
};

const frame = new Frame(panels, page, (id, visible) => mounted.get(id)?.shown?.(visible));
const header = new Header(page, link);
document.body.append(header.root, header.banner, header.problem, header.full, frame.root);

link.onSignedOut = () => {
  stop.abort();
  goToSignIn("ended");
};
link.onChange = () => {
  header.render();
  frame.root.dataset["link"] = link.state.is;
  for (const panel of mounted.values()) panel.linked?.(link.state);
};
city.subscribe((changed) => {
  header.render();
  for (const panel of mounted.values()) panel.update?.(changed);
});

for (const panel of panels) void mount(panel);
setInterval(() => city.flush(), FLUSH_MS);
setInterval(() => {
  header.render();
  for (const panel of mounted.values()) panel.tick?.();
}, 1_000);
header.render();
void link.run(stop.signal);

async function mount(panel: Panel): Promise<void> {
  const host = frame.host(panel.id);
  try {
    const up = await panel.mount(host, page);
    mounted.set(panel.id, up);
    up.linked?.(link.state);
    up.update?.(new Set(["cameras", "junctions", "buses", "gateways", "events"]));
    up.shown?.(frame.visible(panel.id));
  } catch (error) {
    // One broken panel leaves the others at work.
    console.error(panel.id, error);
    host.replaceChildren(el("p", { class: "notice", role: "alert" }, t("panel.failed", { why: explain(error) })));
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) return done();
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
}

function kept<T>(name: string, fallback: T): T {
  try {
    const text = sessionStorage.getItem(`ngatu.${name}`);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

function keep(name: string, value: unknown): void {
  try {
    sessionStorage.setItem(`ngatu.${name}`, JSON.stringify(value));
  } catch {
    // storage is switched off or full: the view starts anew next time
  }
}
