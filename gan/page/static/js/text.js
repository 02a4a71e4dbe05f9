// Texts before they are read: encoder/text.py and encoder/attributes/wording.py, rule for rule.

export const MAX_TEXT = 2000;
export const WORD = "[\\p{L}\\p{N}_]"; // Python's \w
export const EDGE = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`; // and its \b
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u; // of str.split

/** A sentence with its `{names}` filled in. */
export const fill = (template, values = {}) => template.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

/** What a person can mend, told in words: a sentence, and what stands in its `{names}`, so that it can be translated. */
export class InputError extends Error {
  constructor(template, values = {}) {
    super(fill(template, values));
    Object.assign(this, { template, values });
  }
}

export const words = (text) => text.split(SPACES).filter(Boolean);

/** NFKC, single spaces, lower case. */
export const normalise = (text) => words(text.normalize("NFKC")).join(" ").toLowerCase();

/** A text without the space around it; an InputError where it is empty, too long or broken. */
export function checkText(text) {
  text = text.replace(new RegExp(`^${SPACES.source}`, "u"), "").replace(new RegExp(`${SPACES.source}$`, "u"), "");
  if (!text) throw new InputError("The text is empty. Describe the picture.");
  const length = [...text].length;
  if (length > MAX_TEXT) {
    const [n, most] = [length, MAX_TEXT].map((count) => count.toLocaleString("en"));
    throw new InputError("The text has {n} characters. Shorten it to {most} or fewer.", { n, most });
  }
  if (/[\ud800-\udfff]/u.test(text) || text.includes("\0")) throw new InputError("The text is not valid Unicode.");
  return text;
}

/** Whether most letters are of another script than Latin. */
export function isForeign(text) {
  const letters = [...text].filter((character) => /\p{L}/u.test(character));
  return 2 * letters.filter((character) => character > "\u024f").length > letters.length;
}

const WEIGHTED = /\(([^()]*?) *: *\p{Nd}+(?:\.\p{Nd}+)? *\)/gu;
const WEIGHT = new RegExp(`(?<=[a-z]):\\p{Nd}\\.\\p{Nd}+(?!${WORD})`, "giu");
const NETWORK = new RegExp(`<${WORD}+:[^<>]*>`, "gu");
const JOINED = new RegExp(`(?<=${WORD})_+(?=(?:${WORD}|\\())`, "gu");
const SENTENCE = new Set(
  ("a an and are as at but by for from has have he her his i in is it my not of on or she the their they this to was " +
    "who whose with without you eye eyes hair").split(" "),
);

/** A function that puts the emoji of a text that speak of hair and of colours into words. */
export function inWordsBy({ picture, pictures }) {
  const pattern = new RegExp(picture, "gu");
  return (text) => text.replace(pattern, (found) => ` ${pictures[found]} `);
}

/** A function that takes from the text of an edit what is to stay as it is. */
export function withoutKeptBy({ kept }) {
  const pattern = new RegExp(kept.replaceAll("\\b", EDGE), "gu");
  return (text) => {
    const changes = text.toLowerCase().replace(pattern, " ");
    return changes === text.toLowerCase() ? text : changes.replace(/^[ ,;.]+|[ ,;.]+$/g, "");
  };
}

/** A normalised text without the marks of tag lists. */
export function plain(text) {
  if (text.includes(":")) {
    for (let bare; (bare = text.replace(WEIGHTED, "$1")) !== text; ) text = bare;
    text = text.replace(NETWORK, " ").replace(WEIGHT, "");
  }
  text = text.replaceAll("\\(", "(").replaceAll("\\)", ")");
  if (text.search(JOINED) >= 0) {
    const tags = words(text);
    if (tags.length > 1 && !/[,;|/+*&]/.test(text) && !tags.some((tag) => SENTENCE.has(tag))) text = tags.join(", ");
    text = text.replace(JOINED, " ");
  }
  return words(text).join(" ");
}

/** A function that gives the values that a text, as `plain` gives it, denies: {slot: [value, ...]}. */
export function deniedBy(rules) {
  const denial = new RegExp(rules.denial.replaceAll("\\b", EDGE).replaceAll("\\w", WORD), "gu");
  const colour = new RegExp(`^${rules.denied_colour}$`);
  const until = new RegExp(rules.denied_until.replaceAll("\\b", EDGE), "u");
  return (text) => {
    const found = {};
    for (const clause of text.split(/[,;.!?|]/)) {
      const named = rules.colour_slots.filter((slot) => clause.includes(slot.replace(/s$/, "")));
      for (const { 0: match, index } of clause.matchAll(denial)) {
        const governed = clause.slice(index + match.length).split(until)[0];
        const behind = (governed.match(/[a-z]+/g) ?? []).slice(0, rules.denied_within);
        for (const word of behind.filter((word) => colour.test(word))) {
          const value = Object.hasOwn(rules.spellings, word) ? rules.spellings[word] : word;
          for (const slot of named.length === 1 ? named : rules.colour_slots) {
            if (rules.slots[slot].includes(value)) (found[slot] ??= []).push(value);
          }
        }
      }
    }
    return found;
  };
}

/** Two functions: one takes away the words that deny neither hair nor eyes, the other what a clause denies of them. */
export function denialsBy(rules) {
  const [mayDeny, idle, governed] = [rules.may_deny, rules.idle, rules.governed].map(
    (pattern) => new RegExp(pattern.replaceAll("\\b", EDGE).replaceAll("\\w", WORD), "gu"),
  );
  const without = (pattern) => (text) => (text.search(mayDeny) < 0 ? text : words(text.replace(pattern, " ")).join(" "));
  return { withoutIdle: without(idle), withoutGoverned: without(governed) };
}

/** A function that gives hair and eyes each their own plain colour word, and takes denied colours away. */
export function explicitBy(rules) {
  const colours = [...rules.plain_colours].sort().join("|");
  const colour = `${EDGE}(?<colour>${colours})`;
  const other = `(?<other>(?!\\k<one>)(?:hair|eyes))${EDGE}`;
  const stop = `(?= *(?:[.;!?)\\]]|$|,(?! *(?:${colours}) *(?:$|[,.;]))))`;
  const end = `(?:${stop}|(?= +(?:and|with|in|on|at|wearing|holding)${EDGE}))`;
  const shared = `${colour} (?<one>hair|eyes)(?<and> (?:and|&) | with (?=matching))(?:matching )?${other}${stop}`;
  const joint = " *(?:and|&|\\+|/) *";
  const together = `${EDGE}(?<one>hair|eyes)${joint}${other}(?::| are(?: both)?| both) ${colour}${stop}`;
  const denied =
    `[,;]? *${EDGE}(?:(?:and|but|with) +)?(?:no|not|without) +(?:${colours})(?:ish)? +(?:hair|eyes)${EDGE}${end}`;
  const [SHARED, TOGETHER, DENIED] = [shared, together, denied].map((pattern) => new RegExp(pattern, "gu"));
  return (text) => {
    if (!text.includes("hair") && !text.includes("eyes")) return text;
    text = text.replace(SHARED, "$<colour> $<one>$<and>$<colour> $<other>");
    text = text.replace(TOGETHER, "$<colour> $<one> and $<colour> $<other>");
    const bare = text.replace(DENIED, "");
    return bare === text ? text : bare.replace(/^[ ,;.]+|[ ,;.]+$/g, "") || "a face";
  };
}
