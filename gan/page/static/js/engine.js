// The worker's calls as promises.

import { InputError } from "./text.js";

class Engine {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #last = 0;
  isBroken = false; // the worker: it answers nothing any more

  /** Called with {share, what, values} while the model loads, and with {config} when that has come. */
  tell = () => {};

  constructor() {
    this.#worker.addEventListener("message", ({ data }) => {
      if (!data.id) return this.tell(data);
      const { resolve, reject } = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error === undefined) return resolve(data.result);
      const error = data.template ? new InputError(data.template, data.values) : new Error(data.error);
      reject(Object.assign(error, { isOfLoading: data.isOfLoading }));
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault(); // it is told on the page
      this.isBroken = true;
      for (const { reject } of this.#waiting.values()) reject(new InputError("A script of this page is missing."));
      this.#waiting.clear();
    });
  }

  call(call, ...args) {
    return new Promise((resolve, reject) => {
      if (this.isBroken) throw new InputError("A script of this page is missing.");
      this.#waiting.set(++this.#last, { resolve, reject });
      this.#worker.postMessage({ id: this.#last, call, args });
    });
  }
}

export const engine = new Engine(); // the worker starts while the other scripts come
