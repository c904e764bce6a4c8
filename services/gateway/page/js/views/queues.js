// Queues with what waits in them, and the workers and devices that are present.

import { api } from "../api.js";
import { h, replace } from "../dom.js";
import { count } from "../format.js";

export async function queuesView(place) {
  const queues = h("div");
  const devices = h("div");
  const load = async () => {
    const [q, d] = await Promise.all([api("/queues"), api("/devices")]);
    replace(queues, q.queues.length ? h("div", { class: "cards" }, q.queues.map(queue)) : h("div", { class: "panel" },
      h("div", { class: "empty" }, h("strong", {}, "No queue yet"), "A queue is there as soon as a worker serves it or work waits in it.")));
    replace(devices, d.devices.length ? table(d.devices) : h("div", { class: "empty" }, h("strong", {}, "Nobody is present"),
      "Start a worker:", h("pre", {}, "stretto worker my_tasks.py")));
  };
  await load();
  replace(place, h("h1", {}, "Queues"), queues,
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Workers and devices")), devices));
  const clock = setInterval(() => load().catch(() => {}), 2000);
  return () => clearInterval(clock);
}

function queue({ namespace, queue: name, waiting = 0, in_flight = 0, workers = 0, slots = 0 }) {
  const whole = Math.max(slots, in_flight, 1);
  return h("div", { class: "panel card" },
    h("div", { class: "row" }, h("h2", {}, name), h("span", { class: "tag end" }, namespace)),
    h("div", { class: "gauge", role: "img", "aria-label": `${in_flight} of ${slots} slots are busy` },
      h("i", { style: { width: `${Math.min(100, (in_flight / whole) * 100)}%` } })),
    h("div", { class: "row muted num" },
      h("small", {}, `${count(in_flight)} of ${count(slots)} slots busy`), h("small", {}, `${count(workers)} workers`),
      h("small", { class: "end" }, waiting ? h("b", {}, `${count(waiting)} waiting`) : "nothing waits")),
    waiting > 0 && workers === 0 ? h("div", { class: "note" }, "Work waits, but nobody serves this queue.") : null);
}

function table(devices) {
  return h("div", { class: "scroll" }, h("table", { class: "list" },
    h("thead", {}, h("tr", {}, h("th", {}, "Name"), h("th", {}, "Queue"), h("th", {}, "Tasks"), h("th", {}, "Capabilities"), h("th", { class: "right" }, "Busy"))),
    h("tbody", {}, devices.map((d) => h("tr", {},
      h("td", { class: "mono" }, d.device || "–"), h("td", {}, d.queue || h("span", { class: "muted" }, "singly")),
      h("td", {}, tags(d.tasks)), h("td", {}, tags(d.capabilities)),
      h("td", { class: "right num" }, `${d.busy ?? 0} / ${d.slots ?? 1}`))))));
}

function tags(names = []) {
  return h("span", { class: "row", style: { gap: "5px" } }, names.slice(0, 6).map((n) => h("span", { class: "tag" }, n)),
    names.length > 6 && h("small", { class: "muted" }, `+${names.length - 6}`));
}
