// A car's key, made in this browser: the request that proves it (PKCS #10), and the folder that the car leaves with.
import { pem } from "./certificates.js";

/** Make a key pair on secp256r1. Browsers give cryptography to pages of this machine and of https only. */
export function newKey() {
  if (!crypto.subtle) throw new Error("it makes keys on pages of this machine or of https only; use: backend-stub oem build");
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

const der = (tag, ...parts) => {
  const content = parts.flatMap((part) => [...part]);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Uint8Array.from([tag, ...size, ...content]);
};
const sequence = (...parts) => der(0x30, ...parts);
const ECDSA_SHA256 = sequence(der(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
const COMMON_NAME = der(0x06, [0x55, 0x04, 0x03]);

function integer(bytes) {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const rest = bytes.slice(start);
  return der(0x02, rest[0] > 127 ? [0, ...rest] : rest);
}

/** The certification request, DER in base64. Its name does not matter: the maker gives the car its PCID. */
export async function request(key) {
  const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, new TextEncoder().encode("car")))));
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("spki", key.publicKey));
  const info = sequence(der(0x02, [0]), name, publicKey, der(0xa0));
  const signed = new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, info));
  const signature = sequence(integer(signed.slice(0, 32)), integer(signed.slice(32)));
  return base64(sequence(info, ECDSA_SHA256, der(0x03, [0], signature)));
}

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

/** What evcc reads, see backend_stub/oem/folder.py, as a tar archive. */
export async function vehicleFolder(data, key) {
  const secret = base64(new Uint8Array(await crypto.subtle.exportKey("pkcs8", key.privateKey)));
  const root = `car-${data.pcid}`;
  const settings = `# Made by the OEM; read by evcc.\npcid = "${data.pcid}"\nevccid = "${data.evccid}"\nvin = "${data.vin}"\n\n[battery]\ncapacity_wh = 60000.0\nenergy_wh = 30000.0\nmax_power_w = 11000.0\n`;
  const files = [
    ["vehicle.toml", settings, 0o644],
    ["oem/provisioning.pem", pem(data.vehicleCertificate), 0o644],
    ["oem/chain.pem", pem(data.subCA2Certificate) + pem(data.subCA1Certificate), 0o644],
    ["oem/provisioning.key", pem(secret).replaceAll("CERTIFICATE", "PRIVATE KEY"), 0o600],
    ...data.v2gRootCertificates.map((certificate, index) => [`roots/v2g/root${index + 1}.pem`, pem(certificate), 0o644]),
    ["contracts/", "", 0o700],
    ...(data.code ? [["code.txt", `${data.code}\n`, 0o600]] : []),
  ];
  const parts = files.flatMap(([name, text, mode]) => member(`${root}/${name}`, new TextEncoder().encode(text), mode));
  return new Blob([...parts, new Uint8Array(1024)], { type: "application/x-tar" });
}

function member(name, content, mode) {
  const head = new Uint8Array(512);
  const put = (text, at) => head.set(new TextEncoder().encode(text), at);
  const octal = (value, width) => value.toString(8).padStart(width - 1, "0");
  put(name, 0);
  put(octal(mode, 8), 100);
  put(octal(0, 8), 108);
  put(octal(0, 8), 116);
  put(octal(content.length, 12), 124);
  put(octal(Math.floor(Date.now() / 1000), 12), 136);
  put("        ", 148);
  put(name.endsWith("/") ? "5" : "0", 156);
  put("ustar\u000000", 257);
  put(octal(head.reduce((sum, byte) => sum + byte, 0), 7), 148);
  head[154] = 0;
  return [head, content, new Uint8Array((512 - (content.length % 512)) % 512)];
}

export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const anchor = Object.assign(document.createElement("a"), { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
