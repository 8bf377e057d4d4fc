/** Streams that are held open over whatever a test does meanwhile. */
import { streamedText } from '../support/index.ts';

interface StreamEnd {
  readonly id: string;
  readonly text: string;
  /** All that was sent. */
  readonly body: string;
  /** Whether it ended as a stream ends. */
  readonly isComplete: boolean;
  /** Why the connection broke, if it did. */
  readonly error: string | undefined;
}

export interface OpenStreams {
  /** Resolves when each has had its first content. */
  readonly begun: Promise<unknown>;
  readonly ended: Promise<readonly StreamEnd[]>;
  /** Closes the connections of all. */
  leave(): void;
}

export function openStreams({ url }: { readonly url: string }, count: number, model = 'house'): OpenStreams {
  const leaving = new AbortController();
  const streams = Array.from({ length: count }, () => openStream({ url, model, signal: leaving.signal }));
  return {
    leave: () => leaving.abort(),
    begun: Promise.all(streams.map(({ begun }) => begun)),
    ended: Promise.all(streams.map(({ ended }) => ended)),
  };
}

interface Ask {
  readonly url: string;
  readonly model: string;
  readonly signal: AbortSignal;
}

function openStream(asked: Ask) {
  const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
  const ended = read(asked, resolve);
  ended.then(({ error, body }) => reject(new Error(`A stream ended before it had begun: ${error} ${body}`)));
  // Whoever waits for the beginning hears of it; nobody need wait.
  begun.catch(() => {});
  return { begun, ended };
}

async function read({ url, model, signal }: Ask, onContent: () => void): Promise<StreamEnd> {
  let body = '';
  let id = '';
  let error: string | undefined;
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      signal,
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hello' }] }),
    });
    id = response.headers.get('x-request-id') ?? '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      body += decoder.decode(chunk, { stream: true });
      if (body.includes('"content":"w')) onContent();
    }
  } catch (thrown) {
    error = String((thrown as Error).cause ?? thrown);
  }
  const isComplete = error === undefined && body.endsWith('data: [DONE]\n\n');
  return { id, body, text: isComplete ? streamedText(body) : '', isComplete, error };
}
