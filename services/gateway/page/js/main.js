// Which view is shown; the parts around it.

import { namespace, Problem, say } from "./api.js";
import { h, replace } from "./dom.js";
import { definitionView, definitionsView } from "./views/definitions.js";
import { insightView } from "./views/insight.js";
import { queuesView } from "./views/queues.js";
import { runView } from "./views/run.js";
import { runsView } from "./views/runs.js";
import { scheduleView, schedulesView } from "./views/schedules.js";

const ROUTES = [
  [/^\/runs\/([0-9a-f-]{36})$/, runView, "/runs"],
  [/^\/runs$/, runsView, "/runs"],
  [/^\/definitions\/([a-z0-9][a-z0-9_-]*)(?:\/(\d+))?$/, definitionView, "/definitions"],
  [/^\/definitions$/, definitionsView, "/definitions"],
  [/^\/schedules\/([a-z0-9][a-z0-9_-]*)$/, scheduleView, "/schedules"],
  [/^\/schedules$/, schedulesView, "/schedules"],
  [/^\/queues$/, queuesView, "/queues"],
  [/^\/insight$/, insightView, "/insight"],
];

let leave = () => {};
let turn = 0;

async function show() {
  const mine = ++turn;
  const [path, search] = (location.hash.slice(1) || "/runs").split("?");
  leave();
  leave = () => {};
  const main = document.getElementById("main");
  const found = ROUTES.map(([pattern, view, nav]) => [pattern.exec(path), view, nav]).find(([m]) => m);
  for (const link of document.querySelectorAll(".top nav a")) {
    if (found && link.hash === "#" + found[2]) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!found) {
    replace(main, h("div", { class: "empty" }, h("strong", {}, "There is nothing here"), h("a", { href: "#/runs" }, "To the runs")));
    return;
  }
  const [match, view] = found;
  const place = h("div", { class: "stack" });
  try {
    const ended = await view(place, match.slice(1), new URLSearchParams(search));
    if (mine !== turn) return void (ended && ended());
    leave = ended || (() => {});
  } catch (error) {
    if (mine !== turn) return;
    if (!(error instanceof Problem)) console.error(error);
    if (error.status === 0 || error.status === 503) say("lost", "not reachable");
    replace(place, h("div", { class: "panel" }, h("div", { class: "empty" },
      h("strong", {}, error.status === 404 ? "Not found" : "That did not work"),
      h("span", {}, error.message),
      h("button", { onclick: show }, "Try again"))));
  }
  replace(main, place);
}

function theme(chosen) {
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

theme(localStorage.getItem("stretto-theme"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme(localStorage.getItem("stretto-theme")));
document.getElementById("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("stretto-theme", next);
  theme(next);
});

const space = document.getElementById("namespace");
space.value = namespace.get();
space.addEventListener("change", () => {
  if (!space.checkValidity()) return;
  namespace.set(space.value);
  show();
});

addEventListener("hashchange", () => {
  scrollTo(0, 0);
  document.getElementById("main").focus({ preventScroll: true });
  show();
});
show();
