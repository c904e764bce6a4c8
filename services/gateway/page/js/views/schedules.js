// Schedules: the list, and one with what comes, what came, and who changed it.

import { api, namespace } from "../api.js";
import { field, openDialog } from "../dialog.js";
import { h, pill, replace, toast } from "../dom.js";
import { ago, ahead, moment } from "../format.js";
import { labelled, yaml } from "../json.js";
import { whoAndWhy } from "../who.js";

const PAGE = 100;
const EVERY_MS = 3000;
const COMING = 8;

const FIRST = `schedule: nightly
workflow: hello
cron: 30 2 * * *
timezone: Europe/Zurich
input: {name: Ada}
`;

const ACTIONS = {
  trigger: { label: "Run now", title: "Run now", says: "A run starts at once, beside the clock; also while the schedule is paused.", tone: "primary" },
  pause: { label: "Pause", title: "Pause this schedule", says: "Nothing starts by itself until it is resumed. What runs goes on." },
  resume: { label: "Resume", title: "Resume this schedule", says: "It goes on from now. Instants that passed meanwhile are not made up for, unless they are backfilled.", tone: "primary" },
  backfill: { label: "Backfill", title: "Backfill", says: "Starts the runs of past instants that came to none, one after the other." },
};

export async function schedulesView(place) {
  const body = h("tbody");
  const more = h("div", { class: "more", hidden: true }, h("button", { onclick: () => { wanted += PAGE; load().catch(tellOf); } }, "More schedules"));
  const empty = h("div");
  const table = h("table", { class: "list" },
    h("thead", {}, h("tr", {}, ["Status", "Schedule", "Starts", "When", "Next", "Last"].map((t) => h("th", {}, t)))), body);
  let wanted = PAGE;
  const load = async () => {
    const { schedules, next } = await pages(wanted);
    replace(body, schedules.map(row));
    more.hidden = !next;
    table.hidden = !schedules.length;
    replace(empty, schedules.length ? null : nothing());
  };
  await load();
  replace(place,
    h("div", { class: "row" }, h("h1", {}, "Schedules"), h("button", { class: "primary end", onclick: () => applyDialog(FIRST) }, "New schedule")),
    h("section", { class: "panel", "aria-label": "Schedules" }, h("div", { class: "scroll" }, table), empty, more));
  return every(load);
}

async function pages(wanted) {
  const found = [];
  let next = "";
  while (next !== undefined && found.length < wanted) {
    const page = await api("/schedules", { query: { namespace: namespace.get(), limit: PAGE, after: next } });
    found.push(...page.schedules);
    next = page.next;
  }
  return { schedules: found, next };
}

function row(s) {
  const href = `#/schedules/${s.schedule}`;
  return h("tr", { class: "open-able", onclick: (e) => { if (!e.target.closest("a")) location.hash = href; } },
    h("td", {}, pill(s.status)),
    h("td", {}, h("span", { class: "who" }, h("a", { href }, s.schedule), s.description && h("small", { class: "plain" }, s.description))),
    h("td", {}, h("a", { href: `#/definitions/${s.workflow}` }, s.workflow)),
    h("td", {}, timing(s)),
    h("td", { class: "num nowrap" }, s.status === "active" && s.next ? coming(s.next) : h("span", { class: "muted" }, "–")),
    h("td", {}, s.last ? came(s.last) : h("span", { class: "muted" }, "never")));
}

function timing(s) {
  return h("span", { class: "who" }, h("span", {}, s.timing), s.timezone && h("small", {}, s.timezone));
}

function coming(at) {
  return h("time", { datetime: at, title: moment(at) }, ahead(at));
}

// How a firing went: what became of its run, or why there is none; when.
function came(firing) {
  const status = pill(outcome(firing));
  return h("span", { class: "row tight" },
    firing.run_id ? h("a", { href: `#/runs/${firing.run_id}`, "aria-label": `The run of ${moment(firing.instant)}` }, status) : status,
    h("small", { class: "muted num", title: moment(firing.instant) }, ago(firing.instant)));
}

function outcome({ status, outcome: ended, count }) {
  return status === "missed" && count > 1 ? `missed ${count}` : ended || (status === "started" ? "running" : status);
}

function nothing() {
  return h("div", { class: "empty" }, h("strong", {}, "No schedules yet"),
    "A schedule starts runs by the clock. Make one here, or from a file:", h("pre", {}, "stretto schedule apply nightly.yaml"));
}

export async function scheduleView(place, [name]) {
  const path = `/schedules/${name}`;
  const head = h("div", { class: "head" });
  const next = h("div");
  const past = h("div");
  const changes = h("div");
  const source = h("div", { class: "body" });
  let shown = null;
  const load = async () => {
    const query = { namespace: namespace.get() };
    const view = await api(path, { query: { ...query, firings: 30 } });
    const preview = view.schedule.status === "removed" ? { instants: [] } : await api(`${path}/preview`, { query: { ...query, count: COMING } });
    drawHead(head, view, load);
    replace(next, view.schedule.status === "paused" && h("div", { class: "body" }, h("div", { class: "note" }, "It is paused: these come only when it is resumed.")), upcoming(preview));
    replace(past, firings(view.firings));
    if (shown === view.revision) return;
    shown = view.revision;
    replace(changes, changed(view.changes));
    replace(source, labelled(`Revision ${view.revision}, ${moment(view.changed_at)}`, yaml(view.source)));
  };
  await load();
  replace(place, head,
    h("div", { class: "split wide" }, section("What comes", next), section("What came", past)),
    h("div", { class: "split wide" }, section("Document", source), section("Changes", changes)));
  return every(load);
}

function section(title, content) {
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, title)), content);
}

// The buttons are made anew only when what they do changes: who uses the keyboard keeps the focus.
function drawHead(head, view, load) {
  const s = view.schedule;
  const fact = (label, ...value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
  const actions = s.status === "removed" ? [] : ["trigger", s.status === "paused" ? "resume" : "pause", "backfill"];
  const facts = h("dl", { class: "facts" },
    fact("Starts", h("a", { href: `#/definitions/${s.workflow}` }, s.workflow)),
    fact("When", s.timing, h("span", { class: "muted" }, ` ${s.timezone || "UTC"}`)),
    fact("If one is open still", (s.overlap || "skip").replaceAll("_", " ")),
    s.next && s.status === "active" && fact("Next", h("span", { class: "num" }, moment(s.next), h("span", { class: "muted" }, ` ${ahead(s.next)}`))),
    s.status === "paused" && fact("Paused", s.paused_by ? `by ${s.paused_by}` : "", s.paused_reason ? [": ", h("q", {}, s.paused_reason)] : ""));
  if (head.dataset.state === `${s.status} ${view.revision}`) return head.querySelector("dl").replaceWith(facts);
  head.dataset.state = `${s.status} ${view.revision}`;
  return replace(head,
    h("div", { class: "row" },
      h("a", { href: "#/schedules", class: "muted", "aria-label": "Back to the schedules" }, "Schedules /"), h("h1", {}, s.schedule), pill(s.status),
      h("span", { class: "end row controls" },
        actions.map((action) => h("button", { class: action === "trigger" && s.status === "paused" ? null : ACTIONS[action].tone, onclick: () => actDialog(action, s, load) }, ACTIONS[action].label)),
        h("button", { onclick: () => applyDialog(view.source, load) }, "Change"))),
    s.description && h("p", { class: "muted" }, s.description), facts);
}

function upcoming({ instants, timezone }) {
  if (!instants.length) return h("div", { class: "empty" }, "No instant is left to come");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone === timezone;
  return h("div", { class: "scroll" }, h("table", { class: "list" },
    h("thead", {}, h("tr", {}, !here && h("th", {}, timezone), h("th", {}, here ? timezone : "Here"), h("th", {}, ""))),
    h("tbody", {}, instants.map(({ instant, local, starts_at: starts }) => h("tr", {},
      !here && h("td", { class: "num nowrap" }, local.replace("T", " ").replace(/(\.\d+)?(Z|[+-]\d\d:\d\d)$/, "")),
      h("td", { class: "num nowrap" }, moment(instant), starts !== instant && h("small", { class: "muted" }, ` +${Math.round((Date.parse(starts) - Date.parse(instant)) / 1000)} s`)),
      h("td", { class: "right num nowrap muted" }, ahead(instant)))))));
}

function firings(list) {
  if (!list.length) return h("div", { class: "empty" }, "It has not fired yet");
  return h("div", { class: "scroll" }, h("table", { class: "list" },
    h("thead", {}, h("tr", {}, ["Status", "For", "Cause", "Run"].map((t) => h("th", {}, t)))),
    h("tbody", {}, list.map((f) => h("tr", {},
      h("td", {}, pill(outcome(f))),
      h("td", { class: "num nowrap", title: ago(f.instant) }, moment(f.instant)),
      h("td", {}, f.cause.replaceAll("_", " ")),
      h("td", {}, f.run_id ? h("a", { href: `#/runs/${f.run_id}` }, "to the run") : h("small", { class: "muted" }, f.reason || "–")))))));
}

function changed(list) {
  return h("ol", { class: "story" }, list.map((c) => h("li", {},
    h("time", { datetime: c.at, title: moment(c.at) }, ago(c.at)), h("i", { class: "dot" }),
    h("span", {}, h("b", {}, c.command), c.by ? [" by ", h("b", {}, c.by)] : "", c.reason ? [": ", h("q", {}, c.reason)] : ""))));
}

function actDialog(action, schedule, load) {
  const { title, label, says, tone } = ACTIONS[action];
  const start = h("input", { type: "datetime-local", required: true, step: 1 });
  const end = h("input", { type: "datetime-local", required: true, step: 1 });
  const who = whoAndWhy();
  openDialog({
    title, label, says, tone, tags: [schedule.schedule],
    fields: [...(action === "backfill" ? [field("From (time of this machine)", start), field("To, included", end)] : []), ...who.fields],
    focus: action === "backfill" ? start : who.reason,
    done: () => load().catch(tellOf),
    send: async () => {
      const range = action === "backfill" ? { start: new Date(start.value).toISOString(), end: new Date(end.value).toISOString() } : {};
      const done = await api(`/schedules/${schedule.schedule}/${action}`, { method: "POST", body: { namespace: schedule.namespace, ...range, ...who.body() } });
      toast(action === "backfill" ? `${done.firings || 0} instants to make up for` : done.status === "skipped" ? "Skipped: a run of it is open" : `${title}: done`);
    },
  });
}

function applyDialog(source, load = () => {}) {
  const text = h("textarea", { rows: 14, spellcheck: "false", value: source, "aria-label": "Schedule in YAML" });
  const who = whoAndWhy();
  openDialog({
    title: "Apply a schedule", label: "Apply", fields: [text, ...who.fields], wide: true,
    send: async () => {
      const made = await api("/schedules", { method: "POST", body: { source: text.value, namespace: namespace.get(), ...who.body() } });
      toast(`${made.schedule}: ${made.created ? "made" : made.changed === false ? "just so already" : "changed"}`);
      location.hash = `#/schedules/${made.schedule}`;
      await load();
    },
  });
}

function tellOf(error) {
  toast(error.message, true);
}

// Load again and again while the view is shown; what does not answer is said at the top of the page.
function every(load) {
  const clock = setInterval(() => load().catch(() => {}), EVERY_MS);
  return () => clearInterval(clock);
}
