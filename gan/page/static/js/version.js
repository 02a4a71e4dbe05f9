// Of the page's own files; python -m gan.page puts it in here and in model/config.json.

export const VERSION = "";
