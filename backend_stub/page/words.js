// The market in words: events as sentences, moments and spans as people say them.
import { h } from "./core.js";

const number = new Intl.NumberFormat("en-GB");
export const count = (value) => number.format(value);
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** What a role has, such as ["1 vehicle", "3 contracts"]. */
export const figures = (counts) => Object.entries(counts).map(([name, value]) => `${count(value)} ${value === 1 ? name.replace(/s$/, "") : name}`);

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
export const date = (text) => (text ? day.format(new Date(text)) : "–");
export const moment = (text) => (text ? `${date(text)} ${new Date(text).toISOString().slice(11, 19)} UTC` : "–");
export const clock = (text) => new Date(text).toISOString().slice(11, 19);
export const daysTo = (text) => Math.floor((new Date(text) - Date.now()) / 86400000);

/** How a validity stands: a word and a colour. */
export function standing(line) {
  if (line.state === "revoked") return ["bad", "revoked"];
  if (line.state === "expired") return ["bad", "expired"];
  if (line.state === "notYetValid") return ["look", "not yet valid"];
  const days = daysTo(line.validTo);
  if (days < 0) return ["bad", "expired"];
  return days < 30 ? ["look", `ends in ${plural(days, "day")}`] : ["good", "valid"];
}

export const link = (path, text) => h("a", { href: path }, text);
export const carLink = (pcid) => link(`/page/vehicles/${encodeURIComponent(pcid)}`, pcid);
export const contractLink = (emaid) => link(`/page/contracts/${encodeURIComponent(emaid)}`, emaid);

const SENTENCES = {
  "root.cert.added": (e) => ["Root ", named(e), " is trusted now."],
  "root.cert.expired": (e) => ["Root ", named(e), " has expired."],
  "root.cert.revoked": (e) => ["Root ", named(e), " is not trusted any more."],
  "mo.prov.cert.updated": (e) => ["Car ", car(e), " has a new certificate."],
  "mo.prov.cert.deleted": (e) => ["Car ", car(e), " left the provisioning pool."],
  "mo.prov.cert.factory.reset": (e) => ["Car ", car(e), " was reset and has forgotten ", contract(e), "."],
  "oem.contract.created": (e) => ["Contract ", contract(e), " is ready for car ", car(e), "."],
  "oem.contract.updated": (e) => ["Contract ", contract(e), " of car ", car(e), e.payload.defaultContract ? " changed; it is the default." : " changed."],
  "oem.contract.deleted": (e) => ["Contract ", contract(e), " of car ", car(e), " was removed from the pool."],
  "mo.contract.created.sent.to.oem": (e) => ["The maker of car ", car(e), " was told of contract ", contract(e), "."],
  "mo.contract.updated.sent.to.oem": (e) => ["The maker of car ", car(e), " was told of the change to ", contract(e), "."],
  "mo.contract.deleted.sent.to.oem": (e) => ["The maker of car ", car(e), " was told that ", contract(e), " is gone."],
  "mo.contract.queued.to.oem": (e) => ["Contract ", contract(e), " waits for car ", car(e), " over the air."],
  "mo.contract.delivered.to.oem": (e) => ["Contract ", contract(e), " reached car ", car(e), " over the air."],
  "mo.contract.rejected.by.oem": (e) => ["Contract ", contract(e), " was turned down for car ", car(e), "."],
};
const named = (event) => h("b", {}, event.payload.commonName || event.payload.rootCertificateId || "of unknown name");
const car = (event) => (event.payload.pcid ? carLink(event.payload.pcid) : "of unknown name");
const contract = (event) => (event.payload.emaid ? contractLink(event.payload.emaid) : "of unknown name");

/** An event as a sentence with links; of a type that this page does not know, its name. */
export function sentence(event) {
  const make = SENTENCES[event.eventType];
  return [...(make ? make(event) : [event.eventType]), event.payload.reason ? h("span.soft", {}, ` ${event.payload.reason}`) : null];
}

/** Which parts of the picture an event touches. */
export function touched(type) {
  if (type.startsWith("root.")) return ["rcp"];
  if (type.startsWith("mo.prov.")) return ["oem", "pcp"];
  if (type.startsWith("oem.contract.")) return ["cps", "ccp"];
  return ["telematics", "car"];
}
