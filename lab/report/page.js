"use strict";
(() => {
  const data = JSON.parse(document.getElementById("messages").textContent);
  const LONG = 72;

  const el = (tag, className, ...children) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };

  // --- theme -------------------------------------------------------------------------------------
  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // --- XML as text nodes: nothing of a message is ever read as HTML ------------------------------
  const longText = (text) => {
    if (text.length <= LONG) return el("span", "x-text", text);
    const box = el("span", "x-text x-long", text.slice(0, LONG));
    const more = el("button", "x-more", `\u2026 all ${text.length} characters`);
    more.type = "button";
    more.addEventListener("click", () => { box.textContent = text; box.classList.add("open"); });
    box.append(more);
    return box;
  };

  // Prefixes are left out for the eye; the source has its own tab.
  const renderElement = (node, depth) => {
    const name = node.localName;
    const line = el("div", "x-line");
    line.style.setProperty("--d", depth);
    const open = el("span", "x-tag", `<${name}`);
    open.title = node.namespaceURI || "no namespace";
    for (const attribute of node.attributes) {
      if (attribute.name.startsWith("xmlns")) continue;
      open.append(" ", el("span", "x-name", attribute.localName), "=", el("span", "x-value", `"${attribute.value}"`));
    }
    const children = [...node.childNodes].filter((child) => child.nodeType === 1 || child.nodeValue.trim());
    if (!children.length) {
      open.append("/>");
      line.append(open);
      return [line];
    }
    open.append(">");
    line.append(open);
    if (!node.children.length) {
      line.append(longText(node.textContent), el("span", "x-tag", `</${name}>`));
      return [line];
    }
    const end = el("div", "x-line", el("span", "x-tag", `</${name}>`));
    end.style.setProperty("--d", depth);
    const inside = children.flatMap((child) => {
      if (child.nodeType === 1) return renderElement(child, depth + 1);
      const text = el("div", "x-line", longText(child.nodeValue.trim()));
      text.style.setProperty("--d", depth + 1);
      return [text];
    });
    if (name !== "Signature") return [line, ...inside, end];
    // A signature is long and stands before the message; it opens when asked for.
    const references = node.getElementsByTagNameNS("*", "Reference").length;
    line.append(" ", el("span", "x-said", `\u2026 signature over ${references} part${references === 1 ? "" : "s"}`));
    return [el("details", "x-fold", el("summary", "", line), ...inside, end)];
  };

  const renderXml = (text) => {
    const parsed = new DOMParser().parseFromString(text, "application/xml");
    const box = el("div", "xml");
    if (parsed.querySelector("parsererror")) {
      box.append(el("pre", "", text));
    } else {
      box.append(...renderElement(parsed.documentElement, 0));
    }
    return box;
  };

  const renderHex = (hex) => {
    const lines = [];
    for (let at = 0; at < hex.length; at += 32) {
      const bytes = hex.slice(at, at + 32).match(/../g) || [];
      lines.push(`${(at / 2).toString(16).padStart(4, "0")}  ${bytes.slice(0, 8).join(" ")}  ${bytes.slice(8).join(" ")}`);
    }
    return el("pre", "hex", lines.join("\n"));
  };

  // --- the panel -----------------------------------------------------------------------------------
  const show = (panel, number) => {
    const message = data.messages[number];
    const payload = message.payload === null ? null : data.payloads[message.payload];
    const facts = el("dl", "");
    for (const [name, value] of message.facts) facts.append(el("div", "", el("dt", "", name), el("dd", "", value)));
    const body = el("div", "body");
    const tabs = el("div", "tabs");
    const views = [];
    if (payload && payload.xml !== null) views.push(["XML", () => renderXml(payload.xml)]);
    if (payload) views.push(["EXI bytes", () => renderHex(payload.hex)]);
    if (payload && payload.certificates.length) {
      views.push(["Certificates", () => renderCertificates(payload.certificates)]);
    }
    if (payload && payload.xml !== null) views.push(["Source", () => el("pre", "", payload.xml)]);
    const choose = (index) => {
      body.replaceChildren(views[index][1]());
      [...tabs.children].forEach((tab, position) => tab.setAttribute("aria-pressed", String(position === index)));
    };
    views.forEach(([title], index) => {
      const tab = el("button", "", title);
      tab.type = "button";
      tab.addEventListener("click", () => choose(index));
      tabs.append(tab);
    });
    panel.replaceChildren(
      el("h4", "", message.name),
      el("p", "about", message.about),
      facts,
      ...(payload && payload.problem ? [el("p", "problem", payload.problem)] : []),
      ...(views.length ? [tabs, body] : [el("p", "hint", "The trace holds no bytes of this message.")]),
    );
    if (views.length) choose(0);
  };

  const renderCertificates = (certificates) => el("ol", "certificates", ...certificates.map((certificate) => {
    const facts = el("dl", "");
    for (const [name, value] of certificate.facts) facts.append(el("div", "", el("dt", "", name), el("dd", "", value)));
    return el("li", "", el("b", "", certificate.place), facts);
  }));

  const narrow = matchMedia("(max-width: 71rem)");
  for (const talk of document.querySelectorAll(".talk")) {
    const panel = talk.querySelector(".detail");
    const wires = [...talk.querySelectorAll("button[data-message]")];
    let pinned = null;
    let shown = null;
    const display = (wire) => {
      if (wire && wire !== shown) show(panel, Number(wire.dataset.message));
      shown = wire;
    };
    const pin = (wire) => {
      if (pinned) pinned.setAttribute("aria-pressed", "false");
      pinned = wire;
      wire.setAttribute("aria-pressed", "true");
      display(wire);
      // On a narrow screen the panel opens under the message; on a wide one it stands beside the diagram.
      if (narrow.matches) wire.closest(".row").after(panel);
      else if (panel.parentElement !== talk) talk.append(panel);
    };
    narrow.addEventListener("change", () => { talk.append(panel); });
    wires.forEach((wire) => {
      wire.addEventListener("click", () => pin(wire));
      wire.addEventListener("pointerenter", (event) => {
        if (event.pointerType === "mouse" && !narrow.matches) display(wire);
      });
      wire.addEventListener("pointerleave", () => { if (pinned && !narrow.matches) display(pinned); });
    });
    talk.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const from = document.activeElement;
      if (!step || !wires.includes(from)) return;
      const visible = wires.filter((wire) => wire.offsetParent !== null);
      const next = visible[visible.indexOf(from) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
      pin(next);
    });
    const first = wires.find((wire) => wire.dataset.message === panel.dataset.first);
    if (first) {
      pinned = first;
      first.setAttribute("aria-pressed", "true");
      display(first);
    }
  }
})();
