/** What is wrong with a file that is not YAML, in words of our own. */
import type { YAMLError } from 'yaml';

interface Words {
  readonly message: string;
  readonly found: string;
  readonly expected: string;
}

const words: Partial<Record<YAMLError['code'], Words>> = {
  ALIAS_PROPS: {
    message: 'An alias cannot have an anchor or a tag.',
    found: 'an alias with more than a name',
    expected: 'a bare alias such as *name',
  },
  BAD_ALIAS: {
    message: 'The alias or anchor is not well formed.',
    found: 'a name that is empty or holds a colon',
    expected: 'a name such as *name or &name',
  },
  BAD_COLLECTION_TYPE: {
    message: 'The tag does not fit what stands after it.',
    found: 'a tag of another kind',
    expected: 'no tag',
  },
  BAD_DIRECTIVE: {
    message: 'The directive is not one of YAML.',
    found: 'a line that begins with %',
    expected: '%YAML 1.2, or no directive',
  },
  BAD_DQ_ESCAPE: {
    message: 'The text in double quotes holds an escape that YAML does not know.',
    found: 'a backslash',
    expected: '\\\\ for a backslash, or single quotes',
  },
  BAD_INDENT: {
    message: 'The line is not indented as its block is.',
    found: 'another depth',
    expected: 'the same number of spaces as the lines beside it',
  },
  BAD_PROP_ORDER: {
    message: 'An anchor or tag stands in the wrong place.',
    found: 'an anchor or tag before the indicator',
    expected: 'it right before the value',
  },
  BAD_SCALAR_START: {
    message: 'A plain text cannot begin with this character.',
    found: 'a reserved character',
    expected: 'the text in quotes',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'A second colon on one line would nest a block inside it.',
    found: 'more than one "key:" on the line',
    expected: 'one on each line, or the value in quotes',
  },
  BLOCK_IN_FLOW: {
    message: 'A block cannot stand inside brackets.',
    found: 'an indented block',
    expected: 'values between the brackets, parted by commas',
  },
  DUPLICATE_KEY: { message: 'The key stands twice.', found: 'the same key again', expected: 'each key once' },
  IMPOSSIBLE: { message: 'The file cannot be read as YAML here.', found: 'text without a meaning', expected: 'YAML' },
  KEY_OVER_1024_CHARS: {
    message: 'The key is too long.',
    found: 'more than 1,024 characters',
    expected: 'a shorter key',
  },
  MISSING_CHAR: {
    message: 'A character is missing.',
    found: 'text that goes on without it',
    expected: 'a closing quote or bracket, a comma, a colon, or a space after one',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: 'A key goes over more than one line: most likely a colon is missing.',
    found: 'several lines',
    expected: '"key: value" on one line',
  },
  MULTIPLE_ANCHORS: { message: 'A value has two anchors.', found: 'a second anchor', expected: 'one' },
  MULTIPLE_DOCS: {
    message: 'The file holds more than one document.',
    found: 'a second document after "---"',
    expected: 'one document; others belong into files of their own, named by "include:"',
  },
  MULTIPLE_TAGS: { message: 'A value has two tags.', found: 'a second tag', expected: 'none' },
  NON_STRING_KEY: { message: 'A key is not a text.', found: 'a list, a block or an alias as key', expected: 'a name' },
  RESOURCE_EXHAUSTION: {
    message: 'The file is nested too deeply.',
    found: 'more levels than can be read',
    expected: 'at most 64 levels',
  },
  TAB_AS_INDENT: { message: 'A tab stands where the line is indented.', found: 'a tab', expected: 'spaces' },
  TAG_RESOLVE_FAILED: {
    message: 'The tag is not known; the value is read as if it stood without it.',
    found: 'a tag',
    expected: 'no tag',
  },
  UNEXPECTED_TOKEN: {
    message: 'Something stands here that does not fit.',
    found: 'text without a place in the structure',
    expected: 'a key, a list item or a value, indented as its block is',
  },
};

export function syntaxMessage({ code, pos }: YAMLError, text: string): Words {
  // Some codes are given to a tab in the indentation as well, which the eye does not see.
  const lineStart = text.lastIndexOf('\n', pos[0] - 1) + 1;
  const indentation = /^[ \t]*/.exec(text.slice(lineStart, lineStart + 200))?.[0] ?? '';
  const isTab = indentation.includes('\t') && code !== 'TAG_RESOLVE_FAILED';
  return (
    (isTab ? words.TAB_AS_INDENT : words[code]) ?? {
      message: 'The file is not YAML here.',
      found: 'text without a meaning',
      expected: 'YAML',
    }
  );
}
