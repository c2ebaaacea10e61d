// The page: its field, its buttons, and the result below.

import { analyse } from "./analysis.js";
import { Core } from "./core.js";
import { h } from "./dom.js";
import { EXAMPLES } from "./examples.js";
import { show, showError, summary } from "./views.js";

const PAUSE = 200; // ms after the last key
const LARGEST_FILE = 20_000_000; // bytes
const LONGEST_LINK = 4_000; // characters of text in an address

/** Bring the page to life. @param {string} wasm the module in base64 */
export async function start(wasm) {
  const part = (name) => document.getElementById(`pg-${name}`);
  const core = await Core.load(Uint8Array.from(atob(wasm), (c) => c.charCodeAt(0)));
  const say = (text) => { part("status").textContent = text; };
  const refresh = () => update(core, part, say);
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(refresh, PAUSE); };
  const set = (text) => { part("text").value = text; refresh(); };
  part("text").addEventListener("input", later);
  part("text").addEventListener("change", refresh);
  part("symprec").addEventListener("input", later);
  part("open").addEventListener("click", () => part("file").click());
  part("file").addEventListener("change", () => readFile(part("file").files[0], set, say));
  part("clear").addEventListener("click", () => { set(""); part("text").focus(); });
  part("link").addEventListener("click", () => copyLink(part("text").value, say));
  part("examples").append(...EXAMPLES.map(([name, text]) => h("button", { type: "button", class: "pg-small", onclick: () => set(text) }, name)));
  listenForDrops(part("app"), set, say);
  const given = textOfAddress();
  set(given ?? EXAMPLES[0][1]);
}

function update(core, part, say) {
  const text = part("text").value, result = part("result");
  part("text").wrap = text.trim().includes("\n") ? "off" : "soft";
  if (!text.trim()) {
    result.replaceChildren();
    say("Paste, type or drop a structure or a string.");
    return;
  }
  try {
    const analysis = analyse(core, text, Number(part("symprec").value));
    result.replaceChildren(...show(analysis, say));
    say(summary(analysis));
  } catch (error) {
    if (!error.code) throw error;
    result.replaceChildren(showError(error));
    say(`No string: ${error.message}.`);
  }
}

async function readFile(file, set, say) {
  if (!file) return;
  if (file.size > LARGEST_FILE) say(`${file.name} has ${Math.round(file.size / 1e6)} MB; this page takes up to ${LARGEST_FILE / 1e6}.`);
  else set(await file.text());
}

function listenForDrops(area, set, say) {
  const mark = (isOver) => (event) => { event.preventDefault(); area.classList.toggle("pg-over", isOver); };
  area.addEventListener("dragover", mark(true));
  area.addEventListener("dragleave", mark(false));
  area.addEventListener("drop", (event) => {
    mark(false)(event);
    const [file] = event.dataTransfer.files;
    if (file) readFile(file, set, say);
    else set(event.dataTransfer.getData("text"));
  });
}

/** The text after "#text=" in the address of the page; null if there is none. */
function textOfAddress() {
  try {
    return location.hash.startsWith("#text=") ? decodeURIComponent(location.hash.slice(6)) : null;
  } catch {
    return null; // a damaged address
  }
}

async function copyLink(text, say) {
  if (text.length > LONGEST_LINK) {
    say(`The text has ${text.length} characters, too many for a link.`);
    return;
  }
  history.replaceState(null, "", `#text=${encodeURIComponent(text)}`);
  try {
    await navigator.clipboard.writeText(location.href);
    say("Copied a link to this page with the text.");
  } catch {
    say("The address of the page now contains the text: copy it from there.");
  }
}
