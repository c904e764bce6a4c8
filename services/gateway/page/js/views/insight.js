// Latencies by workflow and task; the services themselves.

import { api, namespace } from "../api.js";
import { h, pill, replace } from "../dom.js";
import { ago, count, duration } from "../format.js";

export async function insightView(place) {
  const latencies = h("div", { class: "split wide" });
  const services = h("div");
  const load = async () => {
    const stats = await api("/stats", { query: { namespace: namespace.get() } });
    replace(latencies,
      panel("Runs", "Workflow", stats.run_latency, (name) => h("a", { href: `#/runs?workflow=${name}` }, name)),
      panel("Tasks", "Task", stats.task_latency, (name) => h("code", {}, name)));
    replace(services, serviceTable(stats.services || [], stats.lag));
  };
  await load();
  replace(place, h("h1", {}, "Insight"), latencies,
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Services")), services));
  const clock = setInterval(() => load().catch(() => {}), 3000);
  return () => clearInterval(clock);
}

function panel(title, label, latency, link) {
  const rows = Object.entries(latency || {}).sort(([, a], [, b]) => b.count - a.count);
  const slowest = Math.max(0.001, ...rows.map(([, l]) => l.p99_ms));
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, title), h("small", { class: "muted end" }, "start to end, all that completed")),
    rows.length ? h("div", { class: "scroll" }, h("table", { class: "list" },
      h("thead", {}, h("tr", {}, [label, "Count", "Median", "95 %", "99 %", ""].map((t, i) => h("th", { class: i && i < 5 ? "right" : null }, t)))),
      h("tbody", {}, rows.slice(0, 100).map(([name, l]) => h("tr", {},
        h("td", {}, link(name)), ...[count(l.count), duration(l.p50_ms), duration(l.p95_ms), duration(l.p99_ms)].map((t) => h("td", { class: "right num nowrap" }, t)),
        h("td", { style: { width: "110px" } }, h("div", { class: "gauge", style: { minWidth: "24px" }, "aria-hidden": "true" },
          h("i", { style: { width: `${(l.p50_ms / slowest) * 100}%` } }),
          h("i", { style: { width: `${((l.p99_ms - l.p50_ms) / slowest) * 100}%`, opacity: 0.4 } })))))))) :
      h("div", { class: "empty" }, "Nothing has completed yet"));
}

function serviceTable(services, lag) {
  if (!services.length) return h("div", { class: "empty" }, "No service has told of itself yet");
  const value = (s, start) => Object.entries({ ...s.gauges, ...s.counters }).find(([k]) => k.startsWith(start))?.[1];
  return h("div", { class: "scroll" }, h("table", { class: "list" },
    h("thead", {}, h("tr", {}, ["Service", "Instance", "Up", "Memory", "Processor", "Event loop late", "Said"].map((t, i) => h("th", { class: i > 1 ? "right" : null }, t)))),
    h("tbody", {}, services.map((s) => {
      const up = value(s, "stretto_uptime_seconds"), cpu = value(s, "stretto_cpu_seconds_total"), late = value(s, "stretto_loop_lag_seconds");
      const memory = value(s, "stretto_resident_memory_bytes");
      return h("tr", {}, h("td", {}, h("b", {}, s.service), s.service === "monitoring" && lag > 0 ? [" ", pill("waiting"), ` ${count(lag)} frames behind`] : ""),
        h("td", { class: "mono" }, s.instance),
        ...[up === undefined ? "–" : duration(up * 1000), memory === undefined ? "–" : `${(memory / 1048576).toFixed(0)} MB`,
          cpu === undefined ? "–" : duration(cpu * 1000), late === undefined ? "–" : duration(late * 1000), ago(s.at)].map((t) => h("td", { class: "right num nowrap" }, t)));
    }))));
}
