// Acting as a role. Each action is one call of a door, shown as such before and after it is made.
import { Refusal, call, command, curl, dialog, fill, h, problem, say } from "./core.js";
import { download, newKey, request, vehicleFolder } from "./car.js";
import { carLink, contractLink } from "./words.js";

/**
 * Ask and act. `fields` are [name, label, attributes or list of choices]; `plan(values)` gives {method, url, body};
 * `answer(data, values)` says what came of it; `prepare` makes what the call needs first.
 */
function act({ title, about, fields = [], plan, answer, done, words = title, prepare, danger = false }) {
  const inputs = fields.map(([name, label, more = {}]) => [name, label, Array.isArray(more) ? h("select", { name }, more.map(([value, text]) => h("option", { value }, text))) : h("input", { name, autocomplete: "off", spellcheck: "false", ...more })]);
  const values = () => Object.fromEntries(inputs.map(([name, , input]) => [name, input.type === "checkbox" ? input.checked : input.value.trim()]));
  const result = h("div", { "aria-live": "polite" }), shown = h("div", {});
  const draw = () => { const { method, url, body } = plan(values(), { preview: true }); fill(shown, command(curl(method, url, body))); };
  const go = h(`button.act.first${danger ? ".danger" : ""}`, { type: "submit" }, words);
  const close = h("button.quiet", { type: "button", click: () => box.close() }, "Close");
  const form = h("form", { input: draw, submit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    fill(result, h("p.note", {}, "Working …"));
    try {
      const given = values();
      const made = prepare ? await prepare(given) : null;
      const { method, url, body } = plan(given, made);
      const data = await call(method, url, body);
      fill(result, h("div.done", {}, await answer(data, given, made)), h("details", {}, h("summary", {}, "The answer"), h("pre", {}, JSON.stringify(data, null, 2))));
      say("done");
      form.querySelector("fieldset")?.remove();
      go.remove();
      box.addEventListener("close", () => done?.(data), { once: true });
      close.focus();
    } catch (error) {
      fill(result, error instanceof Refusal ? problem(error) : h("p.problem", { role: "alert" }, `The browser could not do it: ${error.message}`));
      go.disabled = false;
    }
  } }, h("fieldset", {}, inputs.map(([, label, input]) => h("label", {}, label, input))), h("h3", {}, "The same from a shell"), shown, result, h("div.buttons", {}, close, go));
  const box = dialog(title, about && h("p.soft", {}, about), form);
  draw();
  (inputs[0]?.[2] || go).focus();
}

export function buildVehicle(done) {
  act({
    title: "Build a vehicle", words: "Build",
    about: "The car's key is made in this browser and stays here: the car maker gets a signed request and gives the car its PCID and certificate. What leaves the factory is a folder for evcc.",
    fields: [["vin", "VIN (a new one without)", { maxlength: 17 }], ["region", "Sold in (the maker's first region without)", { maxlength: 32 }]],
    prepare: async () => { const key = await newKey(); return { key, csr: await request(key) }; },
    plan: ({ vin, region }, made) => ({ method: "POST", url: "/oem/v1/vehicles", body: { certificationRequest: made.preview ? "PKCS #10 in base64: openssl req -new -key car.key -subj /CN=car -outform DER | base64 -w0" : made.csr, ...(vin && { vin }), ...(region && { region }) } }),
    answer: async (data, _given, { key }) => [h("p", {}, "Car ", carLink(data.pcid), " is built. Its one-time code is ", h("code", {}, data.code), ": who has it may have a contract made. It is shown only now."), await folder(data, key)],
    done,
  });
}

async function folder(data, key) {
  const name = `car-${data.pcid}.tar`;
  const bytes = await vehicleFolder(data, key);
  return h("p", {}, h("button.act", { type: "button", click: () => download(name, bytes) }, "Save the car's folder"), " with its private key; ", h("code", {}, `tar xf ${name}`), ", then ", h("code", {}, `evcc run --vehicle car-${data.pcid}`));
}

export function replaceKey(car, done) {
  act({
    title: `Replace the key of ${car.pcid}`, words: "Replace", danger: true,
    about: "The car gets a new key and certificate. Every contract was sealed for the old key: all of them are deleted from the pools.",
    fields: [["newPcid", "Call it by a new PCID as well", { type: "checkbox" }]],
    prepare: async () => { const key = await newKey(); return { key, csr: await request(key) }; },
    plan: ({ newPcid }, made) => ({ method: "POST", url: `/oem/v1/vehicles/${car.pcid}/key`, body: { certificationRequest: made.preview ? "PKCS #10 in base64" : made.csr, newPcid } }),
    answer: async (data, _given, { key }) => [h("p", {}, "Car ", carLink(data.pcid), " has a new key, and the one-time code ", h("code", {}, data.code || "–"), "."), await folder(data, key)],
    done: (data) => done?.(data.pcid),
  });
}

export function onboard({ pcid = "", vin = "", registration = "", done }) {
  act({
    title: "Onboard a driver", words: "Make the contract",
    about: "The mobility operator makes an eMAID, a key and a certificate, seals the key for the car, and has the bundle signed. Where the market asks for it, the driver shows the one-time code or the keeper's document.",
    fields: [["by", "The car by its", [["pcid", "PCID"], ["vin", "VIN"], ["registration", "registration number"]]], ["name", "PCID, VIN or number", { required: true, value: pcid || vin || registration }], ["code", "One-time code of the car maker", {}], ["document", "or the keeper's document", {}]],
    plan: ({ by, name, code, document }) => ({ method: "POST", url: "/msp/v1/contracts", body: { [by]: name, ...(code && { code }), ...(document && { document }) } }),
    answer: (data) => h("p", {}, "Contract ", contractLink(data.emaid), " for car ", carLink(data.pcid), " is in the contract pool."),
    done,
  });
}

export function register(car, done) {
  act({
    title: `Register ${car.pcid}`, words: "Register",
    about: "The vehicle register gives the keeper a document; its reference proves that a contract may be made.",
    fields: [["number", "Registration number", { required: true, maxlength: 12 }], ["keeper", "Keeper", { required: true }]],
    plan: ({ number, keeper }) => ({ method: "POST", url: "/register/v1/vehicles", body: { number, keeper, vin: car.vin, pcid: car.pcid } }),
    answer: (data) => h("p", {}, `${data.number} is registered. The keeper's document is `, h("code", {}, data.document), "; it is shown only now."),
    done,
  });
}

export function setDefault({ pcid, emaid }, done) {
  act({ title: "Make default", about: `Contract ${emaid} becomes what car ${pcid} is given at a charger.`, plan: () => ({ method: "POST", url: `/v1/ccp/signedContractData/${pcid}/${emaid}/default` }), answer: () => h("p", {}, contractLink(emaid), " is the default now."), done });
}

export function renew({ emaid }, done) {
  act({ title: "Renew", about: `Contract ${emaid} gets a new key and certificate, sealed for the car as it is now. The eMAID stays.`, plan: () => ({ method: "POST", url: `/msp/v1/contracts/${emaid}/renewal` }), answer: (data) => h("p", {}, contractLink(data.emaid), " is renewed."), done });
}

const REASONS = ["cessationOfOperation", "unspecified", "keyCompromise", "affiliationChanged", "superseded", "privilegeWithdrawn"];
export function terminate({ emaid }, done) {
  act({
    title: "Terminate", words: "Terminate", danger: true, about: `Contract ${emaid} is revoked and removed from every connected pool. It cannot be taken back.`,
    fields: [["reason", "Why", REASONS.map((reason) => [reason, reason])]],
    plan: ({ reason }) => ({ method: "POST", url: `/msp/v1/contracts/${emaid}/termination`, body: { reason } }), answer: (data) => h("p", {}, `Contract ${data.emaid} has ended.`), done,
  });
}

const OUTCOMES = { queued: "waits in the car's mailbox now.", noted: "was in the car's mailbox already.", done: "was dealt with." };
export function deliver({ pcid, emaid }, done) {
  act({ title: "Deliver over the air", words: "Deliver", about: `The car maker's telematics fetches contract ${emaid}, checks it, and puts it into the mailbox of car ${pcid}.`, plan: () => ({ method: "POST", url: `/telematics/v1/contracts/${pcid}/${emaid}/delivery` }), answer: (data) => h("p", {}, contractLink(emaid), " ", OUTCOMES[data.outcome] || data.outcome), done });
}

export function addWebhook(done) {
  act({
    title: "Add a webhook", words: "Add", about: "Events are sent to this address, signed with a secret of its own.",
    fields: [["url", "Address", { type: "url", required: true, placeholder: "http://127.0.0.1:9000/hooks" }], ["description", "What it is for", {}], ["enabledEvents", "Only these types, separated by blanks", { placeholder: "all" }]],
    plan: ({ url, description, enabledEvents }) => ({ method: "POST", url: "/v1/webhook/endpoints", body: { url, description, enabledEvents: enabledEvents.split(/[\s,]+/).filter(Boolean) } }),
    answer: (data) => h("p", {}, "Events go to ", h("code", {}, data.url), " from now on. The secret is ", h("code", {}, data.secret), "; it is shown only now."), done,
  });
}
