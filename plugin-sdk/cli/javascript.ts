/**
 * Makes a JavaScript starter of a TypeScript one: types out, words and comments as they were.
 *
 * Node leaves spaces where types stood. They are closed up by rules that hold
 * for the starters, in which no text has two spaces in a row.
 */
import { stripTypeScriptTypes } from 'node:module';

/** The same program without types, importing `.js` files. */
export function toJavaScript(source: string): string {
  const before = source.split('\n');
  const lines = strip(source).split('\n');
  const kept = lines.flatMap((line, index) => {
    const isEmptied = line.trim() === '' && before[index]?.trim() !== '';
    return isEmptied ? [] : [line === before[index] ? line : closeUp(line)];
  });
  return kept
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replaceAll("'./index.ts'", "'./index.js'");
}

function closeUp(line: string): string {
  const indent = /^ */.exec(line)?.[0] ?? '';
  const words = line
    .slice(indent.length)
    .trimEnd()
    .replace(/(\w) {2,}\(/g, '$1(')
    .replace(/ +([,;)])/g, '$1')
    .replace(/([([]) +/g, '$1')
    .replace(/(^|[ (])\((\w+)\)(?=\.)/g, '$1$2')
    .replace(/ {2,}/g, ' ');
  return indent + words;
}

/** Node marks this function as experimental, which is nothing to tell the users of a command. */
function strip(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
