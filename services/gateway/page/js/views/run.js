// One run: how it stands, its steps over time, its story.

import { api, namespace, watch } from "../api.js";
import { commandsOfRun, controlButton } from "../controls.js";
import { h, pill, replace, throttled, toast } from "../dom.js";
import { duration, moment } from "../format.js";
import { graph, standing } from "../graph.js";
import { json, labelled } from "../json.js";
import { ProgressBar } from "../progress.js";
import { sentence } from "../story.js";
import { Timeline } from "../timeline.js";

const MAX_EVENTS = 2000;
const CLOSED = new Set(["completed", "failed", "cancelled", "terminated"]);

export async function runView(place, [runId]) {
  const timeline = new Timeline(() => refresh());
  const head = h("div", { class: "head" });
  const data = h("div", { class: "body split" });
  const why = h("div");
  const far = new ProgressBar(runId);
  const picture = h("div");
  const story = h("ol", { class: "story", tabindex: 0 });
  let view = null, lastSeq = 0, plan = null, offered = [], reasons = null;

  const load = async () => {
    view = await api(`/runs/${runId}`);
    const closed = CLOSED.has(view.run.status);
    reasons = await api(`/runs/${runId}/explain`).catch(() => null);
    offered = reasons?.controls || [];
    showHead();
    timeline.show(view);
    drawData(data, view);
    drawGraph();
    closed ? far.stop() : far.start();
    explain(why, view.run, reasons?.pending || [], refresh);
  };

  const showHead = () => drawHead(head, view, plan?.root?.steps?.length || 0, commandsOfRun(offered), refresh, reasons?.remedy);

  const drawGraph = () => {
    if (!plan?.root?.steps || plan.root.steps.length > 60) return replace(picture);
    replace(picture, section("Graph", graph(plan, standing(view.steps))));
  };

  const tell = (events) => {
    const atEnd = story.scrollTop + story.clientHeight >= story.scrollHeight - 30;
    for (const event of events) {
      if (event.seq <= lastSeq) continue;
      lastSeq = event.seq;
      story.append(sentence(event, Date.parse(view.run.started_at)));
    }
    if (atEnd && !CLOSED.has(view.run.status)) story.scrollTop = story.scrollHeight;
  };

  const catchUp = async () => {
    for (let pages = 0; pages < MAX_EVENTS / 1000; pages += 1) {
      const { events } = await api(`/runs/${runId}/events`, { query: { after_seq: lastSeq, limit: 1000 } });
      tell(events);
      if (events.length < 1000) return;
    }
    story.append(h("li", {}, h("span"), h("span"), h("span", { class: "muted" }, "More events: stretto events " + runId)));
  };

  const refresh = throttled(() => load().catch(() => {}), 400);

  await load();
  await catchUp();
  const { workflow, version } = view.run;
  api(`/definitions/${workflow}/${version}`, { query: { namespace: view.run.namespace } })
    .then((definition) => { plan = definition.graph; showHead(); drawGraph(); }, () => {});
  replace(place, head, far.element, why,
    section("Steps over time", timeline.element, h("small", { class: "muted" }, "thin: waiting for a worker")),
    picture,
    h("div", { class: "split wide" }, section("Story", story), h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Input and output")), data)));

  const stop = watch({ run_id: runId, namespace: view.run.namespace || namespace.get() }, (message) => {
    if (message.type === "quiet") return;
    if (message.type === "events" && message.data.events[0].seq === lastSeq + 1) tell(message.data.events);
    else catchUp().catch(() => {});
    refresh();
  });
  const clock = setInterval(() => {
    if (!view || CLOSED.has(view.run.status)) return;
    timeline.draw();
    far.draw();
    const took = head.querySelector("[data-took]");
    if (took) took.textContent = duration(Date.now() - Date.parse(view.run.started_at));
  }, 500);
  return () => { stop(); refresh.cancel(); far.stop(); clearInterval(clock); };
}

function section(title, content, aside) {
  return h("section", { class: "panel" }, h("header", {}, h("h2", {}, title), aside && h("span", { class: "end" }, aside)), content);
}

function drawHead(head, { run, steps }, planned, commands, done, remedy) {
  const open = !CLOSED.has(run.status);
  const fact = (label, ...value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
  const copy = () => navigator.clipboard?.writeText(run.run_id).then(() => toast("Run id copied"));
  const completed = steps.filter((s) => s.status === "completed").length;
  replace(head,
    h("div", { class: "row" },
      h("a", { href: "#/runs", class: "muted", "aria-label": "Back to the runs" }, "Runs /"),
      h("h1", {}, run.id || run.workflow), pill(run.status),
      h("span", { class: "end row controls" }, commands.map((command) => controlButton(command, run, done)))),
    h("dl", { class: "facts" },
      fact("Workflow", h("a", { href: `#/definitions/${run.workflow}/${run.version}` }, run.workflow), h("span", { class: "muted" }, ` v${run.version}`)),
      fact("Run", h("button", { class: "link mono", onclick: copy, title: "Copy" }, run.run_id)),
      fact("Started", h("span", { class: "num" }, moment(run.started_at))),
      fact("Took", h("span", { class: "num", "data-took": open }, duration(run.duration_ms))),
      fact("Steps", h("span", { class: "num" }, `${completed} of ${CLOSED.has(run.status) ? steps.length : Math.max(steps.length, planned)}`)),
      Object.entries(run.labels || {}).map(([k, v]) => h("span", { class: "tag" }, `${k}: ${v}`))),
    run.failure && h("div", { class: "note bad" }, h("b", {}, run.failure.type), run.failure.message ? `: ${run.failure.message}` : "",
      run.failure.step ? h("span", {}, " (in step ", h("b", {}, run.failure.step), ")") : "",
      remedy && h("small", { class: "remedy" }, remedy.replaceAll("`", "").replaceAll("RUN", run.run_id))));
}

function drawData(place, view) {
  replace(place,
    labelled("Input", json(view.input ?? null)),
    view.run.status === "completed" && labelled("Output", json(view.output ?? null)));
}

const MAX_CAUSES = 6;
const BY_PERSON = ["fault", "compensation_failed", "paused", "approval", "signal"];

// Why it is open, with buttons for what a person can do about it.
function explain(place, run, pending, done) {
  if (!pending.length) return void replace(place);
  const rank = ({ cause }) => (BY_PERSON.indexOf(cause) + BY_PERSON.length + 1) % (BY_PERSON.length + 1);
  pending.sort((a, b) => rank(a) - rank(b)); // first what a person can do something about
  const line = (cause) => {
    const able = remedies(cause);
    return h("li", {},
      h("span", {}, (cause.sentence || `${cause.step} waits: ${cause.cause}.`).replaceAll("`", ""),
        h("small", {}, `since ${moment(cause.since)}`, cause.until ? `, until ${moment(cause.until)}` : "", !able.length && cause.remedy ? ` · ${cause.remedy.replaceAll("`", "")}` : "")),
      h("span", { class: "row" }, able.map(([command, fixed]) => controlButton(command, run, done, fixed))));
  };
  replace(place, h("section", { class: "note run why", "aria-label": "Why it is open" },
    h("b", {}, "Why it is open"),
    h("ul", {}, pending.slice(0, MAX_CAUSES).map(line)),
    pending.length > MAX_CAUSES && h("small", {}, `and ${pending.length - MAX_CAUSES} more: stretto explain ${run.run_id}`)));
}

function remedies({ cause, step, signal }) {
  switch (cause) {
    case "approval": return [["approve", { step }], ["reject", { step }]];
    case "signal": return [["signal", signal ? { name: signal } : {}]];
    case "retry": return [["retry", { step }]];
    case "compensation_failed": return [["retry", { step }], ["skip", { step }]];
    case "paused": return [["resume", {}]];
    default: return [];
  }
}
