/** Reads `plugin_trust:`, and refuses what would not mean what it seems to. */
import { needNames } from '@rutter/plugin-sdk';
import { didYouMean, keyIdOf, readReference } from '@rutter/plugin-sdk/pack';
import type { BlockReader, ReadBlock } from './block-reader.ts';
import type { Report } from './report.ts';
import { describeValue } from './secrets.ts';
import { entryOf, type List, type Path, type Spot } from './tree.ts';
import type { TrustedPlugins, TrustSettings } from './types.ts';

export function readTrust(block: ReadBlock | undefined, reader: BlockReader, report: Report): TrustSettings {
  const list = block?.values.get('trusted') as List | undefined;
  const trusted = (list?.items ?? []).flatMap((tree, index): TrustedPlugins[] => {
    const path = ['plugin_trust', 'trusted', index];
    if (tree.kind !== 'block') {
      report.refuse('error', path, { tree, message: 'The entry is not a block.', expected: '"key" or "plugin"' });
      return [];
    }
    return readTrusted(reader.read('trusted_plugins', tree, { path, severity: 'error' }), report);
  });
  return {
    trusted,
    needsSignature: block?.values.get('signatures') === 'required',
    allow: references(block, 'allow', report),
    needs: needsOf(block, report),
  };
}

function readTrusted(block: ReadBlock, report: Report): TrustedPlugins[] {
  const key = block.values.get('key') as string | undefined;
  const plugin = block.values.get('plugin') as string | undefined;
  const { spot } = block.tree;
  if ((key === undefined) === (plugin === undefined) || (plugin !== undefined && block.values.has('plugins'))) {
    const found = [...block.values.keys()].join(' and ') || 'neither';
    const message = 'An entry trusts a key, with "plugins" it may sign, or one plugin.';
    report.add({ severity: 'error', path: block.path, spot, message, found, expected: '"key" or "plugin"' });
    return [];
  }
  const plugins =
    plugin === undefined ? references(block, 'plugins', report) : checked([plugin], block, 'plugin', report);
  const needs = needsOf(block, report);
  if (key === undefined) return [{ key: undefined, plugins, needs }];
  try {
    return [{ key: { id: keyIdOf(key), publicKey: key }, plugins, needs }];
  } catch {
    const message = 'The key cannot be read.';
    const expected = '"ed25519:" with 32 bytes in base64 behind it';
    report.add({
      severity: 'error',
      path: [...block.path, 'key'],
      spot: spotOf(block, 'key'),
      message,
      found: 'another text',
      expected,
    });
    return [];
  }
}

function references(block: ReadBlock | undefined, key: string, report: Report): readonly string[] | undefined {
  const texts = block?.values.get(key) as readonly string[] | undefined;
  return block === undefined || texts === undefined ? undefined : checked(texts, block, key, report);
}

function checked(texts: readonly string[], block: ReadBlock, key: string, report: Report): readonly string[] {
  for (const text of texts)
    if (readReference(text) === undefined)
      report.add({
        severity: 'error',
        path: [...block.path, key],
        spot: spotOf(block, key),
        message: 'A plugin is named in a way that fits none.',
        found: describeValue(text),
        expected: 'a name such as cheap-first, or with versions cheap-first@^1.2',
      });
  return texts;
}

function needsOf(block: ReadBlock | undefined, report: Report): readonly string[] | undefined {
  const needs = block?.values.get('needs') as readonly string[] | undefined;
  const known: readonly string[] = needNames;
  for (const need of needs ?? [])
    if (block !== undefined && !known.includes(need))
      report.add({
        severity: 'error',
        path: [...block.path, 'needs'] satisfies Path,
        spot: spotOf(block, 'needs'),
        message: `There is no ability "${need}".${didYouMean(need, known)}`,
        found: describeValue(need),
        expected: `some of ${known.join(', ')}`,
      });
  return needs;
}

const spotOf = (block: ReadBlock, key: string): Spot => entryOf(block.tree, key)?.spot ?? block.tree.spot;
