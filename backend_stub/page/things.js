// One vehicle, one contract.
import { add, api, command, copyButton, fill, get, h, isOpen, onEvent } from "./core.js";
import { deliver, onboard, register, renew, replaceKey, setDefault, terminate } from "./acting.js";
import { chainTree } from "./certificates.js";
import { entry, stateTag } from "./views.js";
import { carLink, contractLink, date, moment, plural } from "./words.js";

const facts = (pairs) => h("dl.facts", {}, pairs.filter(([, value]) => value !== "" && value !== null).map(([name, ...value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
const act = (words, work, look = "") => h(`button.act${look}`, { type: "button", click: work }, words);

export async function vehicle({ root, signal, name, again, go }) {
  const url = `/market/v1/vehicles/${encodeURIComponent(name)}`;
  const car = await get(url, signal);
  const feed = h("ol.feed", {});
  add(root, [
    h("div.head", {}, h("h1", {}, "Vehicle ", h("span.mono", {}, car.pcid)), h("div.acts", {}, act("Onboard a driver", () => onboard({ pcid: car.pcid, vin: car.vin, registration: car.registration, done: again })),
      car.builtAt && act("Replace the key", () => replaceKey(car, (pcid) => (pcid === car.pcid ? again() : go(`/page/vehicles/${pcid}`)))), car.vin && act("Register", () => register(car, again)))),
    facts([["VIN", car.vin], ["Registration", car.registration || "none"], ["EVCCID", car.evccid], ["Sold in", car.region], ["Built", car.builtAt ? moment(car.builtAt) : "by another provider's maker"], ["Called before", car.previousPcid ? carLink(car.previousPcid) : null],
      ["In the provisioning pool", car.inPool ? "yes" : h("span.look", {}, "no")], ["This as data", api(url)]]),
    h("section", {}, h("h2", {}, "Contracts ", api(`/msp/v1/contracts?pcid=${car.pcid}`)), car.contracts.length ? h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, ["eMAID", "State", "Default", "Signed under", "Over the air", "Valid until", ""].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, car.contracts.map((line) => contractRow(line, car, again))))) : h("p.soft", {}, "No contract yet. Onboard a driver to make one.")),
    h("section", {}, h("h2", {}, "Mailbox over the air ", api(`/telematics/v1/contracts/${car.pcid}`)), mailbox(car)),
    h("section", {}, h("h2", {}, "Certificate chain ", api(`/v1/oem/provCerts/${car.pcid}`)), chainTree(car.chain, `/v1/oem/provCerts/${car.pcid}`)),
    car.chainIso20.length ? h("section", {}, h("h2", {}, "Certificate chain for ISO 15118-20 ", api(url)), chainTree(car.chainIso20, url)) : null,
    h("section", {}, h("h2", {}, "V2G roots it holds ", api(url)), car.v2gRoots.length ? h("ul.places", {}, car.v2gRoots.map((root_) => h("li", {}, root_.name || "unknown to the root pool", h("br"), h("small.mono.soft", {}, root_.keyId.slice(0, 16))))) : h("p.soft", {}, "Its maker does not say.")),
    h("section", {}, h("h2", {}, "Its events ", api(`/market/v1/events?pcid=${car.pcid}`)), feed),
  ]);
  await story(feed, `/market/v1/events?pcid=${car.pcid}&limit=20`, (event) => event.payload.pcid === car.pcid, signal, again);
}

function contractRow(line, car, again) {
  const body = { pcid: car.pcid, emaid: line.emaid };
  return h("tr", {}, h("td.id", {}, contractLink(line.emaid)), h("td", {}, stateTag(line.state)), h("td", {}, line.isDefault ? h("span.tag.good", {}, "default") : line.inPool ? h("button.quiet", { type: "button", click: () => setDefault(body, again) }, "Make default") : ""),
    h("td", {}, line.v2gRoots.join(", ") || "–"), h("td", {}, line.overTheAir || "–", line.reason ? h("small.soft", {}, ` ${line.reason}`) : ""), h("td", {}, date(line.validTo)), h("td", {}, api(`/market/v1/contracts/${line.emaid}`)));
}

function mailbox(car) {
  const waiting = car.contracts.filter((line) => ["queued", "delivered", "removing"].includes(line.overTheAir));
  return [h("p", {}, waiting.length ? `${plural(waiting.length, "item")} wait for the car: ${waiting.map((line) => `${line.emaid} (${line.overTheAir})`).join(", ")}.` : "Nothing waits for the car."),
    h("p.soft", {}, "The car fetches it without a charger:"), command(`evcc ota --vehicle car --telematics ${location.origin}`)];
}

/** Events of one thing; another one redraws what is shown, once things have come to rest. */
async function story(feed, url, concerns, signal, again) {
  const found = (await get(url, signal)).events;
  fill(feed, found.length ? found.map(entry) : h("li.soft", {}, h("span", {}), h("p", {}, "Nothing has happened to it yet.")));
  let waiting = null;
  onEvent((event) => {
    if (!concerns(event)) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (!signal.aborted && !document.getElementById("dialog").open) again(); }, 600);
  }, signal);
}

export async function contract({ root, signal, name, again }) {
  const url = `/market/v1/contracts/${encodeURIComponent(name)}`;
  const found = await get(url, signal);
  const feed = h("ol.feed", {});
  const body = { pcid: found.pcid, emaid: found.emaid };
  const present = found.places.find((place) => place.place === "CCP")?.present;
  add(root, [
    h("div.head", {}, h("h1", {}, "Contract ", h("span.mono", {}, found.emaid)), h("div.acts", {},
      present && !found.isDefault && act("Make default", () => setDefault(body, again)), present && act("Deliver over the air", () => deliver(body, again)),
      found.state === "active" && act("Renew", () => renew(body, again)), ["active", "ending"].includes(found.state) && act("Terminate", () => terminate(body, again), ".danger"))),
    facts([["State", stateTag(found.state)], ["Vehicle", carLink(found.pcid)], ["Default", found.isDefault ? "yes" : "no"], ["Since", moment(found.onboardedAt)], ["Valid", `${date(found.validFrom)} to ${date(found.validTo)}`],
      ["Ended", found.endedAt ? `${moment(found.endedAt)}, ${found.endReason}` : null], ["This as data", api(url)]]),
    h("section", {}, h("h2", {}, "Where it lies ", api(url)), h("ul.places", {}, found.places.map((place) => h(`li${place.present ? "" : ".no"}`, {}, h("b", {}, place.place), h("br"), place.detail)))),
    h("section", {}, h("h2", {}, "Certificate chain ", api(`/v1/ccp/lookupContract/${found.emaid}`)), chainTree(found.chain, url)),
    h("section", {}, h("h2", {}, "Certificates ever issued for it ", api(`/authority/v1/certificates/${found.emaid}`)), h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, ["Serial number", "Valid until", "Status"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, found.certificates.map((line) => h("tr", {}, h("td.id", {}, line.serial), h("td", {}, date(line.validTo)), h("td", {}, line.revokedAt ? h("span.tag.bad", {}, "revoked") : h("span.tag.good", {}, "good"), line.revokedAt ? ` ${moment(line.revokedAt)}, ${line.reason}` : ""))))))),
    h("section", {}, h("h2", {}, "Signed bundles ", api(`/v1/ccp/provideSignedContractData/${found.emaid}/${found.pcid}`)), found.bundles.length ? found.bundles.map((bundle) => bundleBox(bundle, url)) : h("p.soft", {}, "No bundle lies in this provider's pool.")),
    h("section", {}, h("h2", {}, "Its events ", api(`/market/v1/events?emaid=${found.emaid}`)), feed),
  ]);
  await story(feed, `/market/v1/events?emaid=${found.emaid}&limit=20`, (event) => event.payload.emaid === found.emaid, signal, again);
}

function bundleBox(bundle, url) {
  if (bundle.problem) return h("div.bundle", {}, h("h3", {}, `Under ${bundle.v2gRoot || bundle.v2gRootFingerprint}`), h("p.problem", {}, bundle.problem));
  return h("div.bundle", {},
    h("h3", {}, h("span.tag", {}, bundle.edition), " under ", bundle.v2gRoot || "a root that the pool does not have", " ", bundle.signature === "verified" ? h("span.tag.good", {}, "signature verified") : h("span.tag.bad", {}, bundle.signature)),
    h("p.soft", {}, bundle.algorithm.split("#").at(-1), " · root SHA-256 ", h("span.mono", {}, bundle.v2gRootFingerprint.slice(0, 16)), "…"),
    h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, ["Part", "What is signed", "SHA-256"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, bundle.parts.map((part) => h("tr", {}, h("td.id", {}, part.id), h("td", {}, part.what), h("td.id", {}, `${part.digest.slice(0, 24)}…`)))))),
    h("p", {}, `The private key is sealed for the car's key: ${bundle.sealedKeyBytes} bytes that nobody else can open.`),
    h("h3", {}, "Signed by"), chainTree(bundle.signerChain, url),
    h("details", {}, h("summary", {}, "The whole message as XML"), h("pre", {}, bundle.xml)),
    h("details", {}, h("summary", {}, "The whole message as EXI, base64"), h("div.command", {}, h("pre", {}, bundle.document), copyButton(() => bundle.document)), isOpen && h("p.soft", {}, "Taken apart bit by bit: ", h("code", {}, "exi explain"))));
}
