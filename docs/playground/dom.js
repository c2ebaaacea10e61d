// Elements of the page, made without innerHTML: nothing that a visitor pastes becomes markup.

/** An element with attributes and children; false, null and undefined are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A part of the result that opens. */
export const fold = (title, ...children) => h("details", { class: "pg-fold" }, h("summary", {}, title), h("div", { class: "pg-inner" }, children));

/** A table that scrolls by itself on a narrow screen, and can then be reached by the keyboard. */
export function table(caption, heads, rows) {
  const head = h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)));
  const body = rows.map(([first, ...others]) => h("tr", {}, h("th", { scope: "row" }, first), others.map((cell) => h("td", {}, cell))));
  const made = h("table", { class: "pg-table" }, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, body));
  return h("div", { class: "pg-scroll", role: "region", "aria-label": caption, tabindex: 0 }, made);
}

/** A button that copies a text, and says so. */
export function copyButton(text, label, say) {
  return h("button", { type: "button", class: "pg-small", "aria-label": `Copy ${label}`, onclick: () => copy(text, label, say) }, "Copy");
}

async function copy(text, label, say) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied ${label}.`);
  } catch {
    say("The browser does not allow copying here: select the text instead.");
  }
}
