// Certificates: one as a line with its validity, several as a tree below their roots.
import { api, copyButton, h } from "./core.js";
import { date, standing } from "./words.js";

/** Entries are {parent, line, group}; who has no parent among them stands at the top. */
export function certificateTree(entries, url) {
  const known = new Set(entries.map(({ line }) => line.fingerprint));
  const below = new Map();
  for (const entry of entries) {
    const parent = known.has(entry.parent) ? entry.parent : "";
    below.set(parent, [...(below.get(parent) || []), entry]);
  }
  const branch = (parent) => {
    const here = below.get(parent);
    return here ? h("ul", {}, here.map((entry) => h("li", {}, certificate(entry.line, url, entry.group), branch(entry.line.fingerprint)))) : null;
  };
  return h("div.tree", {}, branch(""));
}

/** A chain comes leaf first; the tree begins with its root. */
export function chainTree(lines, url) {
  if (!lines.length) return h("p.soft", {}, "No chain is known here.");
  return certificateTree(lines.map((line, index) => ({ line, parent: lines[index + 1]?.fingerprint || "" })).reverse(), url);
}

function certificate(line, url, group) {
  const [look, word] = standing(line);
  return h("div.cert", {},
    h("div", {}, h("p", {}, h("span.name", {}, line.name), " ", group && h("span.tag", {}, group), " ", h(`span.tag.${look}`, {}, word), " ", api(url)), h("p.soft", {}, line.purpose, line.remark ? `. ${line.remark}` : "")),
    validity(line, look),
    h("details", {}, h("summary", {}, "Details"), h("dl.facts", {}, [["Subject", line.subject], ["Issuer", line.issuer], ["Serial number", line.serial], ["Its key may", line.usage.join(", ") || "–"], ["Key", line.key], ["Key identifier", line.keyId], ["SHA-256", line.fingerprint]]
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd.mono", {}, value)))),
    h("div.command", {}, h("pre", {}, pem(line.certificate)), copyButton(() => pem(line.certificate)))));
}

function validity(line, look) {
  const from = new Date(line.validFrom), to = new Date(line.validTo);
  const passed = Math.round(100 * Math.min(1, Math.max(0, (Date.now() - from) / (to - from))));
  return h("div.span", {}, h(`progress.bar.${look}`, { max: 100, value: passed, "aria-label": `${passed} % of its validity have passed` }), h("span.ends", {}, h("span", {}, date(line.validFrom)), h("span", {}, date(line.validTo))));
}

export function pem(base64) {
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/(.{64})/g, "$1\n").trimEnd()}\n-----END CERTIFICATE-----\n`;
}
