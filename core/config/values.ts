/**
 * Turns a piece of the tree into the value its key asks for, or says what is
 * wrong with it. Numbers and switches may be written as texts, because a value
 * from the environment always is one.
 */
import { isIP } from 'node:net';
import { type Coerced, each, type Input, textLeaf, wrong } from './coercing.ts';
import { finiteNumber, longestMs, milliseconds } from './decimals.ts';
import type { Key, KeyType } from './keys/key.ts';
import { discounts, margins, price, prices, priceTiers } from './money-values.ts';
import { isUnset, type Path, type Tree, toPlain } from './tree.ts';
import type { FallbackTarget } from './types.ts';

export function coerce(key: Key, tree: Tree, path: Path): Coerced {
  if (isUnset(tree)) return { value: undefined };
  return coercers[key.type]({ key, tree, path });
}

/** An empty secret is one that is not given, as in `api_key: ""` for servers that ask for none. */
function secret(input: Input): Coerced {
  const isEmpty = input.tree.kind === 'leaf' && typeof input.tree.value === 'string' && input.tree.value.trim() === '';
  return isEmpty && input.key.needsValue !== true ? { value: undefined } : text(input);
}

function text(input: Input): Coerced {
  const { tree, key } = input;
  const value = tree.kind === 'leaf' ? tree.value : undefined;
  if (typeof value !== 'string') {
    const hint = tree.kind === 'leaf' ? 'a text; put it in quotes if it is one' : 'a text';
    return wrong(input, 'The value is not a text.', hint);
  }
  if (value.trim() === '') return wrong(input, 'The text is empty.', 'a text that says something');
  if (key.choices !== undefined && !key.choices.includes(value)) {
    return wrong(input, 'The text is none of those that are understood.', `one of ${key.choices.join(', ')}`);
  }
  return { value };
}

const switches: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
};

function boolean(input: Input): Coerced {
  const value = input.tree.kind === 'leaf' ? input.tree.value : undefined;
  if (typeof value === 'boolean') return { value };
  const read = typeof value === 'string' ? switches[value.toLowerCase()] : undefined;
  return typeof read === 'boolean' ? { value: read } : wrong(input, 'The value is not a switch.', 'true or false');
}

function number(input: Input): Coerced {
  const { key, tree } = input;
  const written = textLeaf(tree);
  const value = written === undefined ? undefined : finiteNumber(written);
  if (value === undefined) return wrong(input, 'The value is not a number.', 'a number');
  return inBounds(input, { value, min: key.min ?? Number.NEGATIVE_INFINITY, max: key.max ?? Number.POSITIVE_INFINITY });
}

function integer(input: Input): Coerced {
  const written = textLeaf(input.tree);
  const value = written === undefined ? undefined : finiteNumber(written);
  if (value === undefined || !Number.isSafeInteger(value))
    return wrong(input, 'The value is not a whole number.', 'a whole number');
  return inBounds(input, { value, min: input.key.min ?? 0, max: input.key.max ?? Number.MAX_SAFE_INTEGER });
}

function inBounds(input: Input, { value, min, max }: { value: number; min: number; max: number }): Coerced {
  if (value < min) return wrong(input, 'The number is too small.', `at least ${min}`);
  return value > max ? wrong(input, 'The number is too large.', `at most ${max}`) : { value };
}

function duration(input: Input): Coerced {
  const written = textLeaf(input.tree);
  const value = written === undefined ? undefined : milliseconds(written);
  const { min = 0, max = longestMs } = input.key;
  if (value === undefined)
    return wrong(
      input,
      'The value is not a length of time.',
      'seconds, or a number with a unit such as 500ms, 30s, 5m, 2h or 1d',
    );
  if (value < min) return wrong(input, 'The time is too short.', 'more than 0');
  return value > max ? wrong(input, 'The time is too long.', `at most ${Math.floor(max / 1000)} seconds`) : { value };
}

const texts = (input: Input): Coerced => each(input, text, 'a list of texts');

function textOrTexts(input: Input): Coerced {
  if (input.tree.kind === 'list') return texts(input);
  const one = text(input);
  return 'problem' in one ? one : { value: [one.value] };
}

function pattern(input: Input): Coerced {
  const read = text(input);
  if ('problem' in read) return read;
  // Python writes flags at the front; JavaScript wants them around a group.
  const source = String(read.value).replace(/^\(\?([ims]+)\)(.*)$/s, '(?$1:$2)');
  try {
    new RegExp(source);
    return { value: source };
  } catch {
    return wrong(input, 'The text is not a regular expression.', 'a regular expression');
  }
}

const hostName =
  /^(?=.{1,253}$)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

function address(input: Input): Coerced {
  const read = text(input);
  if ('problem' in read) return read;
  const [base = '', bits, ...rest] = String(read.value).split('/');
  const family = isIP(base);
  const isRange =
    family !== 0 &&
    rest.length === 0 &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)));
  const isName = family === 0 && bits === undefined && hostName.test(base) && !/^[\d.]+$/.test(base);
  return isRange || isName
    ? read
    : wrong(input, 'The text is not an address.', 'a host name, an address, or a range such as 10.0.0.0/8');
}

function network(input: Input): Coerced {
  const read = address(input);
  const isName = !('problem' in read) && isIP(String(read.value).split('/')[0] ?? '') === 0;
  return isName || 'problem' in read
    ? wrong(input, 'The text is not an address.', 'an address such as 203.0.113.7, or a range such as 10.0.0.0/8')
    : read;
}

/** What a caller may bring along in a request for a deployment. */
const clientParameterNames: readonly string[] = ['api_key', 'api_base', 'base_url', 'api_version', 'organization'];

/** `[api_key, {api_base: pattern}]`; the map gives the pattern, undefined for any value. */
function clientParameters(input: Input): Coerced {
  const values = new Map<string, string | undefined>();
  const expected = `names out of ${clientParameterNames.join(', ')}, each alone or as a key with a regular expression`;
  const read = (item: Input): Coerced => {
    const { tree } = item;
    const named = tree.kind === 'block' ? [...tree.entries] : [[textLeaf(tree) ?? '', undefined] as const];
    for (const [name, entry] of named) {
      if (!clientParameterNames.includes(name))
        return wrong(item, 'An entry names nothing that a caller may bring along.', expected);
      const found = entry && pattern({ ...item, tree: entry.value, path: [...item.path, name] });
      if (found && 'problem' in found) return found;
      values.set(name === 'base_url' ? 'api_base' : name, found && String(found.value));
    }
    return { value: undefined };
  };
  const found = each(input, read, `a list of ${expected}`);
  return 'problem' in found ? found : { value: values };
}

const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

function headers(input: Input): Coerced {
  if (input.tree.kind !== 'block') return wrong(input, 'The value is not a block of headers.', 'keys with texts');
  const values: Record<string, string> = {};
  for (const [name, { value: tree }] of input.tree.entries) {
    if (isUnset(tree)) continue;
    const at = { ...input, tree, path: [...input.path, name] };
    if (!headerName.test(name))
      return wrong(at, 'The name of a header holds a character that it cannot.', 'letters, digits and hyphens');
    const value = tree.kind === 'leaf' && typeof tree.value === 'boolean' ? String(tree.value) : textLeaf(tree);
    if (value === undefined || !headerValue.test(value))
      return wrong(at, 'The value of a header is not a text of one line.', 'a text of one line');
    values[name.toLowerCase()] = value;
  }
  return { value: values };
}

const map = (input: Input): Coerced =>
  input.tree.kind === 'block'
    ? { value: toPlain(input.tree) }
    : wrong(input, 'The value is not a block of keys.', 'a block of keys');
const list = (input: Input): Coerced =>
  input.tree.kind === 'list' ? { value: toPlain(input.tree) } : wrong(input, 'The value is not a list.', 'a list');

function target(input: Input): Coerced {
  if (input.tree.kind !== 'block') return text(input);
  const model = input.tree.entries.get('model');
  if (model === undefined || isUnset(model.value))
    return wrong(input, 'A fallback written as a block names no model.', 'the key "model" in it');
  const read = text({ ...input, tree: model.value, path: [...input.path, 'model'] });
  return 'problem' in read ? read : { value: toPlain(input.tree) };
}

const targets = (input: Input): Coerced => each(input, target, 'a list of model groups');

/** `[{group: [targets]}, …]`, or one block of the same. A group named twice has its lists joined. */
function fallbacks(input: Input): Coerced {
  const lists = new Map<string, readonly FallbackTarget[]>();
  const read = (item: Input): Coerced => {
    if (item.tree.kind !== 'block')
      return wrong(item, 'An entry of a fallback list is not a block.', 'a block such as {gpt-4: [gpt-4-backup]}');
    for (const [group, { value: tree }] of item.tree.entries) {
      const found = targets({ ...item, tree, path: [...item.path, group] });
      if ('problem' in found) return found;
      lists.set(group, [...(lists.get(group) ?? []), ...(found.value as FallbackTarget[])]);
    }
    return { value: undefined };
  };
  const found =
    input.tree.kind === 'block' ? read(input) : each(input, read, 'a list of blocks such as {gpt-4: [gpt-4-backup]}');
  return 'problem' in found ? found : { value: lists };
}

function aliases(input: Input): Coerced {
  if (input.tree.kind !== 'block')
    return wrong(input, 'The value is not a block of aliases.', 'keys with model groups');
  const values = new Map<string, { model: string; hidden: boolean }>();
  for (const [alias, { value: tree }] of input.tree.entries) {
    if (isUnset(tree)) continue;
    const at = { ...input, tree, path: [...input.path, alias] };
    const model = tree.kind === 'block' ? target(at) : text(at);
    if ('problem' in model) return model;
    const hidden = tree.kind === 'block' ? tree.entries.get('hidden')?.value : undefined;
    const isHidden =
      hidden === undefined || isUnset(hidden)
        ? { value: false }
        : boolean({ ...at, tree: hidden, path: [...at.path, 'hidden'] });
    if ('problem' in isHidden) return isHidden;
    const named = typeof model.value === 'string' ? model.value : (model.value as { model: string }).model;
    values.set(alias, { model: named, hidden: isHidden.value === true });
  }
  return { value: values };
}

/** A list may not be empty: a name that stands for nothing is a slip. */
function groupLists(input: Input): Coerced {
  if (input.tree.kind !== 'block')
    return wrong(input, 'The value is not a block of lists.', 'names with lists of groups');
  const lists = new Map<string, readonly string[]>();
  for (const [name, { value: tree }] of input.tree.entries) {
    if (isUnset(tree)) continue;
    const at = { ...input, tree, path: [...input.path, name] };
    const found = each(at, text, 'a list of model groups');
    if ('problem' in found) return found;
    const groups = found.value as readonly string[];
    if (groups.length === 0)
      return wrong(at, 'The list of model groups is empty.', 'model groups, or patterns such as gpt-*');
    lists.set(name, groups);
  }
  return { value: lists };
}

const any = ({ tree }: Input): Coerced => ({ value: toPlain(tree) });

/** Blocks are gone into by their reader; here only their shape is looked at. */
const block = (input: Input): Coerced =>
  input.tree.kind === 'block'
    ? { value: input.tree }
    : wrong(input, 'The value is not a block of keys.', 'a block of keys');
const items = (input: Input): Coerced =>
  input.tree.kind === 'list' ? { value: input.tree } : wrong(input, 'The value is not a list.', 'a list');

const coercers: Readonly<Record<KeyType, (input: Input) => Coerced>> = {
  text,
  secret,
  boolean,
  integer,
  number,
  duration,
  price,
  prices,
  discounts,
  margins,
  'price-tiers': priceTiers,
  texts,
  'text-or-texts': textOrTexts,
  patterns: (input) => each(input, pattern, 'a list of regular expressions'),
  addresses: (input) => each(input, address, 'a list of addresses'),
  networks: (input) => each(input, network, 'a list of addresses'),
  headers,
  map,
  list,
  any,
  fallbacks,
  targets,
  aliases,
  'group-lists': groupLists,
  'client-parameters': clientParameters,
  plugins: items,
  block,
  blocks: items,
  'block-map': block,
};
