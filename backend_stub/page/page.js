// Which view belongs to the address, and the frame around it.
import { call, dialog, fill, follow, h, isOpen, marketName, onSignIn, problem, session, wake } from "./core.js";
import { certificates, clients, contracts, events, pools, providers, start, vehicles } from "./views.js";
import { contract, vehicle } from "./things.js";

const LISTS = { "": start, vehicles, contracts, pools, certificates, providers, events, clients };
const THINGS = { vehicles: vehicle, contracts: contract };
const main = document.getElementById("main");
let current = new AbortController();

async function show(focus) {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const [view = "", name] = location.pathname.split("/").slice(2).map(decodeURIComponent);
  const render = name && THINGS[view] ? THINGS[view] : LISTS[view] || start;
  for (const tab of document.querySelectorAll(".tabs a")) {
    const here = (tab.getAttribute("href").split("/")[2] || "") === view && !tab.classList.contains("away");
    if (here) { tab.setAttribute("aria-current", "page"); tab.scrollIntoView({ block: "nearest", inline: "nearest" }); } else tab.removeAttribute("aria-current");
  }
  const title = name || view.charAt(0).toUpperCase() + view.slice(1);
  document.title = `${title ? `${title} · ` : ""}${marketName} · PnC Lab market`;
  const root = h("div", {});
  const context = { signal, name, root, go, again: () => show(false) };
  try {
    const building = render(context);
    main.replaceChildren(root);
    if (focus) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
    await building;
    root.dataset.ready = "true";
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    fill(root, h("h1", {}, title || marketName), problem(error));
    if (error.status === 401) root.append(h("button.act", { type: "button", click: signIn }, "Sign in"));
    root.dataset.ready = "true";
  }
}

function go(path) {
  history.pushState(null, "", path);
  show(true);
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("a");
  if (!anchor || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const path = typeof anchor.href === "string" ? anchor.getAttribute("href") : anchor.href.baseVal;
  if (anchor.getAttribute("target") || !(path === "/" || path.startsWith("/page/"))) return;
  event.preventDefault();
  document.getElementById("dialog").close();
  go(path);
});
addEventListener("popstate", () => show(false));

// --- who is using a closed market
let asking = null;
function signIn() {
  asking ??= new Promise((resolve) => {
    const trouble = h("div", {});
    const id = h("input", { name: "client", required: true, autocomplete: "username", value: session.client });
    const secret = h("input", { name: "secret", type: "password", required: true, autocomplete: "current-password" });
    const finish = (done) => { box.removeEventListener("close", cancel); if (box.open) box.close(); asking = null; resolve(done); };
    const cancel = () => finish(false);
    const box = dialog("Sign in as a client of this market",
      h("p.soft", {}, "The market is closed. A client is made with ", h("code", {}, "backend-stub client add"), "; what it may do here is what its rights say. The token is kept in this tab only."),
      h("form", { submit: async (event) => {
        event.preventDefault();
        try {
          const answer = await call("POST", "/oauth/token", { client_id: id.value.trim(), client_secret: secret.value, grant_type: "client_credentials" });
          session.keep(id.value.trim(), answer.access_token);
          tell();
          wake();
          finish(true);
        } catch (error) { fill(trouble, problem(error)); }
      } }, trouble, h("label", {}, "Client id", id), h("label", {}, "Secret", secret),
      h("div.buttons", {}, h("button.quiet", { type: "button", click: cancel }, "Cancel"), h("button.act.first", { type: "submit" }, "Sign in"))));
    box.addEventListener("close", cancel);
    id.focus();
  });
  return asking;
}
onSignIn.ask = signIn;

const button = document.getElementById("token");
function tell() { button.textContent = session.token ? `Sign out ${session.client}` : "Sign in"; }
button.addEventListener("click", async () => {
  if (session.token) { session.forget(); tell(); show(false); } else if (await signIn()) show(false);
});
if (!isOpen) tell();

const live = document.getElementById("live");
const STATES = { on: ["on", "live"], off: ["off", "not connected, trying again"], token: ["off", "sign in to see events"], forbidden: ["off", "no right to see events"] };
follow((state) => {
  const [look, words] = STATES[state];
  if (live.classList.contains(look) && live.lastChild.textContent === words) return;
  live.className = `live ${look}`;
  live.lastChild.textContent = words;
});

show(false);
