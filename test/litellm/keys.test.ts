/** Every key that LiteLLM's documentation of `config.yaml` names has a fate here, which the table and the docs tell. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requestParameterNames } from '../../core/config/keys/deployment-keys.ts';
import { keyIn } from '../../core/config/keys/key.ts';
import { blockNamed } from '../../core/config/keys.ts';
import { gatewayFields } from '../../plugin-sdk/codecs/openai/controls.ts';
import { root } from '../support/index.ts';
import { documentedKeys } from './documented-keys.ts';

/** Where the specification this list was written from lies, in a checkout that has it. */
const document = process.env.RUTTER_LITELLM_SURFACE ?? '';
const all = Object.entries(documentedKeys).flatMap(([block, names]) => names.map((name) => ({ block, name })));

describe('the keys of a LiteLLM file', () => {
  it.each(all)('have a fate: $name of $block', ({ block, name }) => {
    const key = keyIn(blockNamed(block), name);
    if (key === undefined) throw new Error(`The table of keys says nothing of ${block}.${name}.`);
    if (key.fate === 'later') expect(key.owner).toBeTruthy();
    if (key.fate === 'refused') expect(key.reason).toBeTruthy();
    expect(key.doc).toMatch(/\.$/);
  });

  it.each(gatewayFields)('do not have a vendor sent what is the gateway\u2019s own: %s', (name) => {
    expect(keyIn(blockNamed('litellm_params'), name)).toBeDefined();
    expect(requestParameterNames.has(name)).toBe(false);
  });

  it('stand in the reference, each in its block', () => {
    const page = readFileSync(join(root, 'core/docs/configuration.md'), 'utf8');
    const missing = all.filter(
      ({ block, name }) => !page.includes(`|\`${name}\`|`) && blockNamed(block).families === undefined,
    );
    expect(missing).toEqual([]);
  });

  it.skipIf(!existsSync(document))('are all those that the document names', () => {
    const section =
      readFileSync(document, 'utf8')
        .split(/^## /m)
        .find((part) => part.startsWith('2. config.yaml')) ?? '';
    const listed = new Set(Object.values(documentedKeys).flat());
    const named = [...section.matchAll(/^\|`([a-z_[\]]+)`\|(.+)\|$/gm)].flatMap(([, , cell = '']) =>
      [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name),
    );
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter((name) => !listed.has(name))).toEqual([]);
  });
});
