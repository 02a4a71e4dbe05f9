// Begins the other scripts; those of a page that begins with pictures once these are to be seen.

if (!document.documentElement.classList.contains("asked")) {
  await Promise.allSettled([...document.querySelectorAll("#grid img")].map((image) => image.decode()));
  await new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 200); // a page in the background is not painted
  });
}
for (const name of ["engine.js", "app.js"]) {
  const src = new URL(name, import.meta.url).href;
  document.head.append(Object.assign(document.createElement("script"), { type: "module", src }));
}
