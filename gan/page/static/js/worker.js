// The model, off the page's own thread: {id, call, args} in, {id, result} or {id, error, template, values} out.

import { LoadError, Model } from "./model.js";
import { enlarged } from "./upscale.js";

let model;

const libraries = { // what the first pictures do not need comes later
  async runtime() {
    const runtime = await import("../vendor/ort.wasm.min.js");
    runtime.env.wasm.wasmPaths = { mjs: new URL("../vendor/ort-wasm-simd-threaded.js", import.meta.url).href };
    runtime.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
    return runtime;
  },
  tokenizers: () => import("../vendor/tokenizers.min.js"),
};

const calls = {
  async load(folder) {
    model = await Model.load(new URL(folder), libraries, (said) => postMessage(said));
    return model.config;
  },
  open: () => model.open(),
  read: (text, picture) => model.read(text, picture),
  give: (name, pixels) => model.give(name, pixels),
  draw: (c, seed, options) => model.draw(c, seed, options),
  enlarge: enlarged,
  tokens: (text) => model.tokens(text),
};

addEventListener("message", async ({ data: { id, call, args } }) => {
  try {
    postMessage({ id, result: await calls[call](...args) });
  } catch (error) {
    const { message, template, values } = error; // the last two of an InputError
    postMessage({ id, error: message, template, values, isOfLoading: error instanceof LoadError });
  }
});
