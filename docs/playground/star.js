// The syntax of CIF 1.1 (STAR): text to data blocks. What the values mean is read in cif.js.

import { StructureError } from "./errors.js";

const FOREIGN = [[/[\u00a0\u202f\u2009]/g, " "], [/[\ufeff\u001a]/g, ""], [/[\u2212\u2013]/g, "-"]];
// in this order: a comment, a text field (at the start of a line), two kinds of quotes, any other word
const TOKEN = /#[^\n]*|^;([^]*?)\n;(?!\S)|'((?:[^'\n]|'(?=\S))*)'(?=\s|$)|"((?:[^"\n]|"(?=\S))*)"(?=\s|$)|(\S+)/gm;

/**
 * The data blocks of a CIF: [{name, tags, get(tag), column(tag)}]. get: the value of a tag, undefined where it is missing or "?" or ".";
 * column: all values of a tag, as written, without quotes. Tags in small letters. Throws S103.
 */
export function parseCif(text) {
  if (/^\s*#\\#CIF_2/.test(text)) throw new StructureError("S103", "CIF 2.0 is not read here", "use `cloudkit encode`");
  const plain = FOREIGN.reduce((sum, [pattern, sign]) => sum.replace(pattern, sign), text.replace(/\r\n?/g, "\n"));
  const tokens = tokenize(plain), blocks = [];
  for (let at = 0; at < tokens.length; ) at = readItem(tokens, at, blocks);
  return blocks.map(({ name, values }) => ({
    name,
    tags: [...values.keys()],
    get: (tag) => (values.get(tag) ?? []).find((value) => value !== "?" && value !== "."),
    column: (tag) => values.get(tag) ?? [],
  }));
}

/** [{text, line, quoted}]; comments are left out. */
function tokenize(text) {
  const tokens = [];
  let line = 1, counted = 0;
  for (const match of text.matchAll(TOKEN)) {
    for (; counted < match.index; counted++) if (text[counted] === "\n") line++;
    if (match[0].startsWith("#")) continue;
    if (match[4]?.startsWith(";") && (match.index === 0 || text[match.index - 1] === "\n")) {
      throw syntax(line, "a text field that begins here does not end");
    }
    if (/^['"]/.test(match[4] ?? "")) throw syntax(line, `the quote in ${match[4].slice(0, 30)} does not end on its line`);
    tokens.push({ text: match[1] ?? match[2] ?? match[3] ?? match[4], line, quoted: match[4] === undefined });
  }
  return tokens;
}

/** Read one item at a place of the tokens into the last block; returns the place after it. */
function readItem(tokens, at, blocks) {
  const { text, line } = tokens[at];
  if (isWord(tokens[at], /^data_/i)) {
    blocks.push({ name: text.slice(5), values: new Map() });
    return at + 1;
  }
  const block = blocks.at(-1);
  if (!block) throw syntax(line, `'${text.slice(0, 30)}' is before the first data_ line`);
  if (isWord(tokens[at], /^loop_$/i)) return readLoop(tokens, at + 1, block);
  if (!isWord(tokens[at], /^_/)) throw syntax(line, `expected a tag or loop_, found '${text.slice(0, 30)}'`);
  if (!isValue(tokens[at + 1])) throw syntax(line, `${text} has no value`);
  store(block, text, [tokens[at + 1].text], line);
  return at + 2;
}

function readLoop(tokens, start, block) {
  let at = start;
  while (isWord(tokens[at], /^_/)) at++;
  const tags = tokens.slice(start, at), first = at;
  while (isValue(tokens[at])) at++;
  const values = tokens.slice(first, at);
  if (!tags.length) throw syntax(tokens[start - 1].line, "a loop_ has no tags");
  if (values.length % tags.length) {
    throw syntax(tags[0].line, `the loop of ${tags[0].text} has ${tags.length} columns and ${values.length} values`);
  }
  tags.forEach((tag, i) => store(block, tag.text, values.filter((_, k) => k % tags.length === i).map((one) => one.text), tag.line));
  return at;
}

function store(block, tag, values, line) {
  const key = tag.toLowerCase();
  if (block.values.has(key)) throw syntax(line, `duplicate tag ${tag}`);
  block.values.set(key, values);
}

const isWord = (token, pattern) => token !== undefined && !token.quoted && pattern.test(token.text);
const isValue = (token) => token !== undefined && !isWord(token, /^(_|loop_$|data_|save_|global_$|stop_$)/i);
const syntax = (line, what) => new StructureError("S103", `not valid CIF at line ${line}: ${what}`);
