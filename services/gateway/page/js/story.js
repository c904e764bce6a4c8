// Events as sentences.

import { h } from "./dom.js";
import { duration, moment } from "./format.js";

const code = (text) => h("code", {}, text);
const cut = (value) => {
  const text = JSON.stringify(value);
  return text === undefined || text === "null" ? null : code(text.length > 90 ? text.slice(0, 89) + "…" : text);
};
const because = (failure) => failure ? [" with ", h("b", {}, failure.type), failure.message ? `: ${failure.message}` : ""] : "";

const who = (d) => [d.by ? [" by ", h("b", {}, d.by)] : "", d.reason ? [": ", h("q", {}, d.reason)] : ""];

const TELL = {
  "run.queued": (d) => ["The run waits for a place of the key ", code(d.key), d.cancels ? [": ", d.cancels.join(", "), " cancelled to make room"] : d.ahead ? [", which ", d.ahead.join(", "), d.limit === 1 ? " has" : " have"] : "", "."],
  "run.admitted": (d) => ["The run has a place of the key ", code(d.key), "."],
  "run.paused": (d) => ["The run was paused", who(d), "."],
  "run.resumed": (d) => ["The run was resumed", who(d), "."],
  "run.rolling_back": (d) => ["The run goes back to the end of ", h("b", {}, d.to), who(d), "."],
  "run.rolled_back": (d) => ["The run is back; ", h("b", {}, (d.steps || []).join(", ") || "nothing"), ` ${(d.steps || []).length > 1 ? "run" : "runs"} again${d.paused ? ", when it is resumed" : ""}.`],
  "run.forked": (d) => ["The run begins where ", h("a", { href: `#/runs/${d.from_run}` }, "another one"), ` stood after its event ${d.at_seq}; taken over: `, h("b", {}, Object.keys(d.taken || {}).join(", ") || "nothing"), who(d), "."],
  "run.migrated": (d) => [`The run moved from version ${d.from_version} to ${d.to_version}`, who(d), "."],
  "compensation.retried": (d) => ["Undoing ", h("b", {}, d.step.replace("~compensate", "")), " is tried again", who(d), "."],
  "run.rewound": (d) => ["The run goes back to ", h("b", {}, (d.steps || []).join(", ")), who(d), "."],
  "signal.received": (d) => ["The signal ", code(d.name), " came", cut(d.payload) ? [" with ", cut(d.payload)] : "", who(d), "."],
  "step.approved": (d, s) => [s, " was approved", who(d), "."],
  "step.escalated": (d, s) => [s, ` may be approved by ${(d.to || []).join(", ")} now, too.`],
  "step.hastened": (d, s) => [s, " is tried again at once", who(d), "."],
  "rollout.throttled": (d, s) => [s, `: as many as may have begun; the next ones begin at ${moment(d.until)}.`],
  "rollout.paused": (d, s) => [s, `: wave ${d.wave} of ${d.waves} was a success (${d.completed} of ${d.size}); the next one begins `, d.signal ? ["with the signal ", code(d.signal)] : d.until ? `at ${moment(d.until)}` : "when a person approves", "."],
  "rollout.advanced": (d, s) => [s, `: wave ${d.wave} of ${d.waves} begins, up to ${d.upto}`, d.signal ? [", by the signal ", code(d.signal)] : who(d), "."],
  "rollout.aborted": (d, s) => [s, ` is stopped in wave ${d.wave}`, who({ by: d.by }), because(d.failure), "."],
  "step.opened": (d, s) => [s, " begins: its steps may run."],
  "step.finishing": (d, s) => [s, ": its steps have ended; what it gives is worked out."],
  "step.repeated": (d, s) => [s, d.at ? ` goes round again at ${moment(d.at)}.` : " goes round again."],
  "step.signalled": (d, s) => [s, d.asked ? " looks at a signal." : " takes the signal."],

  "run.started": (d) => ["The run of ", h("b", {}, `${d.workflow} v${d.version}`), " started", d.id ? [" as ", code(d.id)] : "", "."],
  "run.failing": (d) => ["The run will not complete", because(d.failure), d.by ? [", asked by ", h("b", {}, d.by)] : "", "."],
  "run.completed": (d) => ["The run completed", cut(d.output) ? [" with ", cut(d.output)] : "", "."],
  "run.failed": (d) => ["The run failed", because(d.failure), "."],
  "run.cancelled": (d) => ["The run was cancelled", d.failure?.message ? `: ${d.failure.message}` : "", "."],
  "run.terminated": (d) => ["The run was terminated", who({ by: d.by, reason: d.failure?.message }), "."],
  "run.finishing": () => ["Every step has ended; the output is worked out."],
  "step.activated": (d, s) => [s, " may run; it is decided how."],
  "step.expanded": (d, s) => [s, ` has ${d.items?.length ?? "some"} items.`],
  "step.scheduled": (d, s) => [s, d.attempt > 1 ? ` is tried again (attempt ${d.attempt}): ` : " goes out: ", code(d.task), d.queue ? ` on queue ${d.queue}` : "", "."],
  "step.bound": (d, s) => [s, " goes to ", code(d.device), d.ranked?.fitting ? `, one of ${d.ranked.fitting} that fit` : "", d.reason ? ` (${d.reason})` : "", "."],
  "step.diverted": (d, s) => [s, " goes to queue ", code(d.queue), ": no device fits."],
  "step.started": (d, s) => [s, " is being run", d.worker ? [" by ", code(d.worker)] : "", "."],
  "step.completed": (d, s) => [s, " completed", d.worker ? [" on ", code(d.worker)] : "", cut(d.output) ? [" with ", cut(d.output)] : "", "."],
  "step.chosen": (d, s) => [s, d.then?.length ? [" chose ", d.then.join(", ")] : " chose nothing", "."],
  "step.limited": (d, s) => [s, " has policies that were worked out: ", cut({ ...d.timeouts, ...d.retry, ...(d.priority != null && { priority: d.priority }), ...(d.cache_key && { cache_key: d.cache_key }), ...(d.rate_key && { rate_key: d.rate_key }), ...(d.by && { by: d.by }), ...(d.escalate_to && { escalate_to: d.escalate_to }) }), "."],
  "step.labelled": (d, s) => [s, " is labelled ", Object.entries(d.labels || {}).map(([k, v]) => `${k}=${v}`).join(", "), "."],
  "step.queued": (d, s) => [s, " asks for a place for the key ", code(d.key), "."],
  "step.admitted": (d, s) => [s, " has a place for the key ", code(d.key), "."],
  "step.seeking": (d, s) => [s, d.anew ? " is done anew, of the key " : " looks for what an equal step gave, of the key ", code(d.key), "."],
  "step.reused": (d, s) => [s, " takes what ", h("b", {}, d.from_step), " of ", h("a", { href: `#/runs/${d.from_run}` }, "another run"), " gave", cut(d.output) ? [": ", cut(d.output)] : "", "."],
  "step.waiting": (d, s) => [s, d.until ? ` waits until ${moment(d.until)}.` : " waits."],
  "step.failed": (d, s) => [s, " failed", because(d.failure), d.by ? [" by ", h("b", {}, d.by)] : "", d.retry_at ? `; tried again at ${moment(d.retry_at)}.` : d.blocked ? "; a person has to decide." : "."],
  "step.skipped": (d, s) => [s, d.reason === "by_request" ? [" was skipped", who({ by: d.by, reason: d.why }), "."] : ` was skipped (${(d.reason || "").replaceAll("_", " ")}).`],
  "step.cancelled": (d, s) => [s, ` was cancelled${d.reason ? ` (${d.reason.replaceAll("_", " ")})` : ""}.`],
  "compensation.started": (d) => ["What was done is undone: ", (d.steps || []).join(", "), "."],
};

const TONE = { completed: "ok", reused: "ok", seeking: "run", failed: "bad", failing: "warn", cancelled: "bad", terminated: "bad", started: "run", scheduled: "run", waiting: "warn", paused: "warn", queued: "warn", admitted: "run", resumed: "run", rewound: "warn", rolling_back: "warn", rolled_back: "run", forked: "run", migrated: "run", retried: "run", received: "run", approved: "ok", hastened: "run", escalated: "warn", throttled: "warn", advanced: "run", aborted: "bad" };

export function sentence(event, start) {
  const step = h("b", {}, event.step || event.data.step || "");
  const tell = TELL[event.type];
  const kind = event.type.split(".")[1];
  return h("li", { class: event.type === "step.activated" ? "aside" : null, "data-tone": TONE[kind] || "idle", title: moment(event.at) },
    h("time", { datetime: event.at }, "+" + duration(Date.parse(event.at) - start)),
    h("i", { class: "dot" }),
    h("span", {}, tell ? tell(event.data, step) : [event.type, " ", cut(event.data)]));
}
