// Texts in other languages, put into English words: encoder/attributes/languages/__init__.py, function for function.

import { codes, toHex } from "./colour.js";

const SUBSTRINGS = ["zh-Hant", "zh-Hans", "ja", "ko"];
const LATIN = ["es", "fr", "de", "pt", "it"];
const SEPARATORS = /[,;.!?|，、。；！？\n]/;
const GERMAN = /haar|ae?ug(?:e|en|ig(?:e[mnrs]?)?)$/;
const FOREIGN_LETTERS = /[\u0100-\u024f\u00e5\u00e6\u00f0\u00f8\u00fe]/;
const ENGLISH = /hair|eye|colou?r|red|blue|green|aqua|purple|pink|orange|yellow|blond|brown|black|white|gr[ae]y/;
const MOST = 120; // words of a text that are read
const BETWEEN = { ignored: 0.3, and: 2.5, like: 2.5, break: 4, colour: 3, unread: 0.5, not: 1, "not behind": 1 };
const [OTHER_NOUN, UNUSUAL_ORDER, SECOND_COLOUR, ALONE, CONTRAST] = [5, 1.2, 4, 9, 6];
const SHARING = ["and", "like"]; // what joins nouns that share a colour

/** NFKC, lower case, Latin letters without their accents. */
export function fold(text) {
  const plain = text.normalize("NFKC").toLowerCase().replaceAll("’", "'");
  return plain.replace(/[\u00c0-\u024f]/g, (character) => character.normalize("NFD")[0]);
}

const isLetter = (character) => /\p{L}/u.test(character);
const isLatin = (character) => isLetter(character) && !scriptOf(character);

function scriptOf(character) {
  if (character < "\u0250" || !isLetter(character)) return "";
  if (/[\u3040-\u30ff\uff66-\uff9f]/.test(character)) return "kana";
  if (/[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]/.test(character)) return "hangul";
  return /[\u3400-\u9fff\uf900-\ufaff]/.test(character) ? "han" : "other";
}

/** The lists of one language, as gan/page/rules.py gives them. */
class Language {
  constructor(code, { words, messages, joined, endings, before, persons }) {
    Object.assign(this, { code, messages, joined, endings, before });
    this.words = new Map(Object.entries(words));
    this.persons = new Set(persons);
    this.longest = Math.max(...[...this.words.keys()].map((word) => word.length));
  }

  /** What an inflected colour or a joined word is: [[kind, value], ...]; none where no list has its parts. */
  inflected(word) {
    const stems = this.#stems(word);
    for (const stem of stems) {
      if (stem.length < 3) continue;
      for (const other of [stem, ...this.endings.map((end) => stem + end)]) {
        const kinds = this.words.get(other);
        if (kinds?.every(([kind]) => kind === "colour")) return kinds;
      }
    }
    if (!Object.keys(this.joined).length) return [];
    for (const slot of ["hair", "eyes"]) {
      for (const end of this.joined[`joined ${slot}`] ?? []) {
        for (const stem of stems.filter((each) => each.endsWith(end))) {
          const colour = this.#joinedColour(stem.slice(0, -end.length).replace(/-+$/, ""));
          if (colour.length) return [...colour, [slot, ""]];
        }
      }
    }
    for (const stem of stems) {
      const colour = this.#joinedColour(stem);
      if (colour.length) return colour;
    }
    return [];
  }

  #stems(word) {
    return [word, ...this.endings.filter((end) => word.endsWith(end)).map((end) => word.slice(0, -end.length))];
  }

  #joinedColour(word) {
    if (!word) return [];
    const kinds = this.words.get(word) ?? [];
    if (kinds.length && kinds.every(([kind]) => ["colour", "long", "short"].includes(kind))) return kinds;
    for (const shade of ["light", "dark"]) {
      for (const start of this.joined[`joined ${shade}`] ?? []) {
        if (!word.startsWith(start)) continue;
        const rest = this.#inflectedColour(word.slice(start.length).replace(/^-+/, ""));
        if (rest.length) return [[shade, ""], ...rest];
      }
    }
    return this.#inflectedColour(word);
  }

  #inflectedColour(word) {
    for (const stem of this.#stems(word)) {
      const kinds = this.words.get(stem) ?? [];
      if (stem && kinds.length && kinds.every(([kind]) => kind === "colour")) return kinds;
    }
    return [];
  }
}

/** Puts texts into English words by the lists of the rules. */
export class Languages {
  constructor(rules, colours, canonical) {
    Object.assign(this, { rules, colours, canonical });
    this.plain = new Set(rules.colour_slots.flatMap((slot) => rules.slots[slot]));
    this.signs = Object.fromEntries(Object.entries(rules.languages.signs).map(([code, words]) => [code, new Set(words)]));
    this.loaded = {};
    this.known = new Map();
  }

  /** A text as {english, language, warnings}; null where it is English, or may be. */
  translate(text) {
    if (!this.known.has(text)) this.known.set(text, this.#translate(text));
    return this.known.get(text);
  }

  #translate(text) {
    const code = this.languageOf(text);
    if (code === null) return null;
    const folded = fold(text);
    const tokens = withHair(withShades(this.#tokens(folded, code)), folded, this.#load(code));
    return new Reading(this, text, this.#load(code), tokens).translation();
  }

  /** A warning in a language, with what the person wrote in its places. */
  message(code, name, text, words = "") {
    return this.rules.languages.lists[code].messages[name].replace("{text}", () => text).replace("{words}", () => words);
  }

  languageOf(text) {
    const folded = fold(text);
    const scripts = new Set([...folded].map(scriptOf).filter(Boolean));
    let candidates;
    if (!scripts.size) {
      const words = folded.match(/\p{L}+/gu) ?? [];
      candidates = LATIN.filter((code) => words.some((word) => this.#shows(word, code)));
      if (!candidates.length) return this.#isForeign(text, words) ? "en" : null;
    } else if (scripts.has("kana")) return "ja";
    else if (scripts.has("hangul")) return "ko";
    else if (!scripts.has("han")) return "en";
    else candidates = ["zh-Hant", "zh-Hans", "ja"];
    const fits = candidates.map((code) => [code, this.#unread(folded, code)]);
    return fits.reduce((one, other) => (less(other[1], one[1]) ? other : one))[0];
  }

  /** Whether a text in Latin letters is in a language that no list knows. */
  #isForeign(text, words) {
    if (!FOREIGN_LETTERS.test(text) && !words.some((word) => this.signs.other.has(word))) return false;
    const english = this.#load("en").words;
    const known = ["hair", "eyes", "colour"];
    return !words.some((word) => ENGLISH.test(word) || known.includes(english.get(word)?.[0][0]));
  }

  #shows(word, code) {
    return this.signs[code].has(word) || (code === "de" && GERMAN.test(word) && this.#load(code).inflected(word).length > 0);
  }

  #load(code) {
    return (this.loaded[code] ??= new Language(code, this.rules.languages.lists[code]));
  }

  #languages(code) {
    const others = SUBSTRINGS.includes(code) ? SUBSTRINGS.filter((each) => each !== code) : [];
    return [...new Set([code, "en", ...others])].map((each) => this.#load(each));
  }

  #unread(text, code) {
    const tokens = this.#tokens(text, code);
    const unread = tokens.filter(({ kind }) => kind === "unread").reduce((sum, { start, end }) => sum + end - start, 0);
    const own = this.#load(code).words;
    return [unread, tokens.filter(({ start, end }) => !own.has(text.slice(start, end))).length + tokens.length];
  }

  /** The words of a folded text, {kind, start, end, value}; the longest word that a list has, from left to right. */
  #tokens(text, code) {
    const languages = this.#languages(code);
    const exact = new Map(codes(text).map((found) => [found.start, found]));
    const tokens = [];
    for (let i = 0; i < text.length; ) {
      const found = exact.has(i) ? [] : this.#wordAt(text, i, languages);
      if (exact.has(i)) {
        const { end } = exact.get(i);
        tokens.push({ kind: "colour", start: i, end, value: text.slice(i, end) });
      } else if (found.length) tokens.push(...found);
      else if (SEPARATORS.test(text[i])) tokens.push({ kind: "break", start: i, end: i + 1, value: "" });
      else if (isLetter(text[i])) {
        const isAlone = ["han", "kana", "hangul"].includes(scriptOf(text[i]));
        const end = isAlone ? i + 1 : i + /^\p{L}+/u.exec(text.slice(i))[0].length;
        const last = tokens.at(-1);
        if (last?.kind === "unread" && !text.slice(last.end, i).trim()) last.end = end;
        else tokens.push({ kind: "unread", start: i, end, value: "" });
      }
      i = tokens.length && tokens.at(-1).end > i ? tokens.at(-1).end : i + 1;
      if (tokens.length >= MOST && i < text.length) {
        return [...tokens, { kind: "unread", start: i, end: text.length, value: "" }];
      }
    }
    return tokens;
  }

  #wordAt(text, i, languages) {
    if (i > 0 && isLatin(text[i]) && isLatin(text[i - 1])) return [];
    const token = (end) => ([kind, value]) => ({ kind, start: i, end, value });
    const longest = Math.max(...languages.map((language) => language.longest));
    for (let end = Math.min(text.length, i + longest); end > i; end--) {
      if (end < text.length && isLatin(text[end - 1]) && isLatin(text[end])) continue;
      for (const { words } of languages) {
        const kinds = words.get(text.slice(i, end));
        if (kinds) return kinds.map(token(end));
      }
    }
    const word = /^\p{L}+/u.exec(text.slice(i))?.[0];
    for (const language of word ? languages : []) {
      const kinds = language.inflected(word);
      if (kinds.length) return kinds.map(token(i + word.length));
    }
    return [];
  }

  /** A colour as the English reader takes it: a plain word, or "#rrggbb" of a particular one. */
  valueOf(slot, name) {
    const own = slot === "hair" ? { yellow: "blonde" } : { blonde: "yellow" };
    name = own[name] ?? name;
    if (name.startsWith("#") || this.rules.slots[slot].includes(name)) return name;
    const look = this.colours.look(name);
    return look ? toHex(look) : name;
  }
}

const less = (one, other) => one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);

/** Light and dark joined to the colour beside them: "azul claro" is one colour, "light blue". */
function withShades(tokens) {
  const result = [...tokens];
  result.forEach((token, i) => {
    if (token.kind !== "light" && token.kind !== "dark") return;
    const counts = (j) => result[j].kind !== "ignored";
    const places = result.map((_, j) => j);
    const behind = places.find((j) => j > i && counts(j));
    const before = places.findLast((j) => j < i && counts(j));
    const isBehind = i > 0 && result[i - 1].kind === "colour";
    for (const j of isBehind ? [before, behind] : [behind, before]) {
      if (j === undefined || result[j].kind !== "colour" || /^(?:#|light|dark)/.test(result[j].value)) continue;
      result[j] = { ...result[j], value: `${token.kind} ${result[j].value}` };
      result[i] = { ...token, kind: "ignored" };
      break;
    }
  });
  return result;
}

/** A noun of hair behind a colour that speaks of hair, where the text has no such noun or begins with the colour. */
function withHair(tokens, text, language) {
  const hasHair = tokens.some(({ kind }) => kind === "hair");
  const i = tokens.findIndex(({ kind, start, end }, place) => {
    const noun = tokens.slice(place).find((other) => other.kind === "hair" || other.kind === "eyes");
    const isFirst = noun?.kind === "eyes" && tokens.slice(0, place).every((other) => other.kind === "ignored");
    return kind === "colour" && language.persons.has(text.slice(start, end)) && (isFirst || !hasHair);
  });
  if (i < 0) return tokens;
  const { end } = tokens[i];
  return [...tokens.slice(0, i + 1), { kind: "hair", start: end, end, value: "" }, ...tokens.slice(i + 1)];
}

/** What a text asks for. */
class Reading {
  constructor(languages, text, language, tokens) {
    Object.assign(this, { languages, text, language, tokens });
    this.slots = languages.rules.colour_slots;
    const places = tokens.map((_, i) => i);
    this.nouns = places.filter((i) => this.#isNoun(tokens[i]));
    this.costs = [0]; // of all tokens before each
    for (const token of tokens) {
      this.costs.push(this.costs.at(-1) + (this.#isNoun(token) ? OTHER_NOUN : BETWEEN[token.kind] ?? 0.2));
    }
    this.colours = places.filter((i) => tokens[i].kind === "colour");
    this.bound = this.#inTurn() ?? this.#bind();
  }

  #isNoun({ kind }) {
    return kind === "thing" || this.slots.includes(kind);
  }

  #cost(colour, noun) {
    const isUnusual = colour < noun !== this.language.before;
    const between = this.costs[Math.max(colour, noun)] - this.costs[Math.min(colour, noun) + 1];
    return between + (isUnusual ? UNUSUAL_ORDER : 0);
  }

  /** Each colour's noun, so that all together cost least; the nouns come in the order of the colours. */
  #bind() {
    let best = new Map([[null, { cost: 0, chosen: [] }]]);
    this.colours.forEach((colour, number) => {
      const isJoined = number > 0 && this.#contrasts(this.colours[number - 1], colour);
      const following = new Map();
      for (const [last, { cost, chosen }] of best) {
        const steps = [[null, ALONE]];
        for (const noun of this.nouns) {
          if (last !== null && noun < last) continue;
          let more = this.#cost(colour, noun);
          if (noun === last) more = isJoined ? Math.min(more + 1, CONTRAST) : more + SECOND_COLOUR;
          steps.push([noun, more]);
        }
        for (const [step, more] of steps) {
          const at = step ?? last;
          if (!following.has(at) || cost + more < following.get(at).cost) {
            following.set(at, { cost: cost + more, chosen: [...chosen, step] });
          }
        }
      }
      best = following;
    });
    const { chosen } = [...best.values()].reduce((one, other) => (other.cost < one.cost ? other : one));
    return new Map(this.colours.map((colour, i) => [colour, chosen[i]]));
  }

  /** The kinds of what stands between two tokens, and counts. */
  #between(low, high) {
    return this.tokens.slice(low + 1, high).map(({ kind }) => kind).filter((kind) => kind !== "ignored");
  }

  #joined(low, high, by = ["and"]) {
    const kinds = this.#between(low, high);
    return kinds.length > 0 && kinds.every((kind) => by.includes(kind));
  }

  /** Whether two colours speak of one noun: "blue and red", "not blue but red". */
  #contrasts(low, high) {
    const between = this.#between(low, high);
    if (between.length && between.every((kind) => ["and", "like", "not", "not behind"].includes(kind))) return true;
    const ahead = this.tokens.slice(0, low).findLast(({ kind }) => kind !== "ignored");
    if (ahead?.kind === "not" && between.every((kind) => kind === "break")) return true;
    const passed = ["and", "break", "not", "not behind", ...this.slots];
    return between.some((kind) => kind.startsWith("not")) && between.every((kind) => passed.includes(kind));
  }

  #runs(places, by = ["and"]) {
    const runs = [];
    for (const place of places) {
      if (runs.length && this.#joined(runs.at(-1).at(-1), place, by)) runs.at(-1).push(place);
      else runs.push([place]);
    }
    return runs;
  }

  #inTurn() {
    const [nouns, colours] = [this.#runs(this.nouns, SHARING), this.#runs(this.colours)];
    if (nouns.length !== 1 || colours.length !== 1) return null;
    if (nouns[0].length !== colours[0].length || nouns[0].length < 2) return null;
    return new Map(colours[0].map((colour, i) => [colour, nouns[0][i]]));
  }

  translation() {
    const lists = () => Object.fromEntries(this.slots.map((slot) => [slot, []]));
    const [wanted, denied] = [lists(), lists()];
    const negative = this.#denied();
    const stray = this.#stray(negative);
    const alone = [];
    for (const [colour, noun] of this.#shared()) {
      let { value } = this.tokens[colour];
      const isDenied = negative.has(colour);
      if (this.#isRefined(colour, noun)) continue;
      if (noun === null || stray.has(colour)) alone.push(colour);
      else if (this.tokens[noun].kind !== "thing") {
        const slot = this.tokens[noun].kind;
        if (isDenied) value = this.languages.valueOf(slot, value.split(" ").at(-1));
        const places = (isDenied ? denied : wanted)[slot];
        if (isDenied && !this.languages.rules.slots[slot].includes(value)) alone.push(colour);
        else if (!places.includes(value)) places.push(value);
      }
    }
    const english = this.#english(wanted, denied, this.#length());
    return { english, language: this.language.code, warnings: this.#warnings(english, alone) };
  }

  #isRefined(colour, noun) {
    const { plain } = this.languages;
    if (!plain.has(this.tokens[colour].value)) return false;
    const place = this.colours.indexOf(colour);
    const beside = this.colours.slice(Math.max(place - 1, 0), place + 2).filter((other) => this.bound.get(other) === noun);
    const passed = noun === null ? ["like"] : ["like", this.tokens[noun].kind];
    return beside.some(
      (other) =>
        !plain.has(this.tokens[other].value) &&
        this.#between(Math.min(colour, other), Math.max(colour, other)).every((kind) => passed.includes(kind)),
    );
  }

  /** Colours that only lack a better noun: another noun, or what is not understood, parts them from a nearer one. */
  #stray(negative) {
    const found = new Set();
    for (const noun of this.nouns) {
      const own = this.colours.filter((colour) => this.bound.get(colour) === noun && !negative.has(colour));
      own.slice(1).forEach((other, i) => {
        const one = own[i];
        const parts = this.#between(one, other).some((kind) => [...this.slots, "thing", "unread", "break"].includes(kind));
        if (!parts || this.#isRefined(one, noun) || this.#isRefined(other, noun)) return;
        found.add(this.#cost(other, noun) > this.#cost(one, noun) ? other : one);
      });
    }
    return found;
  }

  #shared() {
    const pairs = [...this.bound];
    const coloured = new Set([...this.bound.values()].filter((noun) => noun !== null).map((noun) => this.tokens[noun].kind));
    let free = this.nouns.filter((noun) => !coloured.has(this.tokens[noun].kind));
    for (const run of this.#runs(this.nouns, SHARING)) {
      const own = pairs.filter(([, noun]) => run.includes(noun)).map(([colour]) => colour);
      const [before, behind] = [own.filter((c) => c < run[0]), own.filter((c) => c > run.at(-1))];
      const usual = this.language.before ? before : behind;
      const shared = usual.length ? usual : this.language.before ? behind : before;
      if (run.length > 1 && shared.length && own.length === shared.length) {
        for (const noun of run.filter((each) => free.includes(each))) pairs.push(...shared.map((colour) => [colour, noun]));
        free = free.filter((noun) => !run.includes(noun));
      }
    }
    if (this.tokens.some(({ kind }) => kind === "both")) {
      const values = new Set(this.colours.map((colour) => this.tokens[colour].value));
      const slots = new Set(pairs.filter(([, noun]) => noun !== null).map(([, noun]) => this.tokens[noun].kind));
      if (values.size === 1) {
        const others = free.filter((noun) => !slots.has(this.tokens[noun].kind));
        pairs.push(...others.map((noun) => [this.colours[0], noun]));
      }
    }
    return pairs;
  }

  #denied() {
    const found = new Set();
    this.tokens.forEach(({ kind }, i) => {
      let ahead = [];
      if (kind === "not") ahead = this.#until([...this.tokens.keys()].filter((j) => j > i), ["break", "thing", "not"]);
      else if (kind === "not behind") ahead = this.#until([...this.tokens.keys()].filter((j) => j < i).reverse(), ["break", "thing"]);
      const first = ahead.find((j) => this.tokens[j].kind === "colour");
      if (first === undefined) return;
      const run = this.#runs(this.colours).find((each) => each.includes(first));
      [first, ...run.filter((colour) => this.bound.get(colour) === this.bound.get(first))].forEach((c) => found.add(c));
    });
    return found;
  }

  #until(places, stops) {
    const found = [];
    for (const place of places) {
      if (stops.includes(this.tokens[place].kind)) break;
      found.push(place);
    }
    return found;
  }

  #length() {
    const { length } = this.languages.rules.slots;
    for (let i = 0; i < this.tokens.length; i++) {
      if (!length.includes(this.tokens[i].kind) || !this.nouns.length) continue;
      const nearest = this.nouns.reduce((one, other) => (this.#cost(i, other) < this.#cost(i, one) ? other : one));
      if (this.tokens[nearest].kind === "hair") return this.tokens[i].kind;
    }
    return null;
  }

  #warnings(english, alone) {
    const text = [...this.text].length <= 60 ? this.text : `${[...this.text].slice(0, 59).join("")}…`;
    const filled = (name, words) => this.languages.message(this.language.code, name, text, words);
    if (english === "a face") return [filled("nothing")];
    const folded = this.text.normalize("NFKC");
    const words = (tokens) => [...new Set(tokens.map(({ start, end }) => folded.slice(start, end)))].join(", ");
    const unread = this.tokens.filter(({ kind }, i) => kind === "unread" || alone.includes(i));
    const things = this.tokens.filter(({ kind }) => kind === "thing");
    return [
      ...(unread.length ? [filled("unread", words(unread))] : []),
      ...(things.length ? [filled("things", words(things))] : []),
    ];
  }

  #english(wanted, denied, length) {
    const { slots } = this.languages.rules;
    const colours = this.slots.map((slot) => [
      slot,
      [...new Set(wanted[slot].map((name) => this.languages.valueOf(slot, name)))],
    ]);
    const unwanted = this.slots.flatMap((slot) => denied[slot].map((value) => `no ${value} ${slot}`));
    const isPlain = colours.every(([slot, names]) => !names.length || (names.length === 1 && slots[slot].includes(names[0])));
    const parts = colours.flatMap(([slot, names]) => {
      const words = [...(length && slot === "hair" ? [length] : []), ...(names.length ? [names.join(" and ")] : [])];
      return words.length ? [[...words, slot].join(" ")] : [];
    });
    if (!unwanted.length && isPlain) return parts.join(" ") || "a face";
    return [...parts, ...unwanted].join(", ");
  }
}
