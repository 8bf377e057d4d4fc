/**
 * Names that Converse restricts: of tools, of their calls, of documents.
 *
 * Each is made from the request alone, so that the reply, a later turn and
 * another replica arrive at the same one.
 */
import type { ChatRequest } from '@rutter/plugin-sdk';
import { fingerprint } from '@rutter/plugin-sdk/codecs';

const toolName = /^[A-Za-z0-9_-]{1,64}$/;
const callId = /^[A-Za-z0-9_.:-]{1,64}$/;
const longest = 64;

/** The end tells apart what looks the same once it is shortened. */
function shortened(text: string, foreign: RegExp): string {
  const end = `_${fingerprint(text).toString(36)}`;
  return text.replace(foreign, '_').slice(0, longest - end.length) + end;
}

/** A call's id as Converse takes it; the same for the call and for its result. */
export const writeCallId = (id: string): string => (callId.test(id) ? id : shortened(id, /[^A-Za-z0-9_.:-]/g));

/** Tool names of one request: what is written upstream, and what it was before. */
export class ToolNames {
  readonly #written = new Map<string, string>();
  readonly #original = new Map<string, string>();

  constructor({ tools = [], messages }: Pick<ChatRequest, 'tools' | 'messages'>) {
    const names = new Set<string>();
    for (const tool of tools) if ('name' in tool) names.add(tool.name);
    for (const { toolCalls = [] } of messages) for (const { name } of toolCalls) names.add(name);
    for (const name of names) if (!toolName.test(name)) this.#rename(name, names);
  }

  #rename(name: string, taken: ReadonlySet<string>): void {
    let written = shortened(name, /[^A-Za-z0-9_-]/g);
    while (taken.has(written) || this.#original.has(written)) written = shortened(`${written}+`, /[^A-Za-z0-9_-]/g);
    this.#written.set(name, written);
    this.#original.set(written, name);
  }

  write(name: string): string {
    return this.#written.get(name) ?? (toolName.test(name) ? name : shortened(name, /[^A-Za-z0-9_-]/g));
  }

  read(name: string): string {
    return this.#original.get(name) ?? name;
  }
}

/** Names of the documents of one request: allowed characters only, single spaces, none twice. */
export class DocumentNames {
  readonly #taken = new Set<string>();

  next(wanted: string | undefined): string {
    const plain = (wanted ?? '')
      .replace(/\.[A-Za-z0-9]{1,5}$/, '')
      .replace(/[^A-Za-z0-9\s()[\]-]+/g, '-')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, 190);
    const base = plain === '' ? 'document' : plain;
    let name = base;
    for (let count = 2; this.#taken.has(name); count++) name = `${base} ${count}`;
    this.#taken.add(name);
    return name;
  }
}
