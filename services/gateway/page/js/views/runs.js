// The list of runs, live.

import { api, namespace, watch } from "../api.js";
import { h, pill, replace, throttled, toast, toneOf } from "../dom.js";
import { ago, count, duration, moment, short } from "../format.js";
import { startDialog } from "../starting.js";

const PAGE = 50;
const FILTERS = [["", "All"], ["open", "Open"], ["completed", "Completed"], ["failed", "Failed"], ["cancelled,terminated", "Ended early"]];
// What the search looks at: the parameter of the API, what it is called, an example.
const SEARCHES = [["search", "Id or key", "Run id or key"], ["label", "Label", "name=value"], ["step_label", "Step label", "name=value"]];
const ORDER = ["completed", "failed", "cancelled", "skipped", "open"];
const SETTLES_MS = 30_000; // the list may be behind the news, when the machine is busy
const WORDS = { completed: "done" };

export async function runsView(place, _match, query) {
  const state = { status: query.get("status") || "", workflow: query.get("workflow") || "", by: "search", search: "", runs: [], next: null, seen: new Set() };
  const body = h("tbody");
  const more = h("div", { class: "more", hidden: true }, h("button", { onclick: () => load(true) }, "Older runs"));
  const empty = h("div");
  const figures = h("div", { class: "figures" });
  const table = h("table", { class: "list" },
    h("thead", {}, h("tr", {}, h("th", {}, "Status"), h("th", {}, "Workflow"), h("th", {}, "Run"), h("th", {}, "Steps"),
      h("th", {}, "Started"), h("th", { class: "right" }, "Took"))), body);
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Status" });
  const search = h("input", { type: "search", "aria-label": "Search", maxlength: 200 });
  const by = h("select", { "aria-label": "Search by" }, SEARCHES.map(([value, label]) => h("option", { value }, label)));
  const workflows = h("select", { "aria-label": "Workflow" }, h("option", { value: "" }, "All workflows"));

  const drawChips = () => replace(chips, FILTERS.map(([value, label]) => h("button", {
    type: "button", "aria-pressed": String(state.status === value),
    onclick: () => { state.status = value; drawChips(); load(); },
  }, label)));

  const draw = () => {
    replace(body, state.runs.map((run) => row(run, !state.seen.has(run.run_id) && state.seen.size > 0)));
    state.runs.forEach((run) => state.seen.add(run.run_id));
    more.hidden = !state.next;
    replace(empty, state.runs.length ? null : nothing(state));
    table.hidden = !state.runs.length;
  };

  const load = async (older = false) => {
    const page = await api("/runs", { query: {
      namespace: namespace.get(), status: state.status, workflow: state.workflow, [state.by]: wanted(state),
      limit: older ? PAGE : Math.min(500, Math.max(PAGE, state.runs.length)), before: older ? state.next : null,
    } });
    state.runs = older ? [...state.runs, ...page.runs] : page.runs;
    state.next = page.next;
    draw();
  };

  const loadFigures = async () => {
    const stats = await api("/stats", { query: { namespace: namespace.get(), workflow: state.workflow } });
    replace(figures, figuresOf(stats));
    const names = Object.keys(stats.workflows || {}).sort();
    if (!state.workflow && names.join() !== workflows.dataset.names) {
      workflows.dataset.names = names.join();
      replace(workflows, h("option", { value: "" }, "All workflows"), names.map((n) => h("option", { value: n }, n)));
    }
  };

  const refresh = throttled(() => { load().catch(() => {}); loadFigures().catch(() => {}); }, 900);
  let typing = 0;
  const look = () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      const before = wanted(state);
      Object.assign(state, { by: by.value, search: search.value.trim() });
      if (before || wanted(state)) load().catch((error) => toast(error.message, true));
    }, 250);
  };
  const chooseBy = () => {
    search.placeholder = SEARCHES.find(([value]) => value === by.value)[2];
    look();
  };
  search.addEventListener("input", look);
  by.addEventListener("change", chooseBy);
  search.placeholder = SEARCHES[0][2];
  workflows.addEventListener("change", () => { state.workflow = workflows.value; load(); loadFigures(); });
  drawChips();
  await Promise.all([load(), loadFigures()]);
  workflows.value = state.workflow;
  replace(place,
    h("div", { class: "row" }, h("h1", {}, "Runs"), h("button", { class: "primary end", onclick: () => startDialog(state.workflow || undefined) }, "Start a run")),
    figures,
    h("div", { class: "row" }, chips, workflows, h("span", { class: "end row search" }, by, search)),
    h("section", { class: "panel", "aria-label": "Runs" }, h("div", { class: "scroll" }, table), empty, more));

  let newsAt = 0;
  const heads = (message) => {
    if (message.type === "quiet") return;
    newsAt = Date.now();
    if (message.type === "heads") {
      for (const head of message.runs) {
        const known = state.runs.find((run) => run.run_id === head.run_id);
        if (known) known.status = head.status;
      }
    }
    refresh();
  };
  const stop = watch({ heads: true }, heads);
  const clock = setInterval(() => {
    for (const time of body.querySelectorAll("time")) time.textContent = ago(time.dateTime);
    if (state.runs.some((run) => !run.closed_at) || Date.now() - newsAt < SETTLES_MS) refresh();
  }, 5000);
  return () => { stop(); refresh.cancel(); clearInterval(clock); };
}

// What is asked for now: a label that is not written whole yet asks for nothing.
function wanted({ by, search }) {
  return by === "search" || /^[^=]+=/.test(search) ? search : "";
}

function row(run, fresh) {
  const href = `#/runs/${run.run_id}`;
  return h("tr", { class: fresh ? "open-able fresh" : "open-able", onclick: (e) => { if (!e.target.closest("a")) location.hash = href; } },
    h("td", {}, pill(run.status)),
    h("td", {}, h("span", { class: "who" }, h("a", { href }, run.workflow), h("small", {}, `version ${run.version}`))),
    h("td", {}, h("span", { class: "who" }, run.id ? h("span", {}, run.id) : null, h("small", { title: run.run_id }, short(run.run_id)))),
    h("td", {}, stepsBar(run.steps || {})),
    h("td", { class: "nowrap" }, h("time", { datetime: run.started_at, title: moment(run.started_at) }, ago(run.started_at))),
    h("td", { class: "right num nowrap" }, duration(run.duration_ms)));
}

function stepsBar(steps) {
  const total = ORDER.reduce((sum, key) => sum + (steps[key] || 0), 0);
  const said = ORDER.filter((key) => steps[key]).map((key) => `${steps[key]} ${WORDS[key] || key}`).join(", ") || "no steps yet";
  return h("span", { class: "row", title: said, style: { flexWrap: "nowrap", gap: "9px" } },
    h("span", { class: "steps-bar", "aria-hidden": true },
      ORDER.map((key) => steps[key] && h("i", { "data-tone": toneOf(key), style: { width: `${(steps[key] / total) * 100}%` } }))),
    h("small", { class: "muted num" }, said));
}

function figuresOf(stats) {
  const open = (stats.runs.running || 0) + (stats.runs.failing || 0) + (stats.runs.blocked || 0) + (stats.runs.paused || 0);
  const bad = (stats.runs.failed || 0) + (stats.runs.terminated || 0);
  const latencies = Object.values(stats.run_latency || {});
  const busiest = latencies.sort((a, b) => b.count - a.count)[0];
  const figure = (value, unit, label) => h("div", { class: "panel figure" }, h("b", {}, value, unit && h("small", {}, unit)), h("span", {}, label));
  return [
    figure(count(open), "", "open"),
    figure(count(stats.runs.completed || 0), "", "completed"),
    figure(count(bad), "", "failed"),
    figure(count(stats.steps_per_s), "/s", "steps, last minute"),
    figure(busiest ? duration(busiest.p50_ms) : "–", "", "median run"),
    figure(busiest ? duration(busiest.p99_ms) : "–", "", "99 of 100 runs"),
  ];
}

function nothing(state) {
  if (state.status || wanted(state) || state.workflow) return h("div", { class: "empty" }, h("strong", {}, "No run is like that"), "Choose another status, or search for something else.");
  return h("div", { class: "empty" }, h("strong", {}, "No runs yet"), "Start one here, or by a message on the bus:",
    h("pre", {}, `nats pub stretto.start.${namespace.get()}.<workflow> '{"input": {}}'`));
}
