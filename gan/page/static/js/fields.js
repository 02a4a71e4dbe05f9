// The fields of the page: what they ask for, and what they show.

import { showGiven } from "./given.js";
import { seedOf } from "./link.js";
import { $, page, percent, say } from "./page.js";
import { LIMITS } from "./settings.js";
import { t } from "./texts.js";

export const { touched } = window; // by guard.js

export const isLocked = () => $("lock").getAttribute("aria-pressed") === "true";
export const setLock = (locked) => $("lock").setAttribute("aria-pressed", locked);
export const anotherSeed = () => BigInt(crypto.getRandomValues(new Uint32Array(1))[0]);

export function setSeed(seed) {
  page.state.seed = seed;
  $("seed").value = seed;
  touched.add("seed");
  say("seed-error");
}

/** Show a state in the fields. */
export function fillFields() {
  const { state } = page;
  for (const name of ["text", "seed", "num", "layout", "style", "to", "at", ...Object.keys(LIMITS)]) $(name).value = state[name];
  for (const name of Object.keys(LIMITS)) $(`${name}-now`).value = state[name];
  $("at-now").value = percent(state.at);
  showLike();
  showGiven();
  fit();
}

export function fit() { // the text's field grows with it
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight + 2}px`;
}

export function showLike() {
  const { like } = page.state;
  $("likeness").hidden = !like;
  $("like-what").textContent = like && t("Pictures like that of seed {like}", { like: like.split(",").join(" → ") });
}

/** The texts and the seed from their fields; false where one cannot be taken, which is told beside it. */
export function takeFields() {
  page.state.text = $("text").value;
  page.state.to = $("to").value.trim();
  return ["seed", "layout"].every(takeSeed);
}

function takeSeed(name) {
  say(`${name}-error`);
  try {
    page.state[name] = FIELDS[name]($(name).value.trim());
  } catch (error) {
    say(`${name}-error`, error);
    return false;
  }
  return true;
}

const NUMBERS = ["num", "style", "at", ...Object.keys(LIMITS)];
const FIELDS = {
  text: String,
  to: (text) => text.trim(),
  seed: seedOf,
  layout: (text) => text && String(seedOf(text)),
  ...Object.fromEntries(NUMBERS.map((name) => [name, Number])),
};

/** What was set in the fields while the model was loaded. */
export function takeTouched() {
  for (const name of Object.keys(FIELDS).filter((name) => touched.has(name) && $(name).value.trim())) {
    try {
      page.state[name] = FIELDS[name]($(name).value);
    } catch (error) {
      say("seed-error", error);
    }
  }
}
