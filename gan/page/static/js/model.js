// A release in the browser: its files, its text encoder and its generator, by ONNX Runtime Web.

import { AttributeReader, FreeReader, OneHotReader } from "./attributes.js";
import { round } from "./colour.js";
import { noiseLike, seededNoise } from "./noise.js";
import { isUsual, settingsOf } from "./settings.js";
import { InputError, checkText } from "./text.js";
import { unfolded } from "./unfold.js";
import { VERSION } from "./version.js";

const READERS = { head: AttributeReader, onehot: OneHotReader };

const FETCHED = 0.6; // of the wait, on a usual connection
const WASM = "../vendor/ort-wasm-simd-threaded.wasm.gz";

/** What cannot go on, told in words: a file that is missing or damaged. */
export class LoadError extends InputError {}

/** A file of the site, unpacked where it is packed; `tell(bytes)` is called as they arrive. */
export async function fetchFile(url, options = {}, tell = () => {}) {
  const name = url.pathname.split("/").pop();
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new LoadError("{name} cannot be fetched. Check the connection and try again.", { name });
  }
  if (!response.ok) {
    throw new LoadError("{name} is missing on the server ({status}). Put the file back.", { name, status: response.status });
  }
  if (/html/.test(response.headers.get("content-type"))) { // many hosts answer so for what they have not
    throw new LoadError("{name} is missing on the server: it sends a web page instead. Put the file back.", { name });
  }
  const parts = [];
  try {
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      tell(value.length);
    }
    const blob = new Blob(parts);
    const start = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
    if (start[0] !== 0x1f || start[1] !== 0x8b) return new Uint8Array(await blob.arrayBuffer()); // or the host unpacked it
    const unpacked = blob.stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch {
    throw new LoadError("{name} arrived broken. Try again.", { name });
  }
}

function json(bytes, name) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new LoadError("{name} arrived broken. Try again.", { name });
  }
}

export class Model {
  pictures = new Map(); // that were given, by name
  #opening = {}; // what is loaded when it is needed, by name: promises
  #last = Promise.resolve(); // one run of a session after the other

  /**
   * What is small: enough to draw the texts and pictures that travel with the page. The networks come when they are
   * needed, or by `open`. `tell({share, what, values})` is called as files come, with the share of the wait that is
   * over and a sentence, and once `tell({config})`.
   * `libraries` has two functions that import: `runtime`, ONNX Runtime Web, and `tokenizers`, @huggingface/tokenizers.
   */
  static async load(folder, libraries, tell = () => {}) {
    const model = Object.assign(new Model(), { folder, libraries, tell, arrived: 0, opened: 0 });
    const config = json(await fetchFile(new URL("config.json", folder), { cache: "no-cache" }), "config.json");
    if (config.version !== VERSION) {
      throw new LoadError("The scripts and the model of this page are of different versions. Reload the page.");
    }
    model.config = config;
    tell({ config });
    const files = ["rules.json.gz", "known.json.gz"];
    const [rules, known] = await Promise.all(files.map((name) => config.files[name] && model.#json(name)));
    config.rules = rules;
    const rows = Object.entries(known ?? {}).map(([text, c]) => [text, Float32Array.from(c)]);
    model.known = new Map(rows);
    const Reader = READERS[config.conditioning.kind] ?? FreeReader;
    model.reader = new Reader(config, (text) => model.encode(text));
    if (config.files["first/0.png"]) model.first = await model.reader.condition(config.examples[0]);
    return model;
  }

  /** Load what is not here yet: the generator, then the text encoder. What finds a picture comes when one is given. */
  async open() {
    await this.network("generator");
    if (this.config.tensors.encoder) await Promise.all([this.network("encoder"), this.#tokenizer()]);
  }

  /** What `work` gives, which is begun once; after a failure it can be begun again. */
  #once(name, work) {
    this.#opening[name] ??= work().catch((error) => {
      delete this.#opening[name];
      throw error;
    });
    return this.#opening[name];
  }

  /** A network's session; the generator comes before the others, since it can draw without them. */
  network(name) {
    return this.#once(name, async () => {
      if (name !== "generator") await this.network("generator");
      const files = [`${name}.onnx.gz`, `${name}.bin.gz`].map((path) => this.#file(path));
      const [graph, weights] = await Promise.all([...files, this.#runtime()]);
      return this.#session(name, graph, unfolded(weights, this.config.tensors[name]));
    });
  }

  #runtime() {
    return this.#once("runtime", async () => {
      const [runtime, binary] = await Promise.all([this.#library("runtime"), this.#file(WASM)]);
      runtime.env.wasm.wasmBinary = binary;
      runtime.env.logLevel = "error";
      this.runtime = runtime;
    });
  }

  #tokenizer() {
    return this.#once("tokenizer", async () => {
      const [{ Tokenizer }, file] = await Promise.all([this.#library("tokenizers"), this.#json("tokenizer.json.gz")]);
      return new Tokenizer(file, {});
    });
  }

  async #library(name) {
    try {
      return await this.libraries[name]();
    } catch {
      throw new LoadError("A script of this page is missing.");
    }
  }

  async #session(name, graph, weights) {
    this.#told("Starting the neural network…");
    const options = { externalData: [{ path: "weights", data: new Uint8Array(weights.buffer) }], logSeverityLevel: 3 };
    try {
      const session = await this.#inTurn(() => this.runtime.InferenceSession.create(graph, options));
      this.opened++;
      return session;
    } catch (error) {
      throw new LoadError("{name} cannot be run by this browser ({error}).", { name: `${name}.onnx.gz`, error: error.message });
    }
  }

  /** One run after the other. */
  #inTurn(work) {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** What a network makes of its inputs, {name: [numbers, shape]}, for one picture or text: numbers by name. */
  async run(name, inputs) {
    const session = await this.network(name);
    const { Tensor } = this.runtime;
    const tensors = Object.entries(inputs).map(([key, [data, shape = [data.length]]]) => {
      return [key, new Tensor(data instanceof BigInt64Array ? "int64" : "float32", data, [1, ...shape])];
    });
    const results = await this.#inTurn(() => session.run(Object.fromEntries(tensors)));
    return Object.fromEntries(Object.entries(results).map(([key, { data }]) => [key, data]));
  }

  #file(path) {
    const { bytes, version } = this.config.files[path];
    let arrived = 0;
    return fetchFile(new URL(`${path}?${version}`, this.folder), {}, (length) => {
      const more = Math.min(length, bytes - arrived); // a host may unpack it on the way
      arrived += more;
      this.arrived += more;
      this.#told("Loading: {done} of {all} MB");
    });
  }

  async #json(path) {
    return json(await this.#file(path), path);
  }

  #told(what) {
    const { files } = this.config;
    const isWanted = (name) => this.pictures.size > 0 || !/^(?:shown|inverter)\./.test(name);
    const names = Object.keys(files).filter(isWanted);
    const all = names.reduce((sum, name) => sum + files[name].bytes, 0);
    const arrived = Math.min(this.arrived, all); // some came twice where another try was needed
    const opened = this.opened / names.filter((name) => name.endsWith(".onnx.gz")).length;
    const [done, whole] = [arrived, all].map((bytes) => String(Math.round(bytes / 1e6)));
    this.tell({ share: (FETCHED * arrived) / all + (1 - FETCHED) * opened, what, values: { done, all: whole } });
  }

  /** The token ids of a normalised text, cut as the Python side cuts them. */
  async tokens(text) {
    const { ids } = (await this.#tokenizer()).encode(text);
    const most = this.config.max_length;
    return ids.length <= most ? ids : [...ids.slice(0, most - 1), ids.at(-1)];
  }

  /** The numbers of a normalised text, as the network behind the tokenizer gives them. */
  async encode(text) {
    if (this.known.has(text)) return this.known.get(text).slice();
    await this.network("encoder");
    const ids = await this.tokens(text);
    const { c } = await this.run("encoder", { ids: [BigInt64Array.from(ids, BigInt)], mask: [new BigInt64Array(ids.length).fill(1n)] });
    return Float32Array.from(c);
  }

  /**
   * A text as {text, c, readings, remarks}; an InputError where it cannot be drawn from. Where it changes the picture
   * `picture`, it may be empty, `c` and `readings` are those of the changed picture, and `stated` those of the text.
   */
  async read(text, picture = "") {
    const given = picture && (await this.#given(picture));
    const isEmpty = given && !text.trim();
    text = isEmpty ? "" : checkText(text);
    const asked = given ? (this.reader.withoutKept?.(text) ?? text) : text;
    const own = asked ? await this.reader.condition(asked) : new Float32Array(given.c.length);
    const remarks = asked ? this.reader.remarks(asked, own, given) : [];
    const readings = this.reader.readings(own);
    if (!given) return { text, c: own, readings, remarks };
    const c = given.merged(own);
    return { text, c, readings: this.reader.readings(c), stated: readings, remarks };
  }

  /** Take a picture, 64 x 64 RGBA pixels, under a name: {style, quality} of what is drawn for it. */
  async give(name, pixels) {
    this.pictures.set(name, pixels);
    const { style, quality } = await this.#given(name);
    return { style, quality };
  }

  #given(name) {
    return this.#once(`picture ${name}`, async () => {
      const [{ Given }] = await Promise.all([import("./edit.js"), this.network("shown"), this.network("inverter")]);
      return Given.find(this, this.pictures.get(name));
    });
  }

  /**
   * One image of a text's condition: RGBA, (resolution * resolution * 4).
   * `seed` is a BigInt, `style` a place among the sources, `like` as of `noiseLike`; the condition is `share` of the
   * way to `to`.
   */
  async draw(c, seed, { to = null, share = 0, ...options } = {}) {
    const { style, guidance, picture } = settingsOf(this.config, options);
    if (picture) return (await this.#given(picture)).edit(c, seed, { to, share, ...options });
    if (!to && isUsual(this.config, options) && this.#isFirst(c, seed)) return this.#first(seed);
    const { z, layout } = this.noise(seed, options);
    c = this.reader.settled(c, z);
    if (to) {
      const end = this.reader.settled(to, z);
      c = c.map((x, i) => x + share * (end[i] - x));
    }
    const none = this.nothing(c);
    const guided = c.map((x, i) => (guidance === 1 ? x : none[i] + guidance * (x - none[i])));
    const { img } = await this.generate(z, this.withStyle(guided, style), { layout });
    return this.pixels(img);
  }

  /** The noise of a picture, and that of its layout; both Float32Array. */
  noise(seed, options) {
    const { truncation, like, layout } = settingsOf(this.config, options);
    const { z_dim } = this.config;
    const z = noiseLike(like, seed, z_dim).map((x) => truncation * x);
    const own = layout === "" ? z : seededNoise(BigInt(layout), z_dim).map((x) => truncation * x);
    return { z: Float32Array.from(z), layout: Float32Array.from(this.turned(own, options)) };
  }

  /** The noise of a layout with the head turned and tilted. */
  turned(noise, options) {
    const { pose } = this.config;
    const asked = settingsOf(this.config, options);
    return noise.map((x, i) => Object.keys(pose).reduce((sum, name) => sum + asked[name] * pose[name][i], x));
  }

  /** The condition that asks for nothing in particular: ConditionSpace.null. */
  nothing(c) {
    return c.map((_, k) => this.config.nothing?.[k].reduce((sum, x, i) => sum + x * c[i], 0) ?? 0);
  }

  /** A condition of a text with that of a style behind it. */
  withStyle(c, style) {
    const whole = new Float32Array(this.config.c_dim);
    whole.set(c);
    if (this.config.sources.length > 1) whole[c.length + style] = 1;
    return whole;
  }

  /**
   * What the generator makes of noise and a whole condition: {img, w}, the picture's numbers and its style. `layout` is
   * the noise of the layout; `added` holds what is added to the layout and the styles, as in gan/inversion/latents.py.
   */
  async generate(z, c, { layout = z, added = {} } = {}) {
    const { latents } = this.config;
    const more = Object.entries(latents ?? {}).map(([name, shape]) => {
      const size = shape.reduce((product, n) => product * n);
      return [name, [added[name] ?? new Float32Array(size), shape]];
    });
    const inputs = { z: [z], c: [c], ...(latents && { layout_z: [layout] }), ...Object.fromEntries(more) };
    return this.run("generator", inputs);
  }

  /** The pixels (RGBA) of a picture's numbers, in [-1, 1] or about it. */
  pixels(img) {
    const plane = this.config.resolution ** 2;
    return opaque(plane, (k, i) => {
      const value = img[k * plane + i];
      if (!Number.isFinite(value)) {
        throw new InputError("This is not a picture. Take truncation and guidance nearer to 1.");
      }
      return round((value + 1) * 127.5);
    });
  }

  #isFirst(c, seed) {
    return `first/${seed}.png` in this.config.files && this.first.every((x, i) => x === c[i]);
  }

  /** One of the pictures that travel with the page. */
  async #first(seed) {
    const { resolution } = this.config;
    const bitmap = await createImageBitmap(new Blob([await this.#file(`first/${seed}.png`)]));
    const context = new OffscreenCanvas(resolution, resolution).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, resolution, resolution).data;
  }
}

/** RGBA pixels: `valueOf(k, i)` is channel `k` of pixel `i`. */
function opaque(count, valueOf) {
  const pixels = new Uint8ClampedArray(4 * count).fill(255);
  for (let i = 0; i < count; i++) for (let k = 0; k < 3; k++) pixels[4 * i + k] = valueOf(k, i);
  return pixels;
}
