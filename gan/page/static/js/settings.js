// The settings of a picture beside its text and its seed: gan/drawing/settings.py.

/** The bounds of infer.py (gan/drawing/settings.py, gan/release.py). */
export const LIMITS = { truncation: [0.01, 1.5], guidance: [0.01, 3], turn: [-3, 3], tilt: [-3, 3] };

/**
 * What each setting is where nothing else is asked for. `layout` is a seed as text, and so are those of `like`; `picture`
 * names a picture that is changed.
 */
export const usual = ({ guidance }) => ({
  style: 0,
  truncation: 1,
  guidance,
  layout: "",
  turn: 0,
  tilt: 0,
  like: "",
  picture: "",
});

/** What a PNG calls a setting, as infer.py does. */
export const nameIn = (setting) => (setting === "layout" ? "Layout seed" : `${setting[0].toUpperCase()}${setting.slice(1)}`);

/** The settings of one picture, as the model takes them, from all that is asked. */
export function settingsOf(config, asked) {
  return Object.fromEntries(Object.entries(usual(config)).map(([name, value]) => [name, asked[name] ?? value]));
}

/** The settings that are not the usual ones. */
export function unusual(config, asked) {
  const defaults = usual(config);
  return Object.fromEntries(Object.entries(settingsOf(config, asked)).filter(([name, value]) => value !== defaults[name]));
}

/** The number of pictures that one change of a picture begins with. */
export const CHANGES = 4;

export const isUsual = (config, asked) => Object.keys(unusual(config, asked)).length === 0;
