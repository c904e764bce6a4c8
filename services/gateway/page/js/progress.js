// How far a run is: a bar with the share that is done and the time that is left.

import { api } from "./api.js";
import { h, replace } from "./dom.js";
import { duration } from "./format.js";

const EVERY_MS = 1500;

export class ProgressBar {
  constructor(runId) {
    this.runId = runId;
    this.bar = h("i");
    this.text = h("span", { class: "num" });
    this.said = h("ul", { class: "said" });
    this.gauge = h("span", { class: "gauge", role: "progressbar", "aria-label": "How far the run is", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.element = h("div", { class: "progress", hidden: true }, h("div", { class: "row" }, this.gauge, this.text), this.said);
    this.known = null;
    this.timer = 0;
  }

  // Ask now and then while the run is open.
  start() {
    this.timer ||= setInterval(() => this.load(), EVERY_MS);
    this.load();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.element.hidden = true;
  }

  async load() {
    try {
      this.known = await api(`/runs/${this.runId}/progress`);
      this.at = Date.now();
    } catch {
      this.known = null; // monitoring is away: nothing is shown rather than something old
    }
    this.draw();
  }

  draw() {
    this.element.hidden = !this.known || !this.timer;
    if (!this.known) return;
    const { progress, left_ms: left, past_runs: runs, attempts = [] } = this.known;
    const percent = Math.floor(progress * 100);
    this.bar.style.width = `${progress * 100}%`;
    this.gauge.setAttribute("aria-valuenow", percent);
    const rest = left === undefined ? null : Math.max(0, left - (Date.now() - this.at));
    replace(this.text, h("b", {}, `${percent} %`), rest === null ? "" : ` · about ${rounded(rest)} left`,
      h("small", { class: "muted" }, runs ? ` by ${runs} past run${runs > 1 ? "s" : ""}` : " by steps: no past run to compare with"));
    replace(this.said, attempts.filter((a) => a.progress !== undefined || a.message).slice(0, 8).map((a) =>
      h("li", {}, h("b", {}, a.step), a.progress === undefined ? "" : ` ${Math.floor(a.progress * 100)} %`, a.message ? h("span", { class: "muted" }, ` ${a.message}`) : "")));
  }
}

// A time that is left is not known to the millisecond.
function rounded(ms) {
  return ms < 60000 ? `${Math.max(1, Math.round(ms / 1000))} s` : duration(Math.round(ms / 5000) * 5000);
}
