// Elements from values, and making a page equal to a new one without losing focus or what was typed. Data becomes
// text nodes and attribute values only: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

export const h = (name, attributes, ...children) => filled(document.createElement(name), attributes, children);
export const svg = (name, attributes, ...children) => filled(document.createElementNS(SVG, name), attributes, children);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name === "key" ? "data-key" : name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === "") continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child instanceof Node ? child : document.createTextNode(clean(String(child))));
  }
}

// Control characters and those that turn the direction of text could make a name look like another one.
const STRANGE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const clean = (text) => text.replace(STRANGE, "\ufffd");

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);
const alike = (a, b) => a.nodeName === b.nodeName && a.namespaceURI === b.namespaceURI && keyOf(a) === keyOf(b);

// Makes the children of `element` equal to those of `fresh`.
export function morph(element, fresh) {
  const keyed = new Map();
  for (const child of element.childNodes) {
    const key = keyOf(child);
    if (key !== null) keyed.set(key, child);
  }
  let here = element.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    const found = key !== null ? keyed.get(key) : here;
    if (found && found.parentNode === element && alike(found, wanted) && (key !== null || keyOf(found) === null)) {
      if (found === here) here = here.nextSibling;
      else element.insertBefore(found, here);
      equalise(found, wanted);
    } else {
      element.insertBefore(wanted, here);
    }
  }
  while (here) {
    const gone = here;
    here = here.nextSibling;
    gone.remove();
  }
}

function equalise(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    const theirs = name === "open" && old.nodeName === "DETAILS"; // whoever opened it wants it open
    if (!fresh.hasAttribute(name) && !theirs) old.removeAttribute(name);
  }
  if (old.nodeName === "SELECT") return;
  morph(old, fresh);
}

// Replaces what stands in an element by these nodes.
export function show(element, ...nodes) {
  morph(element, h("div", null, nodes));
}
