/** Writes `core/docs/configuration.schema.json`, `configuration.md` and `litellm.md`. Run it after a change to the table of keys. */
import { writeFile } from 'node:fs/promises';
import { litellmPage } from './litellm-page.ts';
import { configurationPage, configurationSchema } from './schema.ts';

/** Texts of the published files, by address. */
export function publishedFiles(): ReadonlyMap<URL, string> {
  return new Map([
    [new URL('../docs/configuration.schema.json', import.meta.url), `${json(configurationSchema(), '')}\n`],
    [new URL('../docs/configuration.md', import.meta.url), configurationPage()],
    [new URL('../docs/litellm.md', import.meta.url), litellmPage()],
  ]);
}

/** JSON as the formatter of this repository leaves it: a list of single values on one line. */
function json(value: unknown, indentation: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indentation}  `;
  if (Array.isArray(value)) {
    const isPlain = value.every((item) => typeof item !== 'object');
    if (isPlain) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    return `[\n${value.map((item) => inner + json(item, inner)).join(',\n')}\n${indentation}]`;
  }
  const members = Object.entries(value).map(
    ([key, member]) => `${inner}${JSON.stringify(key)}: ${json(member, inner)}`,
  );
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indentation}}`;
}

if (import.meta.main) {
  for (const [file, content] of publishedFiles()) await writeFile(file, content);
}
