// Begins the other scripts, once the pictures that travel with the page are to be seen.

const shown = [...document.querySelectorAll("#grid img")].map((image) => image.decode());
await Promise.allSettled(document.documentElement.classList.contains("asked") ? [] : shown);
await new Promise((resolve) => {
  requestAnimationFrame(() => setTimeout(resolve));
  setTimeout(resolve, 200); // a page in the background is not painted
});
for (const name of ["engine.js", "app.js"]) {
  const src = new URL(name, import.meta.url).href;
  document.head.append(Object.assign(document.createElement("script"), { type: "module", src }));
}
