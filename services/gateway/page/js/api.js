// The REST API and the WebSocket of the gateway that served this page.

import { h } from "./dom.js";

const TOKEN = "stretto-token";
const NAMESPACE = "stretto-namespace";

export const namespace = {
  get: () => localStorage.getItem(NAMESPACE) || "default",
  set: (name) => localStorage.setItem(NAMESPACE, name || "default"),
};

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.code = body.code || "error";
    this.status = status;
    this.errors = body.errors || [];
    this.remedy = body.remedy || "";
  }
}

export async function api(path, { method = "GET", body, type = "application/json", query, signal } = {}) {
  const url = new URL("/api/v1" + path, location.origin);
  for (const [name, value] of Object.entries(query || {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  const headers = {};
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = type;
  let answer;
  try {
    answer = await fetch(url, {
      method, headers, signal,
      body: body === undefined ? undefined : type === "application/json" ? JSON.stringify(body) : body,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    say("lost", "not reachable");
    throw new Problem({ detail: "The gateway does not answer.", code: "unreachable" }, 0);
  }
  const text = await answer.text();
  const data = text ? JSON.parse(text) : null;
  if (answer.ok) {
    say("live", "live");
    return data;
  }
  if (answer.status === 401 && (await askToken())) {
    return api(path, { method, body, type, query, signal });
  }
  throw new Problem(data || {}, answer.status);
}

let asking = null;

// Ask for a token; one dialog for all requests that wait for it.
function askToken() {
  asking ||= new Promise((resolve) => {
    const input = h("input", { type: "password", autocomplete: "off", required: true });
    const dialog = h("dialog", { "aria-label": "Token" },
      h("form", { method: "dialog", onsubmit: () => { sessionStorage.setItem(TOKEN, input.value.trim()); dialog.close("given"); } },
        h("h2", {}, "This gateway asks for a token"),
        h("label", { class: "field" }, "Token", input),
        h("div", { class: "row" }, h("button", { class: "primary" }, "Use it"))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      asking = null;
      resolve(dialog.returnValue === "given");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

// Watch the bus: `onMessage` gets what the relay sends; connects again by itself.
// Gives a function that ends it.
export function watch(wanted, onMessage) {
  let socket = null, ended = false, wait = 500, timer = 0;
  const open = () => {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws`);
    socket.onopen = () => socket.send(JSON.stringify({
      namespace: namespace.get(), ...wanted, token: sessionStorage.getItem(TOKEN),
    }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "watching") {
        wait = 500;
        say("live", "live");
      }
      onMessage(message);
    };
    socket.onclose = () => {
      if (ended) return;
      say("lost", "reconnecting");
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, 8000);
    };
  };
  open();
  return () => { ended = true; clearTimeout(timer); socket.close(); };
}

export function say(state, text) {
  const live = document.getElementById("live");
  if (live.dataset.state === state) return;
  live.dataset.state = state;
  live.querySelector("span").textContent = text;
}
