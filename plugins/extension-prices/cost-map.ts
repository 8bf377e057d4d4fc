/**
 * Reads a map in LiteLLM's format, `{"gpt-4o": {"input_cost_per_token": …}}`.
 *
 * Invariant: what it returns can be reckoned with. A map that is not in the
 * format, or holds a price that is none, is refused as a whole: half a map
 * would charge by prices nobody meant.
 */
import type { ModelRow } from '@rutter/plugin-sdk';

export type Rows = ReadonlyMap<string, ModelRow>;

const price = /cost_per_|_cost$|token_cost/;
const kept =
  /^(max_[a-z_]*tokens|mode|litellm_provider|supports_[a-z0-9_]+|output_vector_size|deprecation_date|tiered_pricing|provider_specific_entry|regional_processing_uplift_[a-z_]+)$/;
const decimal = /^\+?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/;
const mostDollars = 1_000_000;
const mostRows = 50_000;
/** LiteLLM's map begins with a description of itself. */
const description = 'sample_spec';

/** Throws an Error that says what was found, what was expected and where. */
export function readMap(text: string): Rows {
  const map = parse(text);
  const entries = Object.entries(map).filter(([name]) => name !== description);
  if (entries.length > mostRows) throw new Error(`Found ${entries.length} models, expected at most ${mostRows}.`);
  const rows = new Map<string, ModelRow>();
  for (const [name, row] of entries) {
    if (!isBlock(row)) throw wrong(name, row, 'a block of prices and limits');
    rows.set(name, readRow(name, row));
  }
  if (![...rows.values()].some((row) => Object.keys(row).some((key) => price.test(key) || key === 'tiered_pricing')))
    throw new Error(`Found ${rows.size} models and not one price, expected keys such as input_cost_per_token.`);
  return rows;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let map: unknown;
  try {
    map = JSON.parse(text);
  } catch (error) {
    throw new Error(`Found no JSON (${(error as Error).message}), expected an object of models.`);
  }
  if (!isBlock(map)) throw new Error(`Found ${describe(map)}, expected an object of models.`);
  return map;
}

function readRow(name: string, row: Readonly<Record<string, unknown>>): ModelRow {
  const read: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(row)) {
    if (value === null || !(price.test(key) || kept.test(key))) continue;
    check(`${name}.${key}`, key, value);
    read[key] = value;
  }
  return read;
}

function check(where: string, key: string, value: unknown): void {
  if (key === 'tiered_pricing') checkTiers(where, value);
  else if (!price.test(key)) return;
  else if (isBlock(value)) for (const [inner, one] of Object.entries(value)) checkPrice(`${where}.${inner}`, one);
  else checkPrice(where, value);
}

function checkPrice(where: string, value: unknown): void {
  const isPrice =
    (typeof value === 'number' || (typeof value === 'string' && decimal.test(value.trim()))) &&
    Number(value) >= 0 &&
    Number(value) <= mostDollars;
  if (!isPrice) throw wrong(where, value, `dollars from 0 to ${mostDollars}`);
}

function checkTiers(where: string, value: unknown): void {
  if (!Array.isArray(value)) throw wrong(where, value, 'a list of tiers');
  for (const [index, tier] of value.entries()) {
    const at = `${where}[${index}]`;
    if (!isBlock(tier)) throw wrong(at, tier, 'a block with a range and prices');
    const { range, ...prices } = tier;
    if (!Array.isArray(range) || range.length !== 2 || !range.every((end) => Number.isFinite(end)))
      throw wrong(`${at}.range`, range, 'two numbers of tokens');
    for (const [key, one] of Object.entries(prices))
      if (price.test(key) && one !== null) check(`${at}.${key}`, key, one);
  }
}

const isBlock = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const describe = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 60);

const wrong = (where: string, found: unknown, expected: string) =>
  new Error(`${where.slice(0, 200)}: found ${describe(found)}, expected ${expected}.`);
