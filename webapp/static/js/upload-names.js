/* How a file is shown before the server has said anything about it. */

const WHOLE = 20;
const TAIL = 9;

/** A name in two parts, as the server cuts it: the first may be cut short, the extension is always seen. */
export function halves(name) {
  const letters = [...new Intl.Segmenter().segment(name)].map(({ segment }) => segment);
  if (letters.length <= WHOLE) return [name, ""];
  return [letters.slice(0, -TAIL).join(""), letters.slice(-TAIL).join("")];
}

const FAMILIES = [
  ["doc", "file-text", /^application\/(pdf|msword|rtf|epub|postscript)|^text\/(plain|markdown|rtf)/],
  ["doc", "file-text", /wordprocessing|presentation|opendocument\.text|powerpoint/],
  ["sheet", "file-spreadsheet", /^text\/(csv|tab-)|spreadsheet|ms-excel/],
  ["archive", "file-archive", /zip|x-tar|x-bzip|x-xz|zstd|x-7z|rar\b|iso9660|java-archive/],
  ["data", "database", /parquet|ndjson|sqlite|hdf/],
  ["image", "image", /^image\//],
  ["video", "film", /^video\//],
  ["audio", "music", /^audio\//],
  ["code", "file-code", /^text\/|json|xml|yaml|toml|javascript|x-sh\b/],
];
/* What browsers give no type for. */
const BY_NAME = [
  ["data", "database", /\.(parquet|ndjson|sqlite3?|db|h5)$/i],
  ["archive", "file-archive", /\.(zst|7z|rar|xz|bz2|iso|gz|tgz|tar)$/i],
  ["doc", "file-text", /\.(md|log|epub|ps)$/i],
  ["code", "file-code", /\.(py|rs|go|ts|tsx|c|h|cpp|java|rb|sh|sql|toml|ya?ml|ini|conf)$/i],
];

/** The family of a file's type, and its icon. */
export function glyph({ name, type }) {
  const fits = (text) => ([, , mark]) => mark.test(text);
  const [family, icon] = FAMILIES.find(fits(type)) ?? BY_NAME.find(fits(name)) ?? ["other", "file"];
  return { family, name: icon };
}
