// One stop of the Tab key for many things side by side; the arrow keys lead from one to the next.

export function rove(container) {
  const all = () => [...container.querySelectorAll("button:not(:disabled), a")];
  const stopAt = (one) => {
    for (const each of all()) each.tabIndex = each === one ? 0 : -1;
  };
  const refresh = () => {
    const has = (selector) => all().find((each) => each.matches(selector));
    stopAt(has(":focus") ?? has("[aria-pressed='true']") ?? all()[0]);
  };
  container.addEventListener("focusin", ({ target }) => all().includes(target) && stopAt(target));
  container.addEventListener("keydown", (event) => {
    const things = all();
    const at = things.indexOf(event.target);
    if (at < 0) return;
    const inRow = things.filter((each) => each.offsetTop === things[0].offsetTop).length;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + inRow, ArrowUp: at - inRow, Home: 0, End: things.length - 1 };
    if (!things[to[event.key]]) return;
    event.preventDefault();
    things[to[event.key]].focus();
  });
  const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "aria-pressed"] };
  new MutationObserver(refresh).observe(container, changes);
  refresh();
}
