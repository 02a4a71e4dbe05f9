// A release in the browser: its files, its text encoder and its generator, by ONNX Runtime Web.

import { AttributeReader, FreeReader, OneHotReader } from "./attributes.js";
import { round } from "./colour.js";
import { noiseLike } from "./noise.js";
import { InputError, checkText } from "./text.js";
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
    const [rules, known, first] = await Promise.all([
      config.files["rules.json.gz"] && model.#json("rules.json.gz"),
      config.files["known.json.gz"] && model.#json("known.json.gz"),
      config.files["first.rgb.gz"] && model.#file("first.rgb.gz"),
    ]);
    config.rules = rules;
    const rows = Object.entries(known ?? {}).map(([text, c]) => [text, Float32Array.from(c)]);
    model.known = new Map(rows);
    const Reader = READERS[config.conditioning.kind] ?? FreeReader;
    model.reader = new Reader(config, (text) => model.encode(text));
    if (first) model.first = { c: await model.reader.condition(config.examples[0]), pixels: first };
    return model;
  }

  /** Load what is not here yet: the generator, then the text encoder. */
  async open() {
    await this.generator();
    if (this.config.files["encoder.onnx.gz"]) await this.encoder();
  }

  /** What `work` gives, which is begun once; after a failure it can be begun again. */
  #once(name, work) {
    this.#opening[name] ??= work().catch((error) => {
      delete this.#opening[name];
      throw error;
    });
    return this.#opening[name];
  }

  generator() {
    return this.#once("generator", async () => {
      const files = [WASM, "generator.onnx.gz"].map((path) => this.#file(path));
      const [runtime, binary, graph] = await Promise.all([this.#library("runtime"), ...files]);
      this.runtime = runtime;
      this.runtime.env.wasm.wasmBinary = binary;
      this.runtime.env.logLevel = "error";
      return this.#session("generator.onnx.gz", graph);
    });
  }

  /** The text encoder; the generator comes before it, since that can draw without. */
  encoder() {
    return this.#once("encoder", async () => {
      await this.generator();
      const [graph] = await Promise.all([this.#file("encoder.onnx.gz"), this.#tokenizer()]);
      return this.#session("encoder.onnx.gz", graph);
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

  async #session(name, graph) {
    this.#told("Starting the neural network…");
    try {
      const session = await this.runtime.InferenceSession.create(graph, { executionProviders: ["wasm"], logSeverityLevel: 3 });
      this.opened++;
      return session;
    } catch (error) {
      throw new LoadError("{name} cannot be run by this browser ({error}).", { name, error: error.message });
    }
  }

  #run(session, inputs) {
    const mine = this.#last.then(() => session.run(inputs));
    this.#last = mine.catch(() => {});
    return mine;
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
    const all = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
    const arrived = Math.min(this.arrived, all); // some came twice where another try was needed
    const opened = this.opened / Object.keys(files).filter((name) => name.endsWith(".onnx.gz")).length;
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
    const [session, ids] = [await this.encoder(), await this.tokens(text)];
    const tensor = (values) => new this.runtime.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
    const { c } = await this.#run(session, { ids: tensor(ids), mask: tensor(ids.map(() => 1)) });
    return Float32Array.from(c.data);
  }

  /** A text as {text, c, readings, remarks}; an InputError where it cannot be drawn from. */
  async read(text) {
    text = checkText(text);
    const c = await this.reader.condition(text);
    return { text, c, readings: this.reader.readings(c), remarks: this.reader.remarks(text, c) };
  }

  /**
   * One image of a text's condition: RGBA, (resolution * resolution * 4).
   * `seed` is a BigInt, `style` a place among the sources, `like` as of `noiseLike`; the condition is `share` of the
   * way to `to`.
   */
  async draw(c, seed, options = {}) {
    const { style = 0, truncation = 1, guidance = this.config.guidance, like = "", to = null, share = 0 } = options;
    const isUsual = style === 0 && truncation === 1 && guidance === this.config.guidance && !to && !like;
    const first = isUsual && this.#first(c, seed);
    if (first) return first;
    const { z_dim, c_dim, sources, resolution } = this.config;
    const z = Float32Array.from(noiseLike(like, seed, z_dim), (x) => truncation * x);
    c = this.reader.settled(c, z);
    if (to) {
      const end = this.reader.settled(to, z);
      c = c.map((x, i) => x + share * (end[i] - x));
    }
    const whole = new Float32Array(c_dim);
    const nothing = this.config.nothing?.map((row) => row.reduce((sum, x, i) => sum + x * c[i], 0));
    for (let i = 0; i < c.length; i++) {
      const none = nothing?.[i] ?? 0;
      whole[i] = guidance === 1 ? c[i] : none + guidance * (c[i] - none);
    }
    if (sources.length > 1) whole[c.length + style] = 1;
    const session = await this.generator();
    const { Tensor } = this.runtime;
    const { img } = await this.#run(session, { z: new Tensor("float32", z, [1, z_dim]), c: new Tensor("float32", whole, [1, c_dim]) });
    const plane = resolution * resolution;
    return opaque(plane, (k, i) => {
      const value = img.data[k * plane + i];
      if (!Number.isFinite(value)) {
        throw new InputError("This is not a picture. Take truncation and guidance nearer to 1.");
      }
      return round((value + 1) * 127.5);
    });
  }

  /** One of the pictures that travel with the page, where it is asked for. */
  #first(c, seed) {
    const plane = this.config.resolution ** 2;
    const start = 3 * plane * Number(seed);
    if (!(start < this.first?.pixels.length) || c.some((x, i) => x !== this.first.c[i])) return null;
    return opaque(plane, (k, i) => this.first.pixels[start + 3 * i + k]);
  }
}

/** RGBA pixels: `valueOf(k, i)` is channel `k` of pixel `i`. */
function opaque(count, valueOf) {
  const pixels = new Uint8ClampedArray(4 * count).fill(255);
  for (let i = 0; i < count; i++) for (let k = 0; k < 3; k++) pixels[4 * i + k] = valueOf(k, i);
  return pixels;
}
