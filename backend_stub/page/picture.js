// The market as a picture: who is there, what goes from one to the other, how many, and whether they answer.
import { fill, s } from "./core.js";
import { figures } from "./words.js";

const W = 176, H = 84;
// id: [title, letters, look, address, [column, row] wide, [column, row] narrow]
const NODES = {
  oem: ["Car maker", "OEM", "car", "/page/vehicles", [0, 0], [0, 0]],
  pcp: ["Provisioning pool", "PCP", "market", "/page/pools", [1, 0], [1, 0]],
  rcp: ["Root pool", "RCP", "market", "/page/certificates", [2, 0], [1, 2]],
  authority: ["Authority", "CA", "market", "/page/certificates", [3, 0], [0, 5]],
  msp: ["Mobility operator", "MSP", "market", "/page/contracts", [0, 1], [0, 1]],
  cps: ["Signing service", "CPS", "market", "/page/certificates", [1, 1], [0, 2]],
  ccp: ["Contract pool", "CCP", "market", "/page/contracts", [2, 1], [0, 3]],
  charger: ["Chargers", "SECC", "charger", "/docs/opcp", [3, 1], [1, 3]],
  register: ["Vehicle register", "number → PCID", "market", "/page/vehicles", [0, 2], [1, 1]],
  events: ["Events", "webhooks, SSE", "market", "/page/events", [1, 2], [1, 5]],
  telematics: ["Telematics", "over the air", "car", "/page/pools", [2, 2], [0, 4]],
  car: ["Cars", "EVCC", "car", "/page/vehicles", [3, 2], [1, 4]],
};
// from, to, words, dashed
const WAYS = [
  ["oem", "pcp", "chain"], ["msp", "pcp", "whose key?", true], ["register", "msp", ""], ["msp", "cps", "sealed"], ["cps", "ccp", "signed"], ["rcp", "cps", "trust", true],
  ["ccp", "charger", "live"], ["ccp", "telematics", "told"], ["telematics", "car", "mailbox"], ["charger", "car", ""],
];

/** Returns draw(provider or null); draw.touch(ids) shows that something passed there. */
export function picture(figure, signal) {
  const narrow = matchMedia("(max-width: 40rem)");
  let shown = null;
  const draw = (provider) => {
    shown = provider;
    figure.classList.toggle("narrow", narrow.matches);
    const size = narrow.matches ? [350, 708] : [962, 352];
    const at = (id) => {
      const [column, row] = NODES[id][narrow.matches ? 5 : 4];
      return narrow.matches ? [1 + column * 172, 4 + row * 124] : [1 + column * 261, 4 + row * 130];
    };
    const width = narrow.matches ? 160 : W;
    const roles = Object.fromEntries((provider?.roles || []).map((role) => [role.role, role]));
    fill(figure, s("svg", { viewBox: `0 0 ${size[0]} ${size[1]}`, role: "group", "aria-label": "Roles of the market and what goes between them" },
      s("defs", {}, s("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" }, s("path.head-of-way", { d: "M0 0 8 4 0 8z" }))),
      WAYS.map((way) => drawWay(way, at, width)),
      Object.entries(NODES).map(([id, node]) => drawNode(id, node, at(id), width, roles, provider))));
  };
  draw.touch = (ids) => {
    for (const part of figure.querySelectorAll(ids.map((id) => `[data-node="${id}"], [data-to="${id}"]`).join(","))) {
      part.classList.remove("hit");
      part.getBoundingClientRect();
      part.classList.add("hit");
    }
  };
  const turned = () => draw(shown);
  narrow.addEventListener("change", turned);
  signal.addEventListener("abort", () => narrow.removeEventListener("change", turned));
  draw(null);
  return draw;
}

function drawWay([from, to, words, dashed], at, width) {
  const [x1, y1] = at(from), [x2, y2] = at(to);
  const cx1 = x1 + width / 2, cy1 = y1 + H / 2, cx2 = x2 + width / 2, cy2 = y2 + H / 2;
  let points;
  if (y1 === y2) points = x2 > x1 ? [x1 + width, cy1, x2, cy2] : [x1, cy1, x2 + width, cy2];
  else if (x1 === x2) points = y2 > y1 ? [cx1, y1 + H, cx2, y2] : [cx1, y1, cx2, y2 + H];
  else points = [cx1 + Math.sign(x2 - x1) * (width / 2 - 14), y2 > y1 ? y1 + H : y1, cx2 - Math.sign(x2 - x1) * (width / 2 - 14), y2 > y1 ? y2 : y2 + H];
  const [a, b, c, d] = points;
  return s("g", {}, s(`path.way${dashed ? ".dashed" : ""}`, { d: `M${a} ${b}L${c} ${d}`, "marker-end": "url(#tip)", "data-to": to }),
    words && !(y1 === y2 && width < W) && s("text.waytext", { x: (a + c) / 2 + (a === c ? 6 : 0), y: (b + d) / 2 + (b === d ? -6 : 4), "text-anchor": a === c ? "start" : "middle" }, words));
}

function drawNode(id, [title, letters, look, address], [x, y], width, roles, provider) {
  const role = roles[id];
  const lines = role ? figures(role.counts) : [];
  if (id === "car") lines.push("mailbox or charger");
  if (id === "charger") lines.push("ask the contract pool");
  const state = role ? (role.up ? "up" : "down") : "unknown";
  const known = role || id === "car" || id === "charger";
  return s("a", { href: address, "aria-label": `${title}: ${lines.join(", ")}${role ? `, ${state}` : ""}` }, s(`g.node.${look}.${known && state === "unknown" ? "still" : state}`, { "data-node": id, transform: `translate(${x} ${y})` },
    s("rect", { width, height: H, rx: 5 }), s("text.t", { x: 12, y: 23 }, title), s("text.k", { x: 12, y: 40 }, letters),
    provider && role ? [s(role.up ? "circle.dot" : "rect.dot", role.up ? { cx: width - 15, cy: 17, r: 5 } : { x: width - 20, y: 12, width: 10, height: 10 })] : null,
    (role && !role.up ? ["does not answer"] : lines).slice(0, 2).map((text, index) => s("text.f", { x: 12, y: 59 + 17 * index }, text))));
}
