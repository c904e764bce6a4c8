// Queues with what waits in them, and the workers and devices that are present.

import { api } from "../api.js";
import { h, replace } from "../dom.js";
import { ago, count, several } from "../format.js";

const MAX_UNKNOWN = 6;

export async function queuesView(place) {
  const unknown = h("div");
  const queues = h("div");
  const resources = h("div");
  const devices = h("div");
  const load = async () => {
    const [q, d] = await Promise.all([api("/queues"), api("/devices")]);
    replace(queues, q.queues.length ? h("div", { class: "cards" }, q.queues.map(queue)) : h("div", { class: "panel" },
      h("div", { class: "empty" }, h("strong", {}, "No queue yet"), "A queue is there as soon as a worker serves it or work waits in it.")));
    replace(unknown, (q.unknown_tasks || []).length ? h("div", { class: "note why" }, q.unknown_tasks.slice(0, MAX_UNKNOWN).map(nobody)) : null);
    replace(resources, (q.resources || []).length ? h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Resources")), resourceTable(q.resources)) : null);
    replace(devices, d.devices.length ? table(d.devices) : h("div", { class: "empty" }, h("strong", {}, "Nobody is present"),
      "Start a worker:", h("pre", {}, "stretto worker my_tasks.py")));
  };
  await load();
  replace(place, h("h1", {}, "Queues"), unknown, queues, resources,
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Workers and devices")), devices));
  const clock = setInterval(() => load().catch(() => {}), 2000);
  return () => clearInterval(clock);
}

// What was sent beyond the slots lies in the queue's stream: it waits, as what was not sent yet.
function queue({ namespace, queue: name, waiting: held = 0, in_flight = 0, workers = 0, wanted = 0, slots = 0 }) {
  const busy = Math.min(in_flight, slots), waiting = held + in_flight - busy;
  return h("div", { class: "panel card" },
    h("div", { class: "row title" }, h("h2", {}, name), h("span", { class: "tag end" }, namespace)),
    h("div", { class: "gauge", role: "img", "aria-label": `${busy} of ${slots} slots are busy` },
      h("i", { style: { width: `${(busy / Math.max(slots, 1)) * 100}%` } })),
    h("div", { class: "row muted num" },
      h("small", {}, `${count(busy)} of ${count(slots)} slots busy`), h("small", {}, several(workers, "worker") + (wanted > workers ? `, ${count(wanted)} wanted` : "")),
      h("small", { class: "end" }, waiting ? h("b", {}, `${count(waiting)} waiting`) : "nothing waits")),
    waiting > 0 && workers === 0 ? h("div", { class: "note" }, "Work waits, but nobody serves this queue.") : null);
}

// A task that attempts wait for and that nobody who is present does.
function nobody({ task, queue: where, attempts, since, workers = 0 }) {
  return h("div", {}, h("b", {}, several(attempts, "attempt")), attempts === 1 ? " waits for " : " wait for ", h("code", {}, task), where ? ` on queue ${where}` : "",
    workers ? `, which ${several(workers, "worker")} there cannot do` : ", which nobody does", `; the oldest came ${ago(since)}.`);
}

function resourceTable(resources) {
  return h("div", { class: "scroll" }, h("table", { class: "list" },
    h("thead", {}, h("tr", {}, ["Resource", "In use", "", "Attempts that wait"].map((t, i) => h("th", { class: i ? "right" : null }, t)))),
    h("tbody", {}, resources.map(({ name, capacity = 0, used = 0, waiting = 0 }) => h("tr", {},
      h("td", {}, h("b", {}, name)),
      h("td", {}, h("div", { class: "gauge", role: "img", "aria-label": `${used} of ${capacity} are in use` },
        h("i", { style: { width: `${capacity ? Math.min(100, (used / capacity) * 100) : 0}%` } }))),
      h("td", { class: "right num nowrap" }, `${count(used)} of ${count(capacity)}`),
      h("td", { class: "right num" }, count(waiting)))))));
}

function table(devices) {
  return h("div", { class: "scroll" }, h("table", { class: "list" },
    h("thead", {}, h("tr", {}, h("th", {}, "Name"), h("th", {}, "Queue"), h("th", {}, "Tasks"), h("th", {}, "Capabilities"), h("th", {}, "Is"), h("th", { class: "right" }, "Busy"))),
    h("tbody", {}, devices.map((d) => h("tr", {},
      h("td", { class: "mono" }, d.device || "–"), h("td", {}, d.queue || h("span", { class: "muted" }, "singly")),
      h("td", {}, tags(d.tasks)), h("td", {}, tags(d.capabilities)), h("td", {}, tags(facts(d))),
      h("td", { class: "right num" }, `${d.busy ?? 0} / ${d.slots ?? 1}`))))));
}

function facts({ attributes = {}, labels = {} }) {
  return Object.entries({ ...attributes, ...labels }).map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`);
}

function tags(names = []) {
  return h("span", { class: "row", style: { gap: "5px" } }, names.slice(0, 6).map((n) => h("span", { class: "tag" }, n)),
    names.length > 6 && h("small", { class: "muted" }, `+${names.length - 6}`));
}
