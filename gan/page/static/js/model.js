// A release in the browser: its files, its text encoder and its generator, by ONNX Runtime Web.

import { AttributeReader, FreeReader, OneHotReader } from "./attributes.js";
import { round } from "./colour.js";
import { seededNoise } from "./noise.js";
import { InputError, checkText } from "./text.js";

const READERS = { head: AttributeReader, onehot: OneHotReader };

const FETCHED = 0.5; // of the wait, on a usual connection

/** What cannot go on, told in words: a file that is missing or damaged. */
export class LoadError extends InputError {}

/** A file of the site, unpacked where it is packed; `tell(bytes)` is called as they arrive. */
export async function fetchFile(url, tell = () => {}) {
  const name = url.pathname.split("/").pop();
  let response;
  try {
    response = await fetch(url);
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

export class Model {
  /**
   * Load all that the page needs. `tell({share, what, values})` is called as it comes, with the share of the wait that
   * is over and a sentence, and once `tell({config})`.
   * `runtime` is ONNX Runtime Web, `Tokenizer` of @huggingface/tokenizers.
   */
  static async load(folder, runtime, Tokenizer, tell = () => {}) {
    const json = (bytes, name) => {
      try {
        return JSON.parse(new TextDecoder().decode(bytes));
      } catch {
        throw new LoadError("{name} arrived broken. Try again.", { name });
      }
    };
    const config = json(await fetchFile(new URL("config.json", folder)), "config.json");
    tell({ config });
    const all = Object.values(config.files).reduce((sum, size) => sum + size, 0);
    const megabytes = (bytes) => String(Math.round(bytes / 1e6));
    let arrived = 0;
    const get = (path) =>
      fetchFile(new URL(path, folder), (bytes) => {
        arrived = Math.min(all, arrived + bytes);
        const values = { done: megabytes(arrived), all: megabytes(all) };
        tell({ share: (FETCHED * arrived) / all, what: "Loading: {done} of {all} MB", values });
      });
    const files = Object.fromEntries(
      await Promise.all(Object.keys(config.files).map(async (path) => [path.split("/").pop(), await get(path)])),
    );
    const started = (share) => tell({ share: FETCHED + (1 - FETCHED) * share, what: "Starting the neural network…" });
    started(0);
    runtime.env.wasm.wasmBinary = files["ort-wasm-simd-threaded.wasm.gz"];
    runtime.env.logLevel = "error";
    const open = async (name) => {
      try {
        return await runtime.InferenceSession.create(files[name], { executionProviders: ["wasm"], logSeverityLevel: 3 });
      } catch (error) {
        throw new LoadError("{name} cannot be run by this browser ({error}).", { name, error: error.message });
      }
    };
    const model = new Model();
    model.runtime = runtime;
    model.config = config;
    model.generator = await open("generator.onnx.gz");
    started(0.2);
    if (files["encoder.onnx.gz"]) {
      model.encoder = await open("encoder.onnx.gz");
      model.tokenizer = new Tokenizer(json(files["tokenizer.json.gz"], "tokenizer.json.gz"), {});
    }
    started(0.9);
    if (files["rules.json.gz"]) config.rules = json(files["rules.json.gz"], "rules.json.gz");
    const Reader = READERS[config.conditioning.kind] ?? FreeReader;
    model.reader = new Reader(config, (text) => model.encode(text));
    return model;
  }

  /** The token ids of a normalised text, cut as the Python side cuts them. */
  tokens(text) {
    const { ids } = this.tokenizer.encode(text);
    const most = this.config.max_length;
    return ids.length <= most ? ids : [...ids.slice(0, most - 1), ids.at(-1)];
  }

  /** The numbers of a normalised text, as the network behind the tokenizer gives them. */
  async encode(text) {
    const ids = this.tokens(text);
    const tensor = (values) => new this.runtime.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
    const { c } = await this.encoder.run({ ids: tensor(ids), mask: tensor(ids.map(() => 1)) });
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
   * `seed` is a BigInt, `style` a place among the sources, or undefined; the condition is `share` of the way to `to`.
   */
  async draw(c, seed, { style = 0, truncation = 1, guidance = this.config.guidance, to = null, share = 0 } = {}) {
    const { z_dim, c_dim, sources, resolution } = this.config;
    const z = Float32Array.from(seededNoise(seed, z_dim), (x) => truncation * x);
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
    const { Tensor } = this.runtime;
    const { img } = await this.generator.run({ z: new Tensor("float32", z, [1, z_dim]), c: new Tensor("float32", whole, [1, c_dim]) });
    const pixels = new Uint8ClampedArray(resolution * resolution * 4);
    const plane = resolution * resolution;
    for (let i = 0; i < plane; i++) {
      for (let k = 0; k < 3; k++) {
        const value = img.data[k * plane + i];
        if (!Number.isFinite(value)) {
          throw new InputError("This is not a picture. Take truncation and guidance nearer to 1.");
        }
        pixels[4 * i + k] = round((value + 1) * 127.5);
      }
      pixels[4 * i + 3] = 255;
    }
    return pixels;
  }
}
