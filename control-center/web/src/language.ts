// The VI/EN switch in the corner.
import { el } from "./dom";
import { choose, language, t, type Language } from "./i18n";

const NAMES: Record<Language, string> = { vi: "Tiếng Việt", en: "English" };

export function languageSwitch(): HTMLElement {
  document.documentElement.lang = language();
  const group = el("div", { class: "language", role: "group", "aria-label": t("language.switch") });
  for (const code of ["vi", "en"] as const) {
    const button = el(
      "button",
      { type: "button", lang: code, title: NAMES[code], "aria-pressed": String(code === language()) },
      code.toUpperCase(),
    );
    button.addEventListener("click", () => {
      if (code !== language()) choose(code);
    });
    group.append(button);
  }
  return group;
}
