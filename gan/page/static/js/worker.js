// The model, off the page's own thread: {id, call, args} in, {id, result} or {id, error, template, values} out.

import { Tokenizer } from "../vendor/tokenizers.min.js";
import * as runtime from "../vendor/ort.wasm.min.js";
import { Model } from "./model.js";

let model;
runtime.env.wasm.wasmPaths = { mjs: new URL("../vendor/ort-wasm-simd-threaded.js", import.meta.url).href };
runtime.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;

const calls = {
  async load(folder) {
    model = await Model.load(new URL(folder), runtime, Tokenizer, postMessage);
    return model.config;
  },
  read: (text) => model.read(text),
  draw: (c, seed, options) => model.draw(c, seed, options),
  tokens: (text) => model.tokens(text),
};

let last = Promise.resolve(); // one call after the other: a session runs one at a time
addEventListener("message", ({ data: { id, call, args } }) => {
  last = last.then(async () => {
    try {
      postMessage({ id, result: await calls[call](...args) });
    } catch (error) {
      const { message, template, values } = error; // the last two of an InputError
      postMessage({ id, error: message, template, values });
    }
  });
});
