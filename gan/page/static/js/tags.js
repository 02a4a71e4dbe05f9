// What a list of tags leaves open: encoder/attributes/tags.py, rule for rule.

import { EDGE, WORD, words } from "./text.js";

const pattern = (source, flags, whole = false) => {
  const own = source.replaceAll("\\b", EDGE).replaceAll("[^\\W\\d_]", "\\p{L}").replaceAll("\\w", WORD);
  return new RegExp(whole ? `^(?:${own})$` : own, flags);
};

/** A function that gives the colour slots that a list of tags, as `plain` gives it, does not speak of. */
export function leftOpenBy({ tags: rules, colour_slots: slots, plain_colours: plainColours }) {
  const [between, bare] = [rules.between, rules.bare].map((source) => pattern(source, "gu"));
  const [sentence, style] = [pattern(rules.sentence, "u"), pattern(rules.style, "u", true)];
  const [things, letters] = [pattern(rules.things, "gu"), pattern(rules.letters, "gu")];
  const nouns = slots.map((slot) => pattern(rules.nouns[slot], "u"));
  const colours = new Set(rules.colours);
  const known = new Map();

  const isColour = (tag) => {
    const parts = words(tag);
    if (parts.length === 1 && plainColours.some((colour) => tag.includes(colour))) return true;
    return parts.slice(0, 3).some((_, i) => colours.has(parts.slice(i).join(" ")));
  };
  const resembling = (word) => {
    if (!known.has(word)) {
      const isNear = (noun, least) => ratio([...noun], [...word]) >= least;
      const near = (slot) =>
        isNear(slot, rules.like_plain) || rules.single_nouns[slot].some((noun) => isNear(noun, rules.like_others));
      known.set(word, slots.filter(near));
    }
    return known.get(word);
  };
  const spokenOf = (tag) => {
    if (isColour(tag)) return slots;
    if (style.test(tag)) return [];
    const rest = tag.replace(things, " ");
    return [...slots.filter((_, i) => nouns[i].test(rest)), ...(rest.match(letters) ?? []).flatMap(resembling)];
  };

  return (text) => {
    const tags = text.split(between).map((tag) => words(tag.replace(bare, " ")).join(" ")).filter(Boolean);
    if (tags.length < rules.fewest || sentence.test(text)) return [];
    const spoken = new Set(tags.flatMap(spokenOf));
    return slots.filter((slot) => !spoken.has(slot));
  };
}

/** How alike two lists of characters are, from 0 to 1: the ratio of Python's difflib. */
function ratio(a, b) {
  return a.length + b.length ? (2 * matches(a, b)) / (a.length + b.length) : 1;
}

/** The characters in the longest block that both have, the first of several, and left and right of it likewise. */
function matches(a, b) {
  let [best, atA, atB] = [0, 0, 0];
  let ends = new Map(); // of b, how long a block ends there with the last character of a
  a.forEach((character, i) => {
    const next = new Map();
    b.forEach((other, j) => {
      if (character !== other) return;
      const length = (ends.get(j - 1) ?? 0) + 1;
      next.set(j, length);
      if (length > best) [best, atA, atB] = [length, i - length + 1, j - length + 1];
    });
    ends = next;
  });
  if (!best) return 0;
  return best + matches(a.slice(0, atA), b.slice(0, atB)) + matches(a.slice(atA + best), b.slice(atB + best));
}
