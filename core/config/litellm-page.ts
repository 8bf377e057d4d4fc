/** The page that tells users of LiteLLM what becomes of their file, made from the tables. */
import { compatNotes } from './compat-notes.ts';
import type { Key } from './keys/key.ts';
import { blocks } from './keys.ts';

const introduction = `# A LiteLLM file

An unchanged \`config.yaml\` of LiteLLM runs here. Every key is in the [reference](configuration.md) with what becomes of it; this page gathers what does not do what it does there. \`rutter check\` tells it of one file with line and path, \`rutter doctor\` also what every name would call and cost.

This page is made from the tables in \`core/config\`.
`;

const cell = (text: string) => text.replaceAll('|', '\\|');

export function litellmPage(): string {
  const waiting = new Map<string, string[]>();
  const refused: string[] = [];
  for (const [block, { keys }] of Object.entries(blocks)) {
    for (const [name, key] of Object.entries(keys) as [string, Key][]) {
      const path = `\`${block === 'root' ? '' : `${block}.`}${name}\``;
      if (key.fate === 'later') waiting.set(key.owner ?? '', [...(waiting.get(key.owner ?? '') ?? []), path]);
      if (key.fate === 'refused') refused.push(`- ${path}: ${key.reason}.`);
    }
  }
  const owners = [...waiting].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    introduction,
    '## Without effect yet',
    '',
    'Known, told of in a warning, and waiting for the capability that owns them.',
    '',
    '|Capability|Keys|',
    '|-|-|',
    ...owners.map(([owner, paths]) => `|${owner}|${paths.join(', ')}|`),
    '',
    '## Refused',
    '',
    'They keep the gateway from starting.',
    '',
    ...refused,
    '',
    '## Different',
    '',
    '|What|LiteLLM|Here|',
    '|-|-|-|',
    ...compatNotes.map(({ topic, litellm, here }) => `|${cell(topic)}|${cell(litellm)}|${cell(here)}|`),
    '',
  ].join('\n');
}
