// The lists: the market as a picture, vehicles, contracts, pools, certificates, providers, events, clients.
import { add, api, fill, get, h, marketName, onEvent, problem, say } from "./core.js";
import { addWebhook, buildVehicle, onboard } from "./acting.js";
import { picture } from "./picture.js";
import { carLink, clock, contractLink, count, date, figures, moment, plural, sentence, touched } from "./words.js";
import { certificateTree } from "./certificates.js";

const PAGE = 50;
const head = (title, ...acts) => h("div.head", {}, h("h1", {}, title), h("div.acts", {}, acts));
const cells = (names) => h("tr", {}, names.map(([name, look = ""]) => h(`th${look}`, { scope: "col" }, name)));

export async function start({ root, signal }) {
  const drawing = h("figure.picture", { "aria-label": "The market" });
  const choice = h("div.choice", { role: "group", "aria-label": "Provider shown" });
  const state = h("span.soft", { role: "status" });
  const feed = h("ol.feed", {});
  add(root, [head(marketName === "market" ? "The market" : `Provider ${marketName}`, h("button.act", { type: "button", click: () => buildVehicle() }, "Build a vehicle"), h("button.act", { type: "button", click: () => onboard({}) }, "Onboard a driver")),
    choice, drawing, h("p", {}, state, " ", api("/market/v1/providers")),
    h("section", {}, h("h2", {}, "What happened last ", api("/market/v1/events?limit=12")), feed)]);
  const draw = picture(drawing, signal);
  let chosen = 0;
  const refresh = async () => {
    let providers;
    try {
      ({ providers } = await get("/market/v1/providers", signal));
    } catch (error) {
      if (error.name === "AbortError") return;
      draw(null);
      fill(state, "How the roles fare is for who runs the market: ", error.message);
      return;
    }
    const shown = providers[chosen] || providers[0];
    draw(shown);
    if (providers.length > 1) fill(choice, providers.map((provider, index) => h("button.quiet", { type: "button", "aria-pressed": String(index === chosen), click: () => { chosen = index; refresh(); } },
      provider.name, " ", provider.up ? h("span.good", {}, "up") : h("span.bad", {}, "down"))));
    fill(state, shown.up ? (shown.roles.length ? "All roles answer." : "It answers, and shows its inside to nobody else.") : h("span.bad", {}, shown.problem));
  };
  await Promise.all([refresh(), latest(feed, "/market/v1/events?limit=12", signal)]);
  let waiting = null;
  onEvent((event) => {
    put(feed, event, 12);
    draw.touch(touched(event.eventType));
    waiting ??= setTimeout(() => { waiting = null; if (!signal.aborted) refresh(); }, 3100);
  }, signal);
}

async function latest(feed, url, signal) {
  try {
    const found = (await get(url, signal)).events;
    fill(feed, found.length ? found.map(entry) : h("li.soft", {}, h("span", {}), h("p", {}, "Nothing has happened yet.")));
    return found;
  } catch (error) {
    fill(feed, problem(error));
    return [];
  }
}

function put(feed, event, limit) {
  if (feed.firstChild && !feed.firstChild.dataset?.sequence) feed.replaceChildren();
  if (feed.querySelector(`[data-sequence="${event.sequence}"]`)) return;
  const line = entry(event);
  line.classList.add("new");
  feed.prepend(line);
  while (feed.children.length > limit) feed.lastChild.remove();
}

export function entry(event) {
  return h("li", { "data-sequence": event.sequence }, h("time", { datetime: event.timestamp, title: moment(event.timestamp) }, clock(event.timestamp)),
    h("p", {}, sentence(event)), api(`/market/v1/events?before=${event.sequence + 1}&limit=1`));
}

/** A list with a search and pages by key: `rows(data)` gives the rows, `last(data)` the key to go on after. */
function pages({ root, signal, form, url, columns, rows, last, empty, named }) {
  const body = h("tbody", {}), foot = h("div.pages", {}), mark = h("span", {}), trouble = h("div", {});
  add(root, [form, trouble, h("div.list", {}, h("div.scroll", {}, h("table", {}, h("thead", {}, cells(columns)), body))), foot]);
  let keys = [""], running = new AbortController();
  const load = async () => {
    running.abort();
    running = new AbortController();
    const stop = AbortSignal.any([signal, running.signal]);
    const address = url(keys.at(-1));
    try {
      const data = await get(address, stop);
      const found = rows(data);
      fill(trouble);
      fill(body, found.length ? found : h("tr", {}, h("td.soft", { colspan: columns.length }, empty(keys.length > 1))));
      const more = found.length === PAGE;
      fill(foot, h("button.quiet", { type: "button", disabled: keys.length < 2, click: () => { keys.pop(); load(); } }, "Back"),
        h("button.quiet", { type: "button", disabled: !more, click: () => { keys.push(last(data)); load(); } }, "Further"),
        h("span", { role: "status" }, `${count(data.count)} ${named} in all, page ${keys.length} `), api(address));
      say(`${found.length} ${named}`);
    } catch (error) { fill(trouble, problem(error)); }
  };
  return { load: () => { keys = [""]; return load(); }, mark };
}

/** Wait until somebody has stopped typing. */
function settled(work, ms = 180) {
  let timer = null;
  return () => { clearTimeout(timer); timer = setTimeout(work, ms); };
}

function query(base, fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== "");
  return `${base}?${new URLSearchParams([...given, ["limit", String(PAGE)]])}`;
}

export async function vehicles({ root, signal, go }) {
  const kind = h("select", { name: "kind" }, ["PCID", "VIN", "Registration"].map((name) => h("option", {}, name)));
  const text = h("input", { type: "search", name: "text", autocomplete: "off", spellcheck: "false", placeholder: "the beginning is enough" });
  const form = h("form.search", { role: "search", submit: (event) => { event.preventDefault(); byNumber(); } }, h("label", {}, "Search vehicles", text), h("label", {}, "by", kind));
  add(root, [head("Vehicles", h("button.act", { type: "button", click: () => buildVehicle() }, "Build a vehicle"))]);
  const wanted = (name) => (kind.value === name ? text.value.trim().toUpperCase() : "");
  const trouble = h("div", {});
  const byNumber = async () => {
    if (!wanted("Registration")) return;
    const address = `/register/v1/vehicles?number=${encodeURIComponent(wanted("Registration"))}`;
    try { go(`/page/vehicles/${(await get(address, signal)).pcid}`); } catch (error) { fill(trouble, problem(error), api(address)); }
  };
  const list = pages({
    root, signal, form, named: "vehicles",
    url: (after) => query("/oem/v1/vehicles", { pcid: wanted("PCID"), vin: wanted("VIN"), after }),
    columns: [["PCID"], ["VIN"], ["Region", ".wide"], ["Built", ".wide"], ["Certificate until"], ["In the pool"], [""]],
    rows: (data) => data.vehicles.map((car) => h("tr", {}, h("td.id", {}, carLink(car.pcid)), h("td.id", {}, car.vin), h("td.wide", {}, car.region), h("td.wide", {}, date(car.builtAt)),
      h("td", {}, date(car.validTo)), h("td", {}, car.uploaded ? "yes" : h("span.look", {}, "not yet")), h("td", {}, api(`/oem/v1/vehicles/${car.pcid}`)))),
    last: (data) => data.vehicles.at(-1).pcid,
    empty: (further) => (further ? "That was the last page." : "No vehicle begins with this. Build one, or search by another name."),
  });
  form.after(trouble);
  const again = settled(() => { fill(trouble); if (kind.value !== "Registration") list.load(); else { text.placeholder = "the whole number, then Enter"; } });
  text.addEventListener("input", again);
  kind.addEventListener("change", () => { text.placeholder = "the beginning is enough"; again(); });
  await list.load();
}

export async function contracts({ root, signal }) {
  const states = { "": "any", active: "active", ending: "ending", ended: "ended" };
  const kind = h("select", { name: "state" }, Object.entries(states).map(([value, name]) => h("option", { value }, name)));
  const text = h("input", { type: "search", name: "text", autocomplete: "off", spellcheck: "false", placeholder: "the beginning is enough" });
  const form = h("form.search", { role: "search", submit: (event) => event.preventDefault() }, h("label", {}, "Search contracts by eMAID", text), h("label", {}, "state", kind));
  add(root, [head("Contracts", h("button.act", { type: "button", click: () => onboard({}) }, "Onboard a driver"))]);
  const list = pages({
    root, signal, form, named: "contracts",
    url: (after) => query("/msp/v1/contracts", { emaid: text.value.trim().toUpperCase(), state: kind.value, after }),
    columns: [["eMAID"], ["Vehicle"], ["State"], ["Since", ".wide"], ["Valid until"], [""]],
    rows: (data) => data.contracts.map((line) => h("tr", {}, h("td.id", {}, contractLink(line.emaid)), h("td.id", {}, carLink(line.pcid)), h("td", {}, stateTag(line.state)),
      h("td.wide", {}, date(line.onboardedAt)), h("td", {}, date(line.validTo)), h("td", {}, api(`/msp/v1/contracts/${line.emaid}`)))),
    last: (data) => data.contracts.at(-1).emaid,
    empty: (further) => (further ? "That was the last page." : "No contract fits. Onboard a driver to make one."),
  });
  text.addEventListener("input", settled(list.load));
  kind.addEventListener("change", list.load);
  await list.load();
}

export const stateTag = (state) => h(`span.tag${{ active: ".good", ending: ".look", ended: ".bad" }[state] || ""}`, {}, state || "elsewhere");

export async function pools({ root, signal, go }) {
  const url = "/market/v1/roles";
  const text = h("input", { type: "search", name: "text", autocomplete: "off", spellcheck: "false", placeholder: "PCID or eMAID" });
  const find = (event) => {
    event.preventDefault();
    const name = text.value.trim().toUpperCase().replaceAll("-", "");
    if (name) go(name.length > 15 ? `/page/vehicles/${encodeURIComponent(name)}` : `/page/contracts/${encodeURIComponent(name)}`);
  };
  const trouble = h("div", {}), lines = h("tbody", {}), mail = h("tbody", {});
  add(root, [head("Pools"), h("form.search", { role: "search", submit: find }, h("label", {}, "Look up in every pool", text), h("button.act", { type: "submit" }, "Look up")), trouble,
    h("div.scroll", {}, h("table", {}, h("thead", {}, cells([["Role"], ["What it has"], ["Answers"], [""]])), lines)),
    h("section", {}, h("h2", {}, "Mailboxes of cars ", api("/telematics/v1/vehicles?limit=50")), h("div.scroll", {}, h("table", {}, h("thead", {}, cells([["Vehicle"], ["Contracts", ".n"], ["Waiting for the car", ".n"], [""]])), mail)))]);
  const attempt = async (work, body) => { try { await work(); } catch (error) { add(trouble, [problem(error)]); fill(body); } };
  await Promise.all([
    attempt(async () => fill(lines, (await get(url, signal)).roles.map((role) => h("tr", {}, h("td", {}, role.title, " ", h("span.soft.mono", {}, role.role)), h("td", {}, figures(role.counts).join(", ")),
      h("td", {}, role.up ? h("span.good", {}, `yes, in ${role.elapsedMs} ms`) : h("span.bad", {}, role.problem)), h("td", {}, api(url))))), lines),
    attempt(async () => {
      const cars = (await get("/telematics/v1/vehicles?limit=50", signal)).vehicles;
      fill(mail, cars.length ? cars.map((car) => h("tr", {}, h("td.id", {}, carLink(car.pcid)), h("td.n", {}, count(car.contracts)), h("td.n", {}, count(car.waiting)), h("td", {}, api(`/telematics/v1/contracts/${car.pcid}`))))
        : h("tr", {}, h("td.soft", { colspan: 4 }, "No contract is on its way to a car.")));
    }, mail),
  ]);
}

export async function certificates({ root, signal }) {
  const url = "/market/v1/certificates";
  const found = (await get(url, signal)).certificates;
  const soon = found.filter(({ line }) => new Date(line.validTo) - Date.now() < 90 * 86400000);
  add(root, [head("Certificates"), h("p.soft", {}, `${plural(found.length, "certificate")} of the market itself: what is trusted, what issues, what signs. Those of cars and contracts are on their own pages. `, api(url)),
    soon.length ? h("p.note", {}, "Ending within 90 days: ", soon.map(({ line }, index) => [index ? ", " : "", h("b", {}, line.name), ` (${date(line.validTo)})`])) : h("p.soft", {}, "None ends within 90 days."),
    h("section", {}, certificateTree(found, url))]);
}

export async function providers({ root, signal }) {
  const url = "/market/v1/providers";
  const found = (await get(url, signal)).providers;
  add(root, [head("Providers"), h("p.soft", {}, found.length > 1 ? "This provider, and those it is connected with. " : "This provider is connected with no other. ", api(url)),
    found.map((provider) => h("section", {}, h("h2", {}, provider.name, " ", provider.up ? h("span.tag.good", {}, "up") : h("span.tag.bad", {}, "down"), provider.url ? h("small.mono.soft", {}, provider.url, ` · ${provider.elapsedMs} ms`) : h("small.soft", {}, "this one")),
      provider.problem && h("p.problem", {}, provider.problem),
      provider.roles.length ? h("dl.facts", {}, provider.roles.map((role) => h("div", {}, h("dt", {}, role.title), h("dd", {}, role.up ? figures(role.counts).join(", ") : h("span.bad", {}, "down"))))) : provider.up && h("p.soft", {}, "It shows its inside to nobody else.")))]);
}

export async function events({ root, signal }) {
  const feed = h("ol.feed", {}), foot = h("div.pages", {}), hooks = h("tbody", {}), trouble = h("div", {});
  const endpoints = "/v1/webhook/endpoints";
  const showHooks = async () => {
    try {
      const found = await get(endpoints, signal);
      fill(hooks, found.length ? found.map((hook) => h("tr", {}, h("td", {}, h("span.mono", {}, hook.url), h("br"), h("small.soft", {}, hook.description)), h("td", {}, hook.enabledEvents.length ? plural(hook.enabledEvents.length, "type") : "all"),
        h("td", {}, h(`span.tag${hook.status === "enabled" ? ".good" : ".bad"}`, {}, hook.status), " ", h("small", {}, hook.reason)), h("td", {}, api(`${endpoints}/${hook.id}`)))) : h("tr", {}, h("td.soft", { colspan: 4 }, "Nobody is told by webhook.")));
    } catch (error) { fill(trouble, problem(error)); }
  };
  add(root, [head("Events", h("button.act", { type: "button", click: () => addWebhook(showHooks) }, "Add a webhook")), feed, foot,
    h("section", {}, h("h2", {}, "Webhooks ", api(endpoints)), trouble, h("div.scroll", {}, h("table", {}, h("thead", {}, cells([["Where"], ["Which events"], ["How it fares"], [""]])), hooks)))]);
  let oldest = null;
  const more = async () => {
    const address = `/market/v1/events?limit=${PAGE}${oldest === null ? "" : `&before=${oldest}`}`;
    const found = (await get(address, signal)).events;
    if (found.length) oldest = found.at(-1).sequence;
    add(feed, found.map(entry));
    if (!feed.children.length) feed.append(h("li.soft", {}, h("span", {}), h("p", {}, "Nothing has happened yet.")));
    fill(foot, h("button.quiet", { type: "button", disabled: found.length < PAGE, click: more }, "Earlier"), api(address));
  };
  await Promise.all([more(), showHooks()]);
  onEvent((event) => put(feed, event, 500), signal);
}

export async function clients({ root, signal }) {
  const url = "/market/v1/clients";
  const found = await get(url, signal);
  add(root, [head("Clients"), h("p", {}, found.open ? "This market is open: everybody on this machine may do everything, and nobody else reaches it. " : `${plural(found.clients.length, "client")} may call this market. `, api(url)),
    h("p.note", {}, "Clients are made and removed where the market runs: ", h("code", {}, "backend-stub client add --clients FILE --role msp --id DEPNC"), ". Their secrets are shown once and kept as hashes."),
    found.clients.length ? h("div.scroll", {}, h("table", {}, h("thead", {}, cells([["Client"], ["Role"], ["Who"], ["Rights"], ["Since"]])), h("tbody", {}, found.clients.map((client) => h("tr", {}, h("td.id", {}, client.clientId), h("td", {}, client.role), h("td.id", {}, client.id.length > 24 ? `${client.id.slice(0, 24)}…` : client.id),
      h("td", {}, h("small", {}, client.scopes.join(", "))), h("td", {}, date(client.created))))))) : null]);
}
