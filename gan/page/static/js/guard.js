// A plain script, before any module. Says in words what broke, also where the other scripts cannot; keeps what is typed
// before they run; and hides the pictures that travel with the page where its address asks for others.

(() => {
  document.documentElement.classList.toggle("asked", !/^#?(?:num=\d+)?$/.test(location.hash));
  window.touched = new Set(); // the fields that were set while the model was loaded
  addEventListener("input", ({ target }) => window.touched.add(target.id));
  addEventListener("submit", (event) => event.target.method === "dialog" || event.preventDefault(), true);
  const tell = (line) => {
    const place = document.getElementById("broken");
    if (place) place.textContent = window.translate?.(line) ?? line;
  };
  addEventListener(
    "error",
    ({ target, error, message }) => {
      if (target instanceof HTMLScriptElement) tell("A script of this page is missing.");
      else if (error || message) broke(error ?? message);
    },
    true, // a script that does not load tells only itself
  );
  addEventListener("unhandledrejection", ({ reason }) => broke(reason));
  const broke = (error) => {
    console.warn(error);
    tell("Something on this page broke. Reload it; if that does not help, empty this site's data in the browser.");
  };
  addEventListener("DOMContentLoaded", () => {
    if (location.protocol === "file:") tell("A browser does not run this page from a file. Put it on a web server.");
  });
})();
