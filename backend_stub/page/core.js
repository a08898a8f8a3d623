// What everything else stands on: elements made of text, calls of the doors, tokens, and the stream of events.
// Nothing here or elsewhere turns text into markup: names from the market reach the page as text nodes only.

const SVG = "http://www.w3.org/2000/svg";
export const isOpen = document.documentElement.dataset.open === "true";
export const marketName = document.documentElement.dataset.name;

/** Make an element: h("p.soft", {title: "…"}, "text", other, null). Functions among the attributes are listeners. */
export function h(what, attributes = {}, ...children) {
  return make(document.createElement(what.split(".")[0]), what, attributes, children);
}

/** The same for a part of a picture. */
export function s(what, attributes = {}, ...children) {
  return make(document.createElementNS(SVG, what.split(".")[0]), what, attributes, children);
}

function make(element, what, attributes, children) {
  const classes = what.split(".").slice(1);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

export function add(parent, children) {
  for (const child of children.flat(9)) if (child !== null && child !== undefined && child !== false) parent.append(child);
  return parent;
}

export function fill(parent, ...children) { parent.replaceChildren(); return add(parent, children); }

/** Tell those who cannot see it what has changed. */
export function say(text) { document.getElementById("said").textContent = text; }

/** A refusal of the market, or of the way to it, in words. */
export class Refusal extends Error {
  constructor(status, messages, traceId) {
    super(messages.join("; "));
    this.status = status;
    this.traceId = traceId;
    this.code = /^\[([A-Z_]+)\]/.exec(messages[0] || "")?.[1] || "";
  }
}

// --- tokens: kept for this tab only, and never anywhere else
const TOKEN = "market.token", CLIENT = "market.client";
export const session = {
  get token() { return isOpen ? null : sessionStorage.getItem(TOKEN); },
  get client() { return isOpen ? "" : sessionStorage.getItem(CLIENT) || ""; },
  keep(client, token) { sessionStorage.setItem(CLIENT, client); sessionStorage.setItem(TOKEN, token); },
  forget() { sessionStorage.removeItem(TOKEN); sessionStorage.removeItem(CLIENT); },
};
export const onSignIn = { ask: () => Promise.resolve(false) };

function headers(more = {}) {
  const found = { "X-Market-Page": "1", ...more };
  if (session.token) found.Authorization = `Bearer ${session.token}`;
  return found;
}

/** Call a door. Gives what JSON holds, null for nothing. Throws Refusal. */
export async function call(method, url, body, signal) {
  const content = body === undefined ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    // Without credentials of the browser's own: it would ask for a password where OAuth names Basic.
    answer = await fetch(url, { method, credentials: "omit", headers: headers(content), body: body === undefined ? undefined : JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, ["The market does not answer. Is it still running?"], "");
  }
  const text = await answer.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { data = null; }
  if (answer.ok) return data;
  const messages = data?.errorMessages || [data?.error_description || `the market answered ${answer.status}`];
  throw new Refusal(answer.status, messages, data?.traceId || "");
}

/** Read; where the market is closed and nobody is signed in, ask who it is first. */
export async function get(url, signal) {
  try {
    return await call("GET", url, undefined, signal);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401 || isOpen) throw error;
    session.forget();
    if (!(await onSignIn.ask())) throw error;
    return call("GET", url, undefined, signal);
  }
}

/** The command that makes the same call from a shell. */
export function curl(method, url, body) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  if (!isOpen) parts.push("-H", '"Authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push("-H", quote("Content-Type: application/json"), "-d", quote(JSON.stringify(body)));
  parts.push(quote(new URL(url, location.href).href));
  return parts.join(" ");
}

export function copyButton(text) {
  const button = h("button.quiet", { type: "button", click: async () => {
    try { await navigator.clipboard.writeText(text()); button.textContent = "Copied"; } catch { button.textContent = "Select and copy"; }
    say("copied");
  } }, "Copy");
  return button;
}

export function command(text) { return h("div.command", {}, h("pre", {}, text), copyButton(() => text)); }

/** The mark that stands beside every datum: which call gives it. */
export function api(url) {
  return h("a.api", { href: url, title: `GET ${url}`, "aria-label": `API call: GET ${url}`, click: (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const shown = dialog("The call that gives this", h("p", {}, h("code", {}, `GET ${url}`)), command(curl("GET", url)),
      isOpen ? h("p", {}, h("a", { href: url, target: "_blank" }, "Open the answer")) : h("p.soft", {}, "TOKEN is what POST /oauth/token gives your client."),
      h("div.buttons", {}, h("button.quiet", { type: "button", click: () => shown.close() }, "Close")));
  } }, "API");
}

export function dialog(title, ...children) {
  const box = document.getElementById("dialog");
  fill(box, h("h2", { id: "dialog-title" }, title), children);
  if (!box.open) box.showModal();
  return box;
}

/** What went wrong, in words; the code and the trace id for whoever looks further. */
export function problem(error) {
  if (error.name === "AbortError") return null;
  if (!(error instanceof Refusal)) throw error;
  const text = error.message.replace(/^\[[A-Z_]+\] /, "");
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return h("p.problem", { role: "alert" }, words + (/[.?!]$/.test(words) ? " " : ". "), error.code && h("small.soft", {}, `${error.code} · trace ${error.traceId}`));
}

// --- events as they happen
const listeners = new Set();
export function onEvent(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

/** Follow the events for as long as the page is open. EventSource cannot carry a token, so the stream is read by hand. */
export async function follow(state) {
  let last = null, pause = 1000;
  for (;;) {
    await visible();
    const gone = new AbortController();
    const leave = () => { if (document.visibilityState === "hidden") gone.abort(); };
    const hide = () => gone.abort();
    document.addEventListener("visibilitychange", leave);
    addEventListener("pagehide", hide);
    try {
      const more = last === null ? {} : { "Last-Event-ID": String(last) };
      const answer = await fetch("/v1/events/stream?heartbeatS=5", { headers: headers(more), cache: "no-store", credentials: "omit", signal: gone.signal });
      if (!answer.ok) throw new Refusal(answer.status, [], "");
      state("on");
      pause = 1000;
      for await (const event of blocks(answer.body)) {
        last = event.sequence;
        for (const listener of listeners) listener(event);
      }
    } catch (error) {
      if (error.status === 401) { state("token"); await signedIn(); continue; }
      if (error.status === 403) { state("forbidden"); await signedIn(); continue; }
    } finally {
      document.removeEventListener("visibilitychange", leave);
      removeEventListener("pagehide", hide);
    }
    if (gone.signal.aborted) continue;
    state("off");
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, 15000);
  }
}

// A browser keeps six connections to one place: tabs that nobody looks at give theirs back.
function visible() {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

let wakers = [];
function signedIn() { return new Promise((resolve) => wakers.push(resolve)); }
export function wake() { wakers.forEach((resolve) => resolve()); wakers = []; }

async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await Promise.race([reader.read(), silence()]);
    if (done) { reader.cancel().catch(() => {}); return; }
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").filter((line) => !line.startsWith(":")).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (fields.data) yield { ...JSON.parse(fields.data), sequence: Number(fields.id) };
    }
  }
}

/** A stream that says nothing for three heartbeats is dead. */
function silence() { return new Promise((resolve) => setTimeout(() => resolve({ done: true }), 16000)); }
