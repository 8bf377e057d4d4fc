/** A vendor with a dialect of its own, at the socket, and the provider plugin nobody vouches for that speaks it. */
import type { VendorExchange, VendorHandler } from '../support/index.ts';
import type { Attack } from './hostile.ts';

export interface AcmeVendorOptions {
  readonly reply?: string;
  /** Called between two pieces of a stream. */
  readonly between?: (index: number) => Promise<void>;
}

/** Answers `POST /v2/converse` and `POST /v2/embed`; its errors repeat the key they were sent, as some vendors' do. */
export function acmeVendor({ reply = 'acme says hello to you', between }: AcmeVendorOptions = {}): VendorHandler {
  return async ({ request, response }: VendorExchange) => {
    const json = request.json ?? {};
    const said = JSON.stringify(json);
    const key = String(request.headers['x-acme-key']);
    if (said.includes('quota')) {
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ problem: `quota of key ${key} is spent` }));
      return;
    }
    if (request.path.startsWith('/v2/embed')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ rows: (json.inputs as string[]).map((text) => [text.length, 1]), in: 3 }));
      return;
    }
    const counts = { in: 12, cached: 2, out: 5 };
    if (json.stream !== true) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ text: `${reply} (${key})`, reason: 'done', usage: counts }));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [index, piece] of reply.split(/(?<= )/).entries()) {
      await between?.(index);
      response.write(`event: piece\ndata: ${JSON.stringify({ text: piece })}\n\n`);
    }
    response.end(`event: close\ndata: ${JSON.stringify({ reason: 'done', usage: counts, key })}\n\n`);
  };
}

export interface AcmeParts {
  readonly top?: string;
  readonly setup?: string;
  readonly provider?: string;
  readonly request?: string;
  readonly reply?: string;
  readonly events?: string;
  readonly failure?: string;
  readonly manifest?: Readonly<Record<string, unknown>>;
}

const usage = '{ input: body.usage.in - body.usage.cached, cachedInput: body.usage.cached, output: body.usage.out }';

const right = {
  top: '',
  setup: '',
  provider: "origin: 'https://acme.example', auth: { scheme: 'header', header: 'x-acme-key' },",
  request: `return { path: '/v2/converse', headers: { 'x-acme-version': '2' }, body: {
    model: input.model, turns: input.messages, reply_limit: input.maxOutputTokens ?? 100, stream: input.stream } };`,
  reply: `return { text: body.text, end: 'stop', usage: ${usage} };`,
  events: `let seen = 0;
    return ({ event, data }) => {
      const body = JSON.parse(data);
      seen += 1;
      if (event === 'piece') return [{ type: 'text-delta', text: body.text }];
      if (event !== 'close') return [];
      return [{ type: 'text-delta', text: '[' + seen + (data.includes('canary') ? ' saw a key' : '') + ']' },
        { type: 'usage', ...${usage} }, { type: 'end', reason: 'stop' }];
    };`,
  failure: "return status === 403 && body.includes('quota') ? 'ERR_PROVIDER_QUOTA' : undefined;",
};

/** The right plugin, or one whose parts are replaced. Its models begin with its name. */
export function acmeProvider(name: string, parts: AcmeParts = {}): Attack {
  const { top, setup, provider, request, reply, events, failure } = { ...right, ...parts };
  return {
    name,
    outcome: 'decides',
    manifest: { kind: 'provider', needs: ['text'], claims: { modelPrefixes: [name] }, ...parts.manifest },
    files: {
      'index.js': `import { definePlugin, RutterError } from '@rutter/plugin-sdk';
${top}
export default definePlugin({ kind: 'provider', setup(host) {
  ${setup}
  return { ${provider}
    chat: { framing: 'sse',
      request(input) { ${request} },
      reply(body, context) { ${reply} },
      events(context) { ${events} },
    },
    embeddings: {
      request: (input) => ({ path: '/v2/embed', body: { inputs: input.input } }),
      reply: (body) => ({ vectors: body.rows, usage: { input: body.in, output: 0 } }),
    },
    failure(status, body, headers) { ${failure} },
  };
} });
`,
    },
  };
}
