// The camera wall: as many live pictures as fit, the rest behind page turns. Only what is looked at is fetched.
import "./wall.css";
import type { Camera } from "../../city";
import { el, setText } from "../../dom";
import { integer } from "../../format";
import { t } from "../../i18n";
import type { Mounted, Page, Panel, Selection, SelectOptions } from "../panel";
import { arrange, gridFor } from "./layout";
import { Tile, type Show } from "./tile";

/** Over plain HTTP a browser opens six connections to a host: four pictures leave room for the city's own stream and a call. */
const MOST = location.protocol === "https:" ? 16 : 4;
const GRID_FPS = 5;
const LARGE_FPS = 12;

export const panel: Panel = { id: "wall", title: "panel.wall", place: "right-top", mount: (host, page) => new Wall(host, page) };

class Wall implements Mounted {
  #tiles = new Map<string, Tile>();
  #grid = el("div", { class: "grid" });
  #notice = el("p", { class: "notice", hidden: true });
  #filter = el("input", { type: "search", placeholder: t("wall.filter"), "aria-label": t("wall.filter") });
  #pageText = el("span", { class: "page" });
  #previous = el("button", { type: "button", class: "plain", "aria-label": t("wall.previous"), title: t("wall.previous") }, "‹");
  #next = el("button", { type: "button", class: "plain", "aria-label": t("wall.next"), title: t("wall.next") }, "›");
  #back = el("button", { type: "button", class: "plain", hidden: true }, `‹ ${t("wall.back")}`);
  #pager = el("span", { class: "pager" }, this.#previous, this.#pageText, this.#next);
  #show: Show;
  #large: string | undefined;
  #at = 0;
  #arranged: string[] = [];
  #arrangedFor = "";
  #visible = true;
  readonly #keptLarge;

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    const kept = page.keep<Show>("wall.show", { boxes: true, lines: true });
    this.#show = { ...kept.get() };
    this.#keptLarge = page.keep<string>("wall.large", "");
    this.#large = this.#keptLarge.get() || undefined;
    const toggle = (what: keyof Show) => {
      const button = el("button", { type: "button", class: "chip", "aria-pressed": String(this.#show[what]) }, t(`wall.${what}`));
      button.addEventListener("click", () => {
        this.#show[what] = !this.#show[what];
        button.setAttribute("aria-pressed", String(this.#show[what]));
        kept.set(this.#show);
        for (const tile of this.#tiles.values()) tile.draw();
      });
      return button;
    };
    this.#filter.addEventListener("input", () => this.#turn(0));
    this.#previous.addEventListener("click", () => this.#turn(this.#at - 1));
    this.#next.addEventListener("click", () => this.#turn(this.#at + 1));
    this.#back.addEventListener("click", () => this.#enlarge(undefined));
    host.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#large) this.#enlarge(undefined);
    });
    host.append(
      el("div", { class: "toolbar" }, this.#back, this.#filter, el("span", { class: "grow" }), toggle("boxes"), toggle("lines"), this.#pager),
      this.#grid,
      this.#notice,
    );
    new ResizeObserver(() => this.#layout()).observe(this.#grid);
    document.addEventListener("visibilitychange", () => this.#layout());
  }

  update(changed: ReadonlySet<string>): void {
    if (changed.has("cameras") || changed.has("gateways")) this.#layout();
  }

  linked(): void {
    this.#layout();
  }

  tick(): void {
    for (const tile of this.#tiles.values()) tile.tick();
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    this.#layout();
  }

  selected(what: Selection | undefined, { enlarge }: SelectOptions): void {
    for (const [id, tile] of this.#tiles) tile.root.classList.toggle("selected", what?.kind === "camera" && what.id === id);
    if (what?.kind === "camera" && (enlarge || this.#large) && this.#large !== what.id) this.#enlarge(what.id);
  }

  #turn(to: number): void {
    this.#at = to;
    this.#layout();
  }

  #enlarge(camera: string | undefined): void {
    this.#large = camera;
    this.#keptLarge.set(camera ?? "");
    for (const tile of this.#tiles.values()) tile.drop();
    this.#tiles.clear();
    this.#layout();
    if (camera) this.page.select({ kind: "camera", id: camera });
    (camera ? this.#back : this.#filter).focus({ preventScroll: true });
  }

  /** Brings tiles and streams in line with what is to be seen. */
  #layout(): void {
    const { city } = this.page;
    const stamp = `${city.roster} ${this.#filter.value}`;
    if (stamp !== this.#arrangedFor) this.#arranged = arrange(city.cameras.values(), this.#filter.value).map((c) => c.id);
    this.#arrangedFor = stamp;
    const all = this.#arranged;
    const [w, h] = [this.#grid.clientWidth, this.#grid.clientHeight];
    const large = this.#large ? city.cameras.get(this.#large) : undefined;
    const grid = large ? { columns: 1, rows: 1 } : gridFor(all.length, w, h, MOST);
    const size = grid.columns * grid.rows;
    const pages = Math.max(1, Math.ceil(all.length / size));
    this.#at = Math.max(0, Math.min(this.#at, pages - 1));
    const shown = large ? [large] : all.slice(this.#at * size, this.#at * size + size).flatMap((id) => city.cameras.get(id) ?? []);

    this.#grid.style.gridTemplateColumns = `repeat(${grid.columns}, minmax(0, 1fr))`;
    this.#grid.style.gridTemplateRows = `repeat(${grid.rows}, minmax(0, 1fr))`;
    this.#pager.hidden = Boolean(large) || pages < 2;
    this.#back.hidden = !large;
    this.#filter.hidden = Boolean(large);
    setText(this.#pageText, t("wall.page", { n: integer(this.#at + 1), of: integer(pages) }));
    this.#previous.disabled = this.#at === 0;
    this.#next.disabled = this.#at >= pages - 1;
    this.#notice.hidden = shown.length > 0;
    this.#grid.hidden = shown.length === 0;
    setText(this.#notice, t(city.cameras.size === 0 ? "wall.none" : "wall.none-match"));
    this.#sync(shown, Boolean(large));
  }

  #sync(shown: Camera[], large: boolean): void {
    const wanted = new Set(shown.map((c) => c.id));
    for (const [id, tile] of this.#tiles) {
      if (wanted.has(id)) continue;
      tile.drop();
      this.#tiles.delete(id);
    }
    const looking = this.#visible && !document.hidden;
    shown.forEach((camera, i) => {
      let tile = this.#tiles.get(camera.id);
      if (!tile) {
        tile = new Tile(camera, this.page.hall, this.#show, () => this.page.now(), () => this.#enlarge(large ? undefined : camera.id));
        this.#tiles.set(camera.id, tile);
      }
      if (this.#grid.children[i] !== tile.root) this.#grid.insertBefore(tile.root, this.#grid.children[i] ?? null);
      const state = this.page.city.stateOf(camera);
      tile.update(camera, state, this.page.link().is !== "lost");
      // A camera that is down has no pictures to wait for.
      tile.watch(looking && (state === "up" || state === "connecting"), large ? LARGE_FPS : GRID_FPS);
    });
  }
}
