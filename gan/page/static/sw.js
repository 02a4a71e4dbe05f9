// The page without a connection: all its files are kept once they are here. While there is a connection, scripts come
// from the host, so that a new version is seen at once; files whose address holds their digest come from what is kept.

const FILES = {}; // digests by path; python -m gan.page puts them in

const PREFIX = `text2face:${new URL("./", location).pathname}:`; // other pages of the origin keep theirs
const NAME = PREFIX + FILES["model/config.json"];
const isDigested = (path) => path.endsWith(".gz") || path.startsWith("model/first/");
const addressOf = (path) => (isDigested(path) ? `${path}?${FILES[path]}` : path);

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keepAll());
});

addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([clients.claim(), forgetOthers()]));
});

addEventListener("fetch", (event) => {
  const { href, search } = new URL(event.request.url);
  const scope = new URL("./", location).href;
  const path = href.split(/[?#]/)[0].slice(scope.length) || "index.html";
  if (event.request.method === "GET" && href.startsWith(scope) && path in FILES) {
    event.respondWith(answer(event.request, path, search.slice(1)));
  }
});

async function answer(request, path, digest) {
  const kept = await (await caches.open(NAME)).match(path);
  if (kept && digest === FILES[path]) return kept;
  try {
    const response = await fetch(request);
    if (response.status < 500 || !kept) return response; // else the host has trouble
  } catch (error) {
    if (!kept) throw error;
  }
  return kept;
}

async function keepAll() {
  const cache = await caches.open(NAME);
  for (const path of Object.keys(FILES)) {
    if (!(await cache.match(path))) await cache.put(path, await current(path));
  }
}

/** A file in the version that belongs to this script; the browser or a host may still hold an older one. */
async function current(path) {
  for (const cache of ["default", "reload"]) {
    const response = await fetch(addressOf(path), { cache });
    if (response.ok && (isDigested(path) || (await digestOf(response.clone())) === FILES[path])) return response;
  }
  throw new Error(`${path} is of another version`);
}

async function digestOf(response) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 16);
}

async function forgetOthers() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(names.map((name) => caches.delete(name)));
}
