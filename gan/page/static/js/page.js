// What the parts of the page share: its elements, what is asked and shown, and how something is said.

import { usual } from "./settings.js";
import { InputError } from "./text.js";
import { t } from "./texts.js";

export const $ = (id) => document.getElementById(id);

/**
 * `config`: of the model, null until it is there. `state`: what the fields ask for. `drawn`: the state whose pictures
 * are shown, or come. `shown`: the pictures of the grid, {key, text, seed, looks, asked, pixels, url}. `pictures`: those
 * that were given to be changed, by their names in an address.
 */
export const page = {
  config: null,
  state: { text: "", seed: 0n, num: 12, to: "", at: 0.5, ...usual({ guidance: 1 }) },
  drawn: null,
  shown: [],
  pictures: new Map(),
};

/** Tells the other parts what happened: "picture", one more is shown; "drawn", {asked, over}, all of a drawing are. */
export const events = new EventTarget();
export const tell = (kind, detail) => events.dispatchEvent(new CustomEvent(kind, { detail }));

/** An element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const percent = (share) => `${Math.round(100 * share)} %`;
export const short = (text) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);

const told = (error) => (error instanceof InputError ? t(error.template, error.values) : error.message);

/** Say what is wrong in an element; with no error, empty it. */
export function say(id, ...errors) {
  for (const error of errors) if (!(error instanceof InputError)) console.error(error);
  $(id).textContent = errors.map(told).join(" ");
}

/** What is going on: over the empty grid, or beside the buttons below the pictures. */
export function tellStatus(line, { share, hasFailed = false } = {}) {
  $("status").hidden = !line;
  $("status").classList.toggle("failed", hasFailed);
  $("stage-text").textContent = line;
  $("progress").hidden = share === undefined;
  if (share !== undefined) $("progress").value = share;
  $("retry").hidden = !hasFailed;
}

/** Whether a file of the model is missing; then nothing but another try helps. */
export const hasFailed = () => $("status").classList.contains("failed");

export function fail(error) {
  if (!(error instanceof InputError)) console.error(error);
  tellStatus(told(error), { hasFailed: true });
}

export function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The name of a file of a picture. */
export function fileName(text, seed, ending = ".png") {
  const words = text.replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  return `${[...words].slice(0, 40).join("").replace(/^-|-$/g, "") || page.config.noun}-${seed}${ending}`;
}

export const isBusy = () => $("grid").getAttribute("aria-busy") === "true";

const saying = new Map(); // the buttons that say what they did, and until when

/** Let a button say something for two seconds, and then again what it does. */
export function answer(button, said, usual) {
  clearTimeout(saying.get(button));
  button.textContent = t(said);
  saying.set(button, setTimeout(() => (button.textContent = t(usual)), 2000));
}
