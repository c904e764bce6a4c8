// Events as sentences.

import { h } from "./dom.js";
import { duration, moment } from "./format.js";

const code = (text) => h("code", {}, text);
const cut = (value) => {
  const text = JSON.stringify(value);
  return text === undefined || text === "null" ? null : code(text.length > 90 ? text.slice(0, 89) + "…" : text);
};
const because = (failure) => failure ? [" with ", h("b", {}, failure.type), failure.message ? `: ${failure.message}` : ""] : "";

const TELL = {
  "run.started": (d) => ["The run of ", h("b", {}, `${d.workflow} v${d.version}`), " started", d.id ? [" as ", code(d.id)] : "", "."],
  "run.failing": (d) => ["The run will not complete", because(d.failure), d.by ? ` (${d.by})` : "", "."],
  "run.completed": (d) => ["The run completed", cut(d.output) ? [" with ", cut(d.output)] : "", "."],
  "run.failed": (d) => ["The run failed", because(d.failure), "."],
  "run.cancelled": (d) => ["The run was cancelled", d.failure?.message ? `: ${d.failure.message}` : "", "."],
  "run.terminated": (d) => ["The run was terminated", d.by ? ` by ${d.by}` : "", "."],
  "run.finishing": () => ["Every step has ended; the output is worked out."],
  "step.activated": (d, s) => [s, " may run; it is decided how."],
  "step.expanded": (d, s) => [s, ` has ${d.items?.length ?? "some"} items.`],
  "step.scheduled": (d, s) => [s, d.attempt > 1 ? ` is tried again (attempt ${d.attempt}): ` : " goes out: ", code(d.task), d.queue ? ` on queue ${d.queue}` : "", "."],
  "step.started": (d, s) => [s, " is being run", d.worker ? [" by ", code(d.worker)] : "", "."],
  "step.completed": (d, s) => [s, " completed", d.worker ? [" on ", code(d.worker)] : "", cut(d.output) ? [" with ", cut(d.output)] : "", "."],
  "step.chosen": (d, s) => [s, d.then?.length ? [" chose ", d.then.join(", ")] : " chose nothing", "."],
  "step.waiting": (d, s) => [s, ` waits until ${moment(d.until)}.`],
  "step.failed": (d, s) => [s, " failed", because(d.failure), d.retry_at ? `; tried again at ${moment(d.retry_at)}.` : "."],
  "step.skipped": (d, s) => [s, ` was skipped (${(d.reason || "").replaceAll("_", " ")}).`],
  "step.cancelled": (d, s) => [s, ` was cancelled${d.reason ? ` (${d.reason.replaceAll("_", " ")})` : ""}.`],
  "compensation.started": (d) => ["What was done is undone: ", (d.steps || []).join(", "), "."],
};

const TONE = { completed: "ok", failed: "bad", failing: "warn", cancelled: "bad", terminated: "bad", started: "run", scheduled: "run", waiting: "warn" };

export function sentence(event, start) {
  const step = h("b", {}, event.step || event.data.step || "");
  const tell = TELL[event.type];
  const kind = event.type.split(".")[1];
  return h("li", { class: event.type === "step.activated" ? "aside" : null, "data-tone": TONE[kind] || "idle", title: moment(event.at) },
    h("time", { datetime: event.at }, "+" + duration(Date.parse(event.at) - start)),
    h("i", { class: "dot" }),
    h("span", {}, tell ? tell(event.data, step) : [event.type, " ", cut(event.data)]));
}
