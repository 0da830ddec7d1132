// Helpers to build the page. Text is inserted as text nodes only, so file content is never parsed as HTML.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function section(title, ...children) {
  return el("section", {}, el("h2", {}, title), ...children);
}

// A table whose rows become cards on narrow screens; the ARIA roles keep it a table for screen readers.
export function table(caption, head, rows, kind = "") {
  const cell = (content, i) => {
    const props = { role: "cell", "data-label": head[i].label ?? null, class: head[i].number ? "number" : head[i].class };
    return el("td", props, el("div", {}, content ?? "–"));
  };
  return el("table", { role: "table", class: `rows ${kind}` },
    el("caption", {}, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head.map((column) => el("th", {
      role: "columnheader", scope: "col", class: column.number ? "number" : null,
    }, column.label ? column.label : el("span", { class: "visually-hidden" }, column.hiddenLabel))))),
    el("tbody", { role: "rowgroup" }, rows.map((row) => el("tr", { role: "row", class: row.class }, row.cells.map(cell)))));
}

// 0.914, 8,011, 1.2 M
export function number(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

export const percent = (value, digits = 1) =>
  value === null || value === undefined ? "–" : `${(value * 100).toFixed(digits)} %`;

export const span = (interval, digits = 3) =>
  interval ? `${number(interval[0], digits)} to ${number(interval[1], digits)}` : "";

export function day(iso) {
  const date = new Date(`${iso}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return iso || "no day";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

export const timestamp = (iso) => `${day(iso.slice(0, 10))}, ${iso.slice(11, 16)} UTC`;

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export const words = (name) => name.replaceAll("_", " ");

export const shortDigest = (digest) => digest.replace("sha256:", "").slice(0, 12);

// Airflow shows this page in a frame that may not navigate its parent. A link created in the parent's document may.
export function airflowLink(path, text) {
  const href = new URL(`../${path}`, document.baseURI).href;
  const open = (event) => {
    if (parent === window) return;
    event.preventDefault();
    const link = parent.document.createElement("a");
    link.href = href;
    parent.document.body.append(link);
    link.click();
    link.remove();
  };
  return el("a", { href, onclick: open }, text);
}

export function copyButton(text, name) {
  const button = el("button", { type: "button", class: "plain", "aria-label": `Copy ${name}` }, "Copy");
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // the clipboard API is not available in frames and without TLS
    const field = el("textarea", { class: "visually-hidden" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
