// A PNG that this page or infer.py has saved, opened again: what it says of itself becomes a state, as of an address.

import { COUNTS } from "./link.js";
import { textsOf } from "./png.js";
import { nameIn, usual } from "./settings.js";
import { InputError } from "./text.js";

/**
 * The address that a PNG's bytes ask for, and an InputError for each thing that this page cannot repeat; null of a file
 * that does not say how it was drawn.
 */
export async function addressOf(config, bytes) {
  const says = await textsOf(bytes).catch(() => ({}));
  const faces = facesOf(says.Faces);
  if (!faces.length) return null;
  const errors = [];
  if (says.Model !== config.name) {
    errors.push(new InputError("Another model, {model}, drew this picture. This page draws it differently.", { model: says.Model }));
  }
  const [{ text, seed }, second] = faces;
  const isRow = faces.every((face, i) => face.text === text && BigInt(face.seed) === BigInt(seed) + BigInt(i));
  const isWay = faces.length === 2 && second.text !== text && second.seed === seed;
  const parts = { text, seed, num: isRow && COUNTS.includes(faces.length) ? faces.length : 1 };
  if (isWay) Object.assign(parts, { to: second.text, at: says.Between ?? 0.5 });
  else if (!isRow) errors.push(new InputError("The file holds {n} pictures. This is the first.", { n: faces.length }));
  for (const name of Object.keys(usual(config))) if (nameIn(name) in says) parts[name] = says[nameIn(name)];
  return { hash: `#${new URLSearchParams(parts)}`, errors };
}

/** The pictures that a PNG holds, {text, seed}; the seeds as text, since a Number cannot hold all of them. */
function facesOf(json) {
  try {
    const faces = JSON.parse(json.replace(/"seed": *(\d+)/g, '"seed": "$1"')); // within a text the quotes are escaped
    return faces.filter(({ text, seed }) => typeof text === "string" && typeof seed === "string");
  } catch {
    return [];
  }
}
