// What is asked, in the address behind the #: so that a link opens the same pictures.

import { MAX_SEED } from "./noise.js";
import { LIMITS, unusual, usual } from "./settings.js";
import { InputError } from "./text.js";

export const COUNTS = [1, 4, 8, 12, 25];
export const MOST_LIKE = 8;

/** "1234" as a BigInt; an InputError where it is no seed. */
export function seedOf(text) {
  if (!/^[0-9]{1,19}$/.test(text) || BigInt(text) > MAX_SEED) {
    const values = { text: text.slice(0, 30), most: MAX_SEED.toString() };
    throw new InputError("“{text}” is not a seed. Give a whole number from 0 to {most}.", values);
  }
  return BigInt(text);
}

/** The seeds that pictures are to be like, "5" or "5,17"; an InputError where one is none. */
export function likeOf(text) {
  const seeds = text.split(",");
  if (seeds.length > MOST_LIKE) throw new InputError("like holds more than {most} seeds.", { most: MOST_LIKE });
  return seeds.map(seedOf).join(",");
}

/** The address of what is shown: a new entry of the browser's history, or in place of the last one. */
export function setAddress(hash, isNew) {
  if (hash !== location.hash) history[isNew ? "pushState" : "replaceState"](null, "", hash);
}

/** The address of a state {text, seed, num, style, truncation, guidance, to, at, like}. */
export function toHash(config, state) {
  const parts = { text: state.text, seed: state.seed, num: state.num, ...unusual(config, state) };
  if (parts.style) parts.style = config.sources[parts.style];
  if (state.to) Object.assign(parts, { to: state.to, at: state.at });
  return `#${new URLSearchParams(parts)}`;
}

/** The state that an address holds, and an InputError for each part of it that cannot be taken: [state, errors]. */
export function fromHash(config, hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { num: 12, seed: 0n, to: "", at: 0.5, ...usual(config) };
  const errors = [];
  const take = (name, read) => {
    if (!given.has(name)) return;
    try {
      state[name] = read(given.get(name));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      errors.push(error);
    }
  };
  const number = (name, low, high) => (text) => {
    const value = text.trim() ? Number(text) : NaN;
    if (!(value >= low && value <= high)) {
      throw new InputError("{name} is not a number from {low} to {high}.", { name, low, high });
    }
    return value;
  };
  take("text", (text) => text);
  take("seed", seedOf);
  take("num", (text) => {
    if (!COUNTS.includes(Number(text))) throw new InputError("num is not one of {all}.", { all: COUNTS.join(", ") });
    return Number(text);
  });
  take("style", (name) => {
    if (!config.sources.includes(name)) {
      const values = { name: name.slice(0, 30), all: config.sources.join(", ") };
      throw new InputError("this model has no style “{name}”, but {all}.", values);
    }
    return config.sources.indexOf(name);
  });
  for (const [name, limits] of Object.entries(LIMITS)) take(name, number(name, ...limits));
  take("layout", (text) => String(seedOf(text)));
  take("like", likeOf);
  take("picture", (id) => {
    if (!config.editing || !/^[0-9a-f]{8}$/.test(id)) throw new InputError("picture names no picture.");
    return id;
  });
  take("to", (text) => text);
  take("at", number("at", 0, 1));
  return [state, errors];
}
