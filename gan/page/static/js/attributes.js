// What a text says of hair, eyes and length: encoder/attributes/{reader,reading,slots,onehot}.py around the head.

import { Colours, NUMBERS, codes, distance, fromHex, scale, toHex, unscale } from "./colour.js";
import { Languages } from "./languages.js";
import { leftOpenBy } from "./tags.js";
import { InputError, deniedBy, denialsBy, explicitBy, fill, inWordsBy, isForeign, normalise, plain, withoutKeptBy } from "./text.js";

const UNSURE_BELOW = 0.6;
const SAME = 2e-3;
const BESIDE = 8;
const NOUNS = { hair: "hair", eyes: "eye" };
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const short = (text) => {
  const characters = [...text];
  return characters.length <= 60 ? text : `${characters.slice(0, 59).join("")}…`;
};
const quoted = (text) => `“${text}”`;

/** What the writer of a text should know: a sentence with `{names}`, what stands there, and words to be translated too. */
const remark = (template, values = {}, words = {}) => ({ template, values, words });
const inEnglish = ({ template, values, words }) => fill(template, { ...values, ...words });

/** Let properties be made when they are first asked for: most texts need few of them, and the first picture none. */
function makeLater(target, makers) {
  for (const [name, make] of Object.entries(makers)) {
    const get = () => {
      const value = make();
      Object.defineProperty(target, name, { value });
      return value;
    };
    Object.defineProperty(target, name, { configurable: true, get });
  }
}

function anyOf(words, end = "(?![a-z])") {
  const longestFirst = [...words].sort((one, other) => other.length - one.length);
  return new RegExp(`(?<![a-z])(?:${longestFirst.map(escaped).join("|")})${end}`, "g");
}

/** Reads texts for a generator whose condition says a text as a whole: encoder/base.py's ConditionSpace. */
export class FreeReader {
  constructor(config, encode) {
    Object.assign(this, { config, encode });
  }

  async condition(text) {
    return this.encode(normalise(text));
  }

  /** A condition as it is drawn with the noise `z`, where a text leaves a choice. */
  settled(c) {
    return c;
  }

  readings() {
    return null;
  }

  remarks(text) {
    if (!isForeign(text)) return [];
    return [remark("“{text}”: the text encoder was trained on English, and may not understand it.", { text: short(text) })];
  }
}

/** Reads texts by the conditioning head, with the rules for what it cannot read. */
export class AttributeReader {
  constructor(config, encode) {
    Object.assign(this, { config, encode });
    const { rules } = config;
    let end = 0; // of the slots so far, in a condition
    this.slots = Object.entries(rules.slots).map(([slot, values]) => {
      const start = end;
      end += values.length;
      return { slot, values, start, end };
    });
    this.particular = config.reads > end;
    this.canonical = new Map(canonicalCaptions(rules));
    makeLater(this, {
      colours: () => new Colours(rules),
      inWords: () => inWordsBy(rules),
      withoutKept: () => withoutKeptBy(rules),
      explicit: () => explicitBy(rules),
      denied: () => deniedBy(rules),
      denials: () => denialsBy(rules),
      languages: () => new Languages(rules, this.colours),
      things: () => {
        const words = Object.entries(rules.languages.lists.en.words);
        return anyOf(words.filter(([, kinds]) => kinds[0][0] === "thing").map(([word]) => word));
      },
      leftOpen: () => leftOpenBy(rules),
      palette: () => {
        const tones = Object.entries(config.palette ?? {}).map(([slot, each]) => [slot, each.split(" ").map(fromHex)]);
        return Object.fromEntries(tones);
      },
      written: () => {
        const values = rules.colour_slots.flatMap((slot) => rules.slots[slot]);
        const others = (value) => Object.keys(rules.spellings).filter((word) => rules.spellings[word] === value);
        return Object.fromEntries(values.map((value) => [value, anyOf([value, ...others(value)], "")]));
      },
      words: () => {
        const words = Object.entries(rules.words).map(([slot, { colours, nouns }]) => {
          return [slot, { colours, colour: anyOf(Object.keys(colours)), noun: anyOf(nouns, "") }];
        });
        return Object.fromEntries(words);
      },
    });
  }

  async condition(text) {
    text = normalise(text);
    if (!this.canonical.has(text)) text = this.languages.translate(text)?.english ?? text;
    const isUnusual = !this.canonical.has(text);
    let denied = {};
    let leftOpen = [];
    if (isUnusual) {
      const bare = this.denials.withoutIdle(plain(this.inWords(text)));
      denied = this.denied(bare);
      text = this.explicit(this.denials.withoutGoverned(bare));
      leftOpen = this.leftOpen(text);
    }
    const figures = isUnusual ? this.#terms(text, codes(text)) : [];
    const readAs = replaced(text, figures);
    const c = await this.encode(readAs);
    const probe = c.slice();
    if (this.particular) {
      this.#sharpen(c);
      if (isUnusual && this.#places.some((at) => c[at])) {
        const names = this.#terms(readAs, this.colours.find(readAs));
        if (names.length) this.#bind(c, await this.encode(replaced(readAs, names)), names, false);
      }
    }
    if (figures.length) this.#bind(c, probe, figures, true);
    this.#leaveOpen(c, leftOpen);
    this.#avoid(c, denied);
    return c;
  }

  /** The condition that asks for just one value of each slot, at `places`, and for colours (OKLab), some of them null. */
  stating(places, labs) {
    const c = new Float32Array(this.config.conditioning.dim);
    this.slots.forEach(({ start }, i) => (c[start + places[i]] = 1));
    this.#places.forEach((at, i) => labs[i] && c.set([1, ...scale(labs[i])], at));
    return c;
  }

  /** A condition with what another states in the place of what it was. */
  merged(c, other) {
    const before = this.readings(c);
    c = c.slice();
    this.readings(other).forEach(({ value, look, denied }, i) => {
      if (value === null && !look && !denied.includes(before[i].value)) return;
      const { start, end } = this.slots[i];
      c.set(other.subarray(start, end), start);
      const at = this.#places[i];
      if (at !== undefined) c.set(other.subarray(at, at + NUMBERS), at);
    });
    return c;
  }

  /** A condition with one of the other values too, as the noise `z` tells, in each slot where a text only denies some. */
  settled(c, z) {
    c = c.slice();
    this.slots.forEach(({ start, end }) => {
      const all = Array.from({ length: end - start }, (_, k) => start + k);
      const allowed = all.filter((k) => c[k] >= 0);
      if (!allowed.length || allowed.length === all.length) return;
      const noise = (k) => z[k % z.length];
      c[allowed.reduce((one, other) => (noise(other) > noise(one) ? other : one))] = 1;
    });
    return c;
  }

  /** The readings of a condition: {slot, value or null, probability, look or null, denied, shares}, in their order. */
  readings(c) {
    return this.slots.map(({ slot, values, start, end }, i) => {
      const shares = Array.from(c.subarray(start, end));
      const best = shares.indexOf(Math.max(...shares));
      const unstated = Math.min(Math.max(0, 1 - shares.reduce((sum, x) => sum + x, 0)), 1);
      const [value, probability] = unstated < 0.5 ? [values[best], shares[best]] : [null, unstated];
      const at = this.#places[i];
      const isStated = at !== undefined && c[at] > 0.5;
      const look = isStated ? unscale(Array.from(c.subarray(at + 1, at + NUMBERS), (x) => x / c[at])) : null;
      return { slot, value, probability, look, denied: values.filter((_, k) => shares[k] < 0), shares };
    });
  }

  /** What the writer of a text should know: the warnings of encoder/attributes: warnings.py and palette.py. */
  remarks(text, c, picture = null) {
    if (picture && !c.some((x) => x < 0) && this.readings(c).every(({ value, look }) => value === null && !look)) {
      return [remark("Nothing recognised in “{text}”: hair and eyes stay as they are in the picture.", { text: short(text) })];
    }
    return [...this.#warnings(text, c), ...this.#farColours(text, c)];
  }

  #warnings(text, c) {
    if (this.canonical.has(normalise(text))) return [];
    const translation = this.languages.translate(text);
    if (translation) return translation.warnings.map((line) => remark(line));
    const readings = this.readings(c);
    const avoided = readings.filter(({ denied }) => denied.length);
    const isAvoided = avoided.some(({ slot }) => text.toLowerCase().includes(noun(slot)));
    if (readings.every(({ value, look }) => value === null && !look) && !isAvoided) {
      return [remark("Nothing recognised in “{text}”: hair and eyes are left to chance.", { text: short(text) })];
    }
    const colours = readings.filter(({ slot, value, look }) => slot in this.words && (value || look));
    const lines = colours.map((reading) => this.#colourRemark(text, reading, colours)).filter(Boolean);
    if (colours.length === 1 && !avoided.length && TOGETHER.test(text.toLowerCase())) {
      const [{ slot }] = colours;
      const value = this.#written(text, colours[0]) ?? colours[0].value;
      const other = noun(this.config.rules.colour_slots.find((name) => name !== slot));
      const open = "The {noun} colour in “{text}” is left open; if both are {value}, say “{value} hair, {value} eyes”.";
      lines.push(remark(open, { text: short(text), value }, { noun: other }));
    }
    const isTold = (word) => lines.some((line) => inEnglish(line).includes(quoted(word)));
    const untaken = this.#untaken(text, colours).filter((word) => !isTold(word));
    if (untaken.length) {
      const neither = "{words} in “{text}”: taken for the colour of neither hair nor eyes, and not drawn.";
      lines.push(remark(neither, { words: untaken.map(quoted).join(", "), text: short(text) }));
    }
    const things = [...new Set([...text.toLowerCase().matchAll(this.things)].map(([word]) => word))];
    const { things: template } = this.config.rules.languages.lists.en.messages;
    if (things.length) lines.push(remark(template, { text: short(text), words: things.join(", ") }));
    return lines;
  }

  #farColours(text, c) {
    const lines = this.readings(c).flatMap(({ slot, look }) => {
      if (!look || !Object.hasOwn(this.palette, slot)) return [];
      const away = Math.min(...this.palette[slot].map((tone) => distance(tone, look)));
      if (away <= this.config.rules.far) return [];
      const [shown, written] = [toHex(look), this.#term(text, look)];
      const named = written === null || written === shown ? shown : `${quoted(written)} (${shown})`;
      const far = "The {noun} colour {named} is {away} from the nearest colour that the training images have; it is drawn as near as they come.";
      return remark(far, { named, away: away.toFixed(2) }, { noun: noun(slot) });
    });
    return lines.filter((line, i) => lines.findIndex((other) => inEnglish(other) === inEnglish(line)) === i);
  }

  /** Where in a condition each colour slot's particular colour stands; nowhere where there is none. */
  get #places() {
    if (!this.particular) return [];
    return this.config.rules.colour_slots.map((_, i) => this.slots.at(-1).end + NUMBERS * i);
  }

  #terms(text, places) {
    const free = this.config.rules.stand_ins.filter((word) => places.length && !text.includes(word));
    return places.slice(0, free.length).map((place, i) => ({ ...place, standIn: free[i] }));
  }

  #sharpen(c) {
    for (const at of this.#places) {
      const stated = c[at];
      for (let i = at; i < at + NUMBERS; i++) c[i] = stated > 0.5 ? c[i] / stated : 0;
    }
  }

  #bind(c, probe, terms, areFigures) {
    this.readings(probe).slice(0, this.config.rules.colour_slots.length).forEach(({ slot, value }, i) => {
      const { values, start } = this.slots[i];
      const lab = terms.findLast((term) => term.standIn === value)?.lab;
      if (lab && areFigures) {
        const mixture = this.colours.mixture(slot, lab);
        values.forEach((name, k) => (c[start + k] = mixture[name] ?? 0));
      }
      const at = this.#places[i];
      if (lab && at !== undefined && (areFigures || c[at])) c.set([1, ...scale(lab)], at);
    });
  }

  /** Take from a condition what it states of some slots. */
  #leaveOpen(c, slots) {
    this.slots.forEach(({ slot, start, end }, i) => {
      if (!slots.includes(slot)) return;
      c.fill(0, start, end);
      const at = this.#places[i];
      if (at !== undefined) c.fill(0, at, at + NUMBERS);
    });
  }

  /** Move the slots that a condition leaves open away from the values that its text denies. */
  #avoid(c, denied) {
    this.readings(c).forEach(({ slot, value }, i) => {
      const { values, start } = this.slots[i];
      for (const one of (value === null && denied[slot]) || []) c[start + values.indexOf(one)] = this.config.rules.avoided;
    });
  }

  #colourRemark(text, { slot, value, probability, look }, colours) {
    const lower = text.toLowerCase();
    const name = noun(slot);
    if (look) {
      return this.#term(text, look)
        ? null
        : remark("No list has the {noun} colour in “{text}”; drawing {colour}, a guess.", { text: short(text), colour: toHex(look) }, { noun: name });
    }
    const written = [...lower.matchAll(this.written[value])];
    if (written.length && colours.filter((other) => other.value === value).length === 1) return null;
    const nouns = [...lower.matchAll(this.words[slot].noun)].map(span);
    const gap = (place) => Math.min(...nouns.map((n) => Math.max(n.start - place.end, place.start - n.end)));
    const distanceOf = (place) => (nouns.length ? gap(place) : 0);
    const found = this.#colourPlaces(text, slot).filter(({ word }) => word.search(this.written[value]) < 0);
    let foreign = found.filter(({ values }) => Object.hasOwn(values, value));
    if (!foreign.length) {
      const slotValues = this.config.rules.slots[slot];
      foreign = found.filter((place) => !slotValues.includes(place.word) && distanceOf(place) <= BESIDE);
    }
    const nearest = foreign.reduce((one, other) => (one && distanceOf(one) <= distanceOf(other) ? one : other), null);
    if (written.length) {
      const own = Math.min(...written.map((word) => distanceOf(span(word))));
      if (!nearest || own <= distanceOf(nearest)) return null;
    }
    const count = this.config.rules.slots[slot].length;
    const words = { noun: name, value };
    if (nearest) {
      const foreignWord = "“{word}” is not one of the {count} {noun} colours; drawing {value}.";
      return remark(foreignWord, { word: nearest.word, count }, words);
    }
    const where = { text: short(text), percent: Math.round(100 * probability) };
    if (probability < UNSURE_BELOW) {
      return remark("Unsure of the {noun} colour in “{text}”; drawing {value} ({percent} %).", where, words);
    }
    return remark("No {noun} colour of the vocabulary in “{text}”; drawing {value}.", where, words);
  }

  #colourPlaces(text, slot) {
    const { colours, colour } = this.words[slot];
    const named = [...text.toLowerCase().matchAll(colour)].map((match) => {
      return { word: match[0], values: colours[match[0]], ...span(match) };
    });
    const inFigures = codes(text).map(({ start, end, lab }) => {
      return { word: text.slice(start, end), values: this.colours.mixture(slot, lab), start, end };
    });
    return [...named, ...inFigures];
  }

  /** How a text names a colour of that look, or gives it in figures; null where it does not. */
  #term(text, look) {
    const bare = plain(text.toLowerCase());
    const inFigures = codes(text).map((code) => ({ ...code, of: text }));
    const named = this.colours.find(bare).map((name) => ({ ...name, of: bare }));
    const found = [...inFigures, ...named].find(({ lab }) => distance(lab, look) < SAME);
    return found ? found.of.slice(found.start, found.end) : null;
  }

  /** How a text names the particular colour that was read; null where none was, or it names none such. */
  #written(text, { look }) {
    return look ? this.#term(text, look) : null;
  }

  #untaken(text, colours) {
    const sure = new Map(); // by where a word stands, so that hair's and eyes' lists count it once
    const meant = [];
    const forbidden = this.denied(plain(text));
    for (const slot of this.config.rules.colour_slots) {
      const reading = colours.find((each) => each.slot === slot);
      const written = (reading && this.#written(text, reading)) ?? "";
      const understood = [reading?.value, ...(forbidden[slot] ?? [])];
      for (const { word, values, start, end } of this.#colourPlaces(text, slot)) {
        const isSure = this.config.rules.colour_words.includes(word) || !/^\p{L}/u.test(word);
        sure.set(`${start},${end}`, { start, end, isSure });
        if (understood.some((value) => Object.hasOwn(values, value)) || written.includes(word)) meant.push({ start, end });
      }
    }
    const isMeant = ({ start, end }) => meant.some((place) => place.start <= start && end <= place.end);
    const left = [...sure.values()].filter((place) => place.isSure && !isMeant(place));
    return [...new Set(left.map(({ start, end }) => text.slice(start, end)))];
  }
}

/** Reads canonical captions alone, as one of the pairs of colours. */
export class OneHotReader extends AttributeReader {
  async condition(text) {
    const stated = this.canonical.get(normalise(text));
    if (!stated) throw new InputError("This model reads only captions like “pink hair green eyes”.");
    const [hair, eyes] = this.config.rules.colour_slots.map((slot) => this.config.rules.slots[slot]);
    const c = new Float32Array(hair.length * eyes.length);
    if (stated.hair && stated.eyes) c[hair.indexOf(stated.hair) * eyes.length + eyes.indexOf(stated.eyes)] = 1;
    return c;
  }

  readings(c) {
    const [hair, eyes] = this.config.rules.colour_slots.map((slot) => this.config.rules.slots[slot]);
    const at = c.indexOf(1);
    const values = at < 0 ? [null, null] : [hair[Math.floor(at / eyes.length)], eyes[at % eyes.length]];
    return this.config.rules.colour_slots.map((slot, i) => {
      const shares = this.config.rules.slots[slot].map((name) => Number(name === values[i]));
      return { slot, value: values[i], probability: 1, look: null, denied: [], shares };
    });
  }

  remarks() {
    return [];
  }
}

function* canonicalCaptions({ slots }) {
  for (const length of [null, ...slots.length]) {
    for (const hair of [null, ...slots.hair]) {
      for (const eyes of [null, ...slots.eyes]) {
        const words = [length, hair].filter(Boolean);
        const parts = [...(words.length ? [...words, "hair"] : []), ...(eyes ? [eyes, "eyes"] : [])];
        yield [parts.join(" ") || "a face", { hair, eyes, length }];
      }
    }
  }
}

function replaced(text, terms) {
  return terms.reduceRight((text, { start, end, standIn }) => text.slice(0, start) + standIn + text.slice(end), text);
}

const noun = (slot) => NOUNS[slot];
const span = (match) => ({ start: match.index, end: match.index + match[0].length });
const JOINED = "\\s*(?:and|&|/|\\+|,|n|with matching)\\s*(?:her |his |their |the )?";
const TOGETHER = new RegExp(
  `hair${JOINED}eyes\\b(?!\\W+(?:are |is )?(?:closed|shut|open|hidden|covered|half|wide))|eyes${JOINED}hair\\b` +
    "|hair.*\\b(?:match(?:ing|es)?|same)\\b.*eyes|eyes.*\\b(?:match(?:ing|es)?|same)\\b.*hair" +
    "|\\bhair\\b.*\\beyes\\b.*\\b(?:both|match|same)\\b",
);
