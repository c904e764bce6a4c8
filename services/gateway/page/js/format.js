// Times and sizes for people.

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms === 0) return "0";
  if (ms < 1) return `${Math.max(0, Math.round(ms * 1000))} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(2) : s.toFixed(1)} s`;
  const m = Math.floor(s / 60);
  const with_ = (whole, unit, rest, small) => rest ? `${whole} ${unit} ${rest} ${small}` : `${whole} ${unit}`;
  if (m < 60) return with_(m, "min", Math.floor(s % 60), "s");
  const hours = Math.floor(m / 60);
  return hours < 48 ? with_(hours, "h", m % 60, "min") : with_(Math.floor(hours / 24), "d", hours % 24, "h");
}

export function ago(at) {
  const s = (Date.now() - Date.parse(at)) / 1000;
  if (s < 5) return "just now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return new Date(at).toLocaleDateString(undefined, { dateStyle: "medium" });
}

// The same of an instant to come.
export function ahead(at) {
  const ms = Date.parse(at) - Date.now();
  return ms < 1000 ? "now" : ms < 86400000 * 30 ? `in ${duration(ms < 60000 ? Math.floor(ms / 1000) * 1000 : ms).replace(/^(\d+)\.\d+ s$/, "$1 s")}` : new Date(at).toLocaleDateString(undefined, { dateStyle: "medium" });
}

export function moment(at) {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function count(n) {
  return Number(n).toLocaleString(undefined, { maximumFractionDigits: n < 10 ? 1 : 0 });
}

// A number with its noun: "1 run", "2 runs".
export function several(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

export function short(id) {
  return id.slice(0, 8) + "…" + id.slice(-4);
}

const S = 1000, MIN = 60 * S, HOUR = 60 * MIN;
const CLOCK_STEPS = [10 * S, 15 * S, 30 * S, MIN, 2 * MIN, 5 * MIN, 10 * MIN, 15 * MIN, 30 * MIN, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR];

// Ticks of an axis of `total` ms: about five, on round numbers.
export function ticks(total) {
  if (!(total > 0)) return [0];
  const raw = total / 5;
  const base = 10 ** Math.floor(Math.log10(raw));
  const decimal = [1, 2, 5, 10].map((f) => f * base).find((s) => s >= raw);
  const step = raw > 5000 ? CLOCK_STEPS.find((s) => s >= raw) || decimal : decimal;
  const found = [];
  for (let at = 0; at <= total * 0.96; at += step) found.push(at);
  return found;
}
