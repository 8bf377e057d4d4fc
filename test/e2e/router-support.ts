/** What the tests of routing share: vendors that say who they are, and one way to ask. */
import {
  type Gateway,
  type OpenAiVendorOptions,
  openAiVendor,
  startVendor,
  streamedText,
  type Vendor,
} from '../support/index.ts';

/** A vendor that answers with its own name until it is told otherwise. */
export interface Seat extends Vendor {
  readonly name: string;
  /** Answers so from the next request on. */
  plays(options: OpenAiVendorOptions): void;
  /** Requests so far. */
  calls(): number;
}

export async function fleet<Name extends string>(...names: readonly Name[]): Promise<Record<Name, Seat>> {
  const seats = await Promise.all(names.map(seat));
  return Object.fromEntries(seats.map((one) => [one.name, one])) as Record<Name, Seat>;
}

async function seat(name: string): Promise<Seat> {
  const vendor = await startVendor(openAiVendor({ reply: name }));
  return {
    ...vendor,
    name,
    plays: (options) => vendor.use(openAiVendor({ reply: name, ...options })),
    calls: () => vendor.requests.length,
  };
}

export interface Asking {
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** From the request to the last byte of the reply, in milliseconds. */
  readonly ms: number;
  /** The text of the reply, of a stream too. */
  readonly said: string | undefined;
  /** The name of the model that the reply shows. */
  readonly model: string | undefined;
  readonly error: { readonly message: string; readonly code: string; readonly param: string | null } | undefined;
}

interface Reply {
  readonly model?: string;
  readonly choices?: readonly { readonly message?: { readonly content?: string } }[];
  readonly error?: Answer['error'];
}

/** One chat request, as any HTTP client would send it. */
export async function ask(gateway: Pick<Gateway, 'url'>, model: string, asking: Asking = {}): Promise<Answer> {
  const startedAt = performance.now();
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asking.headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], ...asking.body }),
    ...(asking.signal ? { signal: asking.signal } : {}),
  });
  const text = await response.text();
  const ms = performance.now() - startedAt;
  const isStream = response.headers.get('content-type')?.includes('event-stream') === true;
  const reply = isStream ? {} : (JSON.parse(text) as Reply);
  return {
    status: response.status,
    headers: response.headers,
    text,
    ms,
    said: isStream ? streamedText(text) : reply.choices?.[0]?.message?.content,
    model: isStream ? /"model":"([^"]*)"/.exec(text)?.[1] : reply.model,
    error: reply.error,
  };
}

/** Reads a stream until it has brought a text, then leaves. Resolves with the moment of leaving. */
export async function leave(
  gateway: Pick<Gateway, 'url'>,
  model: string,
  { after, id }: { after: string; id: string },
) {
  const controller = new AbortController();
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'tell me a story' }] }),
    signal: controller.signal,
  });
  let text = '';
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString();
    if (text.includes(after)) break;
  }
  if (!text.includes(after)) throw new Error(`The stream ended without ${JSON.stringify(after)}: ${text}`);
  const leftAt = performance.now();
  controller.abort();
  return leftAt;
}

/** As many answers, a few at a time. */
export async function askOften(gateway: Pick<Gateway, 'url'>, model: string, count: number, asking: Asking = {}) {
  const answers: Answer[] = [];
  let left = count;
  const one = async () => {
    while (left-- > 0) answers.push(await ask(gateway, model, asking));
  };
  await Promise.all(Array.from({ length: Math.min(count, 16) }, one));
  return answers;
}

/** How often each answer came. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { said, status } of answers) counts[said ?? status] = (counts[said ?? status] ?? 0) + 1;
  return counts;
}

/** One event of a vendor's chat stream. */
export const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** Milliseconds between one request of a vendor and the next. */
export const gaps = (vendor: Pick<Vendor, 'requests'>): readonly number[] =>
  vendor.requests.slice(1).map(({ at }, index) => at - (vendor.requests[index]?.at ?? at));

/** How late a timer may be on a machine that others use too. */
export const latenessMs = 1250;
