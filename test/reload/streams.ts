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
}

export function openStreams({ url }: { readonly url: string }, count: number, model = 'house'): OpenStreams {
  const streams = Array.from({ length: count }, () => openStream(url, model));
  return {
    begun: Promise.all(streams.map(({ begun }) => begun)),
    ended: Promise.all(streams.map(({ ended }) => ended)),
  };
}

function openStream(url: string, model: string) {
  const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
  const ended = read(url, model, resolve);
  ended.then(({ error, body }) => reject(new Error(`A stream ended before it had begun: ${error} ${body}`)));
  // Whoever waits for the beginning hears of it; nobody need wait.
  begun.catch(() => {});
  return { begun, ended };
}

async function read(url: string, model: string, onContent: () => void): Promise<StreamEnd> {
  let body = '';
  let id = '';
  let error: string | undefined;
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
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
