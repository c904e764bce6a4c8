// What a person can tell a run: a button, a dialog that says what will happen, who and why.

import { api } from "./api.js";
import { field, jsonOf, openDialog } from "./dialog.js";
import { h, toast } from "./dom.js";
import { whoAndWhy } from "./who.js";

// `says`: what happens. `tone`: how the button of the dialog looks. `fields`: what is asked besides.
const COMMANDS = {
  signal: { label: "Signal", title: "Send a signal", says: "A step that waits for it takes it; if none does yet, it is kept for the next one.", fields: ["name", "payload"] },
  approve: { label: "Approve", title: "Approve", says: "The step completes, and the run goes on.", tone: "primary" },
  reject: { label: "Reject", title: "Reject", says: "The step fails as rejected.", tone: "danger" },
  pause: { label: "Pause", title: "Pause this run", says: "Nothing new begins until the run is resumed. What workers have already goes on." },
  resume: { label: "Resume", title: "Resume this run", says: "What was held back begins.", tone: "primary" },
  retry: { label: "Retry", title: "Retry", says: "What failed runs again, and so does all that needs it.", tone: "primary" },
  skip: { label: "Skip", title: "Skip this step", says: "The step ends as skipped, and what its worker does is withdrawn. Steps that need it are skipped too, unless their condition says otherwise.", tone: "danger" },
  rewind: { label: "Rewind to here", title: "Rewind", says: "This step and all that needs it run again. Outputs that they gave are dropped.", tone: "danger" },
  rollback: { label: "Roll back to here", title: "Roll back", says: "What came of this step is undone where the definition says how, and runs again. The step itself stays done.", tone: "danger" },
  cancel: { label: "Cancel", title: "Cancel this run", says: "What is open is cancelled, and what was done is undone in order, where the definition says how.", tone: "danger" },
  terminate: { label: "Terminate", title: "Terminate this run", says: "The run ends at once, as it stands. Nothing is undone.", tone: "danger" },
};

// Those of the commands of a run as a whole that the workflow service would carry out now: all but
// the ones that have their place beside what they answer.
export function commandsOfRun(offered) {
  return offered.filter((command) => command in COMMANDS && command !== "approve" && command !== "reject");
}

// What the workflow service would carry out now for a run, or for one step.
export async function offeredBy(runId, step) {
  const { commands } = await api(`/runs/${runId}/controls`, { query: { step } });
  return commands;
}

// A button that opens the dialog of a command; `fixed` are fields that are known already.
export function controlButton(command, run, done, fixed = {}, label = "") {
  const { tone, label: usual } = COMMANDS[command];
  return h("button", { type: "button", class: tone || null, "data-command": command, onclick: (event) => { event.stopPropagation(); controlDialog(command, run, done, fixed); } },
    label || usual);
}

function controlDialog(command, run, done, fixed) {
  const { title, says, tone, fields = [], label } = COMMANDS[command];
  const asked = fields.filter((name) => fixed[name] === undefined);
  const name = h("input", { autocomplete: "off", required: true, maxlength: 256 });
  const payload = h("textarea", { rows: 4, spellcheck: "false", placeholder: "null" });
  const who = whoAndWhy();
  openDialog({
    title, says, tone, done, label: label.replace(" to here", ""),
    tags: [fixed.step, fixed.name].filter(Boolean),
    fields: [
      asked.includes("name") && field("Name of the signal", name),
      asked.includes("payload") && field("Payload (JSON)", payload),
      ...who.fields,
    ],
    focus: asked.includes("name") ? name : who.reason,
    send: async () => {
      const body = { command, namespace: run.namespace, ...fixed, ...who.body() };
      if (asked.includes("name")) body.name = name.value.trim();
      const value = asked.includes("payload") ? jsonOf(payload, "The payload") : undefined;
      if (value !== undefined) body.payload = value;
      await api(`/runs/${run.run_id}/control`, { method: "POST", body });
      toast(`${title}: done`);
    },
  });
}
