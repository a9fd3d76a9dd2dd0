// The sign-in page: a name, a password, and a plain word when it does not work.
import { Code } from "@connectrpc/connect";

import "./fonts.css";
import "./sign_in.css";
import { codeOf, explain, session } from "./api";
import { el, setText } from "./dom";
import { t } from "./i18n";
import iconUrl from "./icon.svg";
import { languageSwitch } from "./language";

const name = el("input", { name: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true });
const password = el("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
const show = el("input", { type: "checkbox" });
const error = el("div", { role: "alert" });
const caps = el("p", { class: "caps", hidden: true }, t("sign-in.caps"));
const submit = el("button", { type: "submit" }, t("sign-in.submit"));

const form = el(
  "form",
  { novalidate: true },
  el("div", { class: "brand" }, el("img", { src: iconUrl, alt: "" }), el("div", {}, el("h1", {}, "Ngã Tư"), el("p", {}, t("app.tagline")))),
  el("label", {}, t("sign-in.name"), name),
  el("label", {}, t("sign-in.password"), password),
  el("label", { class: "show" }, show, t("sign-in.show")),
  caps,
  error,
  submit,
);

document.title = `${t("sign-in.title")} · Ngã Tư`;
document.body.append(el("main", { class: "sign-in" }, languageSwitch(), form));
if (location.hash === "#ended") setText(error, t("sign-in.ended"));
name.focus();

show.addEventListener("change", () => {
  password.type = show.checked ? "text" : "password";
});
password.addEventListener("keydown", (event) => {
  caps.hidden = !event.getModifierState("CapsLock");
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void signIn();
});

async function signIn(): Promise<void> {
  if (!name.value.trim() || !password.value) {
    setText(error, t("sign-in.empty"));
    (name.value.trim() ? password : name).focus();
    return;
  }
  submit.disabled = true;
  setText(submit, t("sign-in.busy"));
  setText(error, "");
  try {
    await session.signIn({ name: name.value.trim(), password: password.value }, { timeoutMs: 15_000 });
    location.replace("/");
  } catch (failure) {
    setText(error, words(failure));
    submit.disabled = false;
    setText(submit, t("sign-in.submit"));
    password.select();
    password.focus();
  }
}

function words(failure: unknown): string {
  switch (codeOf(failure)) {
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return t("sign-in.wrong");
    case Code.ResourceExhausted:
      return t("sign-in.too-many");
    case Code.Unavailable:
    case Code.DeadlineExceeded:
      return t("sign-in.unreachable");
    default: {
      const why = explain(failure);
      return why === t("error.unreachable") ? t("sign-in.unreachable") : t("sign-in.failed", { why });
    }
  }
}
