// The steps of a run over time: a lane each, with a bar for every attempt.

import { controlButton, offeredBy } from "./controls.js";
import { h, replace, toneOf } from "./dom.js";
import { duration, moment, ticks } from "./format.js";
import { json, labelled } from "./json.js";

const FOLD_FROM = 8; // a step with more parts than this shows them only when asked
const MAX_LANES = 400;
const PENDING = "pending"; // the run went back over it: it begins anew
const DECIDED = { completed: "Approved", failed: "Rejected", skipped: "Skipped" };
const TALL_FROM = 30; // more lanes scroll in their own box: what comes below stays in reach

export class Timeline {
  // `done` is called after a person has told a step something.
  constructor(done) {
    this.done = done;
    this.open = new Set();
    this.unfolded = new Set();
    this.offered = new Map(); // by step: what it can be told, and how it stood when that was asked
    this.axis = h("div", { class: "track" });
    this.lanes = h("div", { class: "lanes" });
    this.element = h("div", { class: "timeline" },
      h("div", { class: "axis" }, h("span"), this.axis), this.lanes);
    this.view = null;
  }

  show(view) {
    this.view = view;
    this.draw();
  }

  draw() {
    const { run, steps } = this.view;
    const start = Date.parse(run.started_at);
    const end = run.closed_at ? Date.parse(run.closed_at) : Date.now();
    this.scale = { start, total: Math.max(run.closed_at ? run.duration_ms : end - start, 0.5) };
    replace(this.axis, ticks(this.scale.total).map((at) =>
      h("span", { style: { left: `${(at / this.scale.total) * 100}%` } }, duration(at))));
    const shown = this.visible(steps);
    this.element.classList.toggle("tall", shown.length > TALL_FROM);
    replace(this.lanes, shown.slice(0, MAX_LANES).map((entry) => this.lane(entry)),
      shown.length > MAX_LANES && h("p", { class: "more muted" }, `and ${shown.length - MAX_LANES} more steps`));
  }

  // Parents before their parts; parts of a large step only when it is unfolded.
  visible(steps) {
    const parts = new Map();
    for (const step of steps) {
      const parent = parentOf(step.step);
      if (parent) parts.set(parent, [...(parts.get(parent) || []), step]);
    }
    const known = new Set(steps.map((s) => s.step));
    const found = [];
    const put = (step, depth) => {
      const own = parts.get(step.step) || [];
      const folded = own.length > FOLD_FROM && !this.unfolded.has(step.step);
      found.push({ step, depth, parts: own, folded });
      if (!folded) own.forEach((part) => put(part, depth + 1));
    };
    for (const step of steps) if (!known.has(parentOf(step.step))) put(step, 0);
    return found;
  }

  lane({ step, depth, parts, folded }) {
    const open = this.open.has(step.step);
    const large = parts.length > FOLD_FROM;
    const toggle = () => {
      const set = large ? this.unfolded : this.open;
      set.has(step.step) ? set.delete(step.step) : set.add(step.step);
      this.draw();
    };
    const name = depth ? step.step.slice(parentOf(step.step).length) : step.step;
    const tries = (step.attempts || []).length;
    const note = large ? `${folded ? "▸" : "▾"} ${done(parts)} of ${parts.length}`
      : [step.task, step.reused_run && "reused", tries > 1 && `${tries} attempts`].filter(Boolean).join(" · ");
    const label = `${step.step}, ${step.status}, ${duration(step.duration_ms)}`;
    const button = h("button", {
      class: "lane", type: "button", "aria-expanded": String(open), "aria-label": label, "data-step": step.step, onclick: toggle,
    },
      h("span", { class: "name", "data-tone": toneOf(step.status), style: { paddingLeft: `${18 + depth * 16}px` } },
        h("i", { class: "dot" }), h("b", { title: step.step }, name.replace(/^\./, "").replace(/^~compensate$/, "undo")), h("small", {}, note)),
      h("span", { class: "track" }, this.lines(), this.bars(step), this.text(step)));
    return open ? [button, detail(step, this.view.run, this.done, this.commandsOf(step))] : button;
  }

  // What the workflow service would carry out for a step; asked for when the step is opened, and
  // again when something has changed.
  commandsOf(step) {
    const { run } = this.view;
    const state = `${step.status} ${(step.attempts || []).length} ${run.status}`;
    const known = this.offered.get(step.step);
    if (known?.state === state) return known.commands;
    const asked = { state, commands: known?.commands || [] };
    this.offered.set(step.step, asked);
    offeredBy(run.run_id, step.step).then((commands) => { asked.commands = commands; this.draw(); }, () => {});
    return asked.commands;
  }

  lines() {
    return ticks(this.scale.total).map((at) =>
      h("i", { class: "grid-line", style: { left: `${(at / this.scale.total) * 100}%` } }));
  }

  place(from, to) {
    const { start, total } = this.scale;
    const left = Math.min(Math.max((from - start) / total, 0), 1) * 100;
    const right = Math.min(Math.max((to - start) / total, 0), 1) * 100;
    return { left: `${left}%`, width: `${Math.max(right - left, 0)}%` };
  }

  bars(step) {
    const now = this.scale.start + this.scale.total;
    if (step.status === PENDING && !(step.attempts || []).length) return [];
    const end = step.ended_at ? Date.parse(step.ended_at) : now;
    const attempts = step.attempts || [];
    if (!attempts.length) {
      const going = !step.ended_at;
      return h("i", { class: going ? "bar going" : "bar", "data-tone": toneOf(step.status),
        style: this.place(Date.parse(step.activated_at), end) });
    }
    return attempts.flatMap((attempt) => {
      const scheduled = Date.parse(attempt.scheduled_at);
      const until = attempt.ended_at ? Date.parse(attempt.ended_at) : now;
      const began = attempt.started_at ? clamp(Date.parse(attempt.started_at), scheduled, until) : scheduled;
      const going = !attempt.ended_at && !step.ended_at;
      const tone = going && attempt.status === "scheduled" ? "run" : toneOf(attempt.status);
      return [
        began > scheduled && h("i", { class: "bar queued", "data-tone": tone, style: this.place(scheduled, began) }),
        h("i", { class: going ? "bar going" : "bar", "data-tone": tone, style: this.place(began, until) }),
      ];
    });
  }

  // The duration beside the bar, on the side where there is room.
  text(step) {
    const { start, total } = this.scale;
    const from = Date.parse(step.activated_at);
    if (step.status === PENDING) return h("span", { class: "bar-text", style: { left: "0" } }, "runs again");
    const to = step.ended_at ? Date.parse(step.ended_at) : start + total;
    const ms = step.duration_ms ?? to - from;
    const wide = 0.09;
    const left = Math.max(0, (from - start) / total), right = Math.min(1, (to - start) / total);
    const where = right + wide < 1 ? { left: `${right * 100}%` }
      : left > wide ? { right: `${(1 - left) * 100}%` }
      : { right: `${(1 - right) * 100}%`, class: "inside" };
    const { class: inside, ...style } = where;
    return h("span", { class: inside ? "bar-text inside" : "bar-text", style },
      step.status === "skipped" ? "skipped" : duration(step.ended_at ? ms : to - from));
  }
}

function clamp(at, low, high) {
  return Math.min(Math.max(at, low), high);
}

function done(steps) {
  return steps.filter((s) => s.ended_at).length;
}

function parentOf(path) {
  const match = /^(.*?)(?:\[\d+\]|\.[^.[\]]+|~compensate)$/.exec(path);
  return match ? match[1] : "";
}

function detail(step, run, done, commands) {
  const attempts = step.attempts || [];
  return h("div", { class: "detail" },
    commands.length > 0 && h("div", { class: "row controls" }, commands.map((command) => controlButton(command, run, done, { step: step.step }))),
    step.reused_run && h("p", { class: "muted" }, "It was not done: ", h("a", { href: `#/runs/${step.reused_run}` }, "another run"), ` did it, as step ${step.reused_step}.`),
    step.by && h("p", {}, `${DECIDED[step.status] || "Decided"} by `, h("b", {}, step.by)),
    step.reason && h("p", { class: "muted" }, `Reason: ${step.reason === "run_failing" ? "the run ends" : step.reason.replaceAll("_", " ")}`),
    attempts.length > 0 && h("div", { class: "scroll" }, h("table", { class: "small" },
      h("thead", {}, h("tr", {}, ["Attempt", "Status", "Worker", "Queue", "Sent out", "Waited", "Ran"].map((t) => h("th", {}, t)))),
      h("tbody", {}, attempts.map(attemptRow)))),
    attempts.filter((a) => a.failure).map((a) => h("div", { class: "note bad" },
      h("b", {}, a.failure.type), a.failure.message ? `: ${a.failure.message}` : "", a.retry_at ? ` · tried again at ${moment(a.retry_at)}` : "")),
    h("div", { class: "split" },
      step.input !== undefined && step.input !== null && labelled("Input", json(step.input)),
      step.output !== undefined && step.output !== null && labelled("Output", json(step.output))));
}

function attemptRow(attempt) {
  const scheduled = Date.parse(attempt.scheduled_at);
  const started = attempt.started_at ? Date.parse(attempt.started_at) : null;
  const ended = attempt.ended_at ? Date.parse(attempt.ended_at) : null;
  return h("tr", {},
    h("td", { class: "num" }, attempt.attempt), h("td", {}, attempt.status), h("td", { class: "mono" }, attempt.worker || "–"),
    h("td", {}, attempt.queue || "any"), h("td", { class: "num" }, moment(attempt.scheduled_at)),
    h("td", { class: "num" }, started === null ? "–" : duration(Math.max(0, started - scheduled))),
    h("td", { class: "num" }, ended === null ? "…" : duration(ended - (started ?? scheduled))));
}
