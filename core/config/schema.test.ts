import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from '@rutter/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { blocks } from './keys.ts';
import { publishedFiles } from './print-schema.ts';
import { configurationPage, configurationSchema } from './schema.ts';

const fixture = (name: string) =>
  parse(readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8'), { merge: true });

describe('the published files', () => {
  it.each([...publishedFiles()].map(([file, text]) => [file.pathname.split('/').at(-1), file, text] as const))(
    '%s is what the table of keys says',
    (_name, file, text) => {
      expect(readFileSync(file, 'utf8')).toBe(text);
    },
  );
});

describe('the JSON Schema', () => {
  const schema = z.fromJSONSchema(configurationSchema() as Parameters<typeof z.fromJSONSchema>[0]);
  const accepts = (text: string) => schema.safeParse(parse(text)).success;

  it.each(['litellm.yaml', 'litellm-more.yaml'])('accepts %s, which starts', (name) => {
    const file = fixture(name);
    // One deployment of this file is bad on purpose.
    file.model_list = file.model_list.filter(
      (entry: { litellm_params: { weight?: unknown } }) => entry.litellm_params.weight !== 'nothing',
    );
    expect(schema.safeParse(file).error?.issues ?? []).toEqual([]);
  });

  it.each([
    'router_settings: {num_retries: many}',
    'router_settings: {routing_stratgey: x}',
    'general_settings: {master_key: ""}',
    'general_settings: {master_key: null}',
    'model_list: {a: 1}',
    'model_list: [{model_name: a, litellm_params: null}]',
    'plugins: [{use: a, on_failure: ignore}]',
    'router_settings: {timeout: soon}',
    'router_settings: {fallbacks: [a]}',
    'unknown: 1',
  ])('refuses %s', (text) => {
    expect(accepts(text)).toBe(false);
  });

  it('describes every key of the table', () => {
    const definitions = configurationSchema().$defs as Record<
      string,
      { properties: Record<string, { description: string }> }
    >;
    for (const [name, block] of Object.entries(blocks)) {
      if (name === 'root') continue;
      for (const [key, { doc }] of Object.entries(block.keys))
        expect(definitions[name]?.properties[key]?.description).toContain(doc);
    }
  });
});

describe('the reference', () => {
  it('has a row for every key, with its fate', () => {
    const page = configurationPage();
    const rows = page.split('\n').filter((line) => line.startsWith('|`'));
    expect(rows).toHaveLength(Object.values(blocks).reduce((sum, { keys }) => sum + Object.keys(keys).length, 0));
    expect(page).toContain('|`master_key`|secret text|RUTTER_MASTER_KEY or LITELLM_MASTER_KEY|yes|');
    expect(page).toContain('|`drop_params`|true or false|false|yes|');
    expect(page).toContain('|`cache`|true or false||not yet: caches of replies|');
  });
});
