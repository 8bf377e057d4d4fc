/** Stream guards of the sandbox in a live gateway: what they pass goes out at once, and they can forge nothing by it. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  openAiDeployment,
  startGateway,
  startVendor,
  until,
  type Vendor,
  type VendorHandler,
} from '../support/index.ts';
import { writeFolders } from './arena.ts';
import type { Attack } from './hostile.ts';
import { brokenWatchers } from './hostile-kinds.ts';

const guard = (name: string, watcher: string): Attack => ({
  name,
  outcome: 'decides',
  manifest: { kind: 'guard', needs: ['text'] },
  files: {
    'index.js': `import { definePlugin, RutterError } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'guard', setup(host) { return { events(context) { ${watcher} } }; } });\n`,
  },
});

/** Replaces `secret-word`, also where it is cut, and holds back no more than its beginning might be. */
const masking = `const word = 'secret-word';
  let text = '';
  let held = 0;
  const pass = (isLast) => {
    text = text.replaceAll(word, '***');
    let keep = isLast ? 0 : Math.min(word.length - 1, text.length);
    while (keep > 0 && !word.startsWith(text.slice(-keep))) keep -= 1;
    const out = text.slice(0, text.length - keep);
    text = keep === 0 ? '' : text.slice(-keep);
    held = text.length;
    return out === '' ? [] : [{ type: 'text-delta', text: out }];
  };
  return { holdBack: word.length - 1, get held() { return held; },
    push: (event) => { if (event.type === 'text-delta') { text += event.text; return pass(false); } return event.type === 'end' ? [...pass(true), event] : [event]; },
    end: () => [] };`;

const chunk = (delta: object, finish: string | null = null) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const usage = { prompt_tokens: 5, completion_tokens: 6, total_tokens: 11 };

/** Streams the pieces; `gate` is waited for ahead of the last. */
const streaming =
  (pieces: readonly string[], gate: Promise<unknown> = Promise.resolve()): VendorHandler =>
  async ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (value: object | string) =>
      response.write(`data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`);
    for (const [index, content] of pieces.entries()) {
      if (index === pieces.length - 1) await gate;
      send(chunk({ content }));
    }
    send(chunk({}, 'stop'));
    send({ ...chunk({}), choices: [], usage });
    send('[DONE]');
    response.end();
  };

const deadlineMs = 500;

async function open(vendor: Vendor, watcher: string, groups: readonly string[] = ['house']) {
  const root = await writeFolders([guard('watcher', watcher)]);
  const gateway = await startGateway({
    config: {
      model_list: groups.map((group) => openAiDeployment(group, vendor)),
      router_settings: { num_retries: 0 },
      plugins: [{ use: join(root, 'watcher'), grants: { text: true }, timeout: deadlineMs / 1000 }],
    },
    startMs: 60_000,
  });
  const post = (path: string, body: object) =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const rest = { stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'x' }] };
  return {
    ask: (model = 'house') => post('/v1/chat/completions', { model, ...rest }),
    release: () => post('/admin/plugins/watcher/release', {}),
    status: async () => {
      const { plugins } = (await (await fetch(`${gateway.url}/admin/plugins`)).json()) as {
        plugins: { name: string; sandbox?: { falls: number; state: string } }[];
      };
      return plugins.find(({ name }) => name === 'watcher')?.sandbox;
    },
  };
}

const contentOf = (text: string) =>
  [...text.matchAll(/"content":"((?:[^"\\]|\\.)*)"/g)].map(([, piece]) => piece).join('');

it('what a stream guard of the sandbox has passed is with the client before the vendor has ended', async () => {
  const gate = Promise.withResolvers<void>();
  const vendor = await startVendor(streaming(['one sec', 'ret-word two ', 'secret-', 'word three'], gate.promise));
  const { ask, status } = await open(vendor, masking);
  const reader = ((await ask()).body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes('two')) text += decoder.decode((await reader.read()).value, { stream: true });
  expect(contentOf(text)).toBe('one *** two ');
  gate.resolve();
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value);
  expect(contentOf(text)).toBe('one *** two *** three');
  expect(text).toContain('"completion_tokens":6');
  expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  expect((await status())?.falls).toBe(0);
});

it('a stream guard of the sandbox that refuses ends the stream with its error, and nothing after it', async () => {
  const vendor = await startVendor(streaming(['fine ', 'poison', ' more']));
  const { ask, status } = await open(
    vendor,
    `return { holdBack: 0, end: () => [], push(event) {
      if (event.text === 'poison') throw new RutterError('ERR_REQUEST_REFUSED', 'Not that.');
      return [event]; } };`,
  );
  const text = await (await ask()).text();
  expect(contentOf(text)).toBe('fine ');
  expect(text).toContain('Not that.');
  expect(text).not.toMatch(/poison|more|\[DONE\]/);
  expect((await status())?.falls).toBe(0);
});

it('a stream guard of the sandbox that breaks the contract ends its stream in time, and nothing passes by it', async () => {
  const vendor = await startVendor(streaming(['harmless-1 ', 'harmless-2 ', 'harmless-3']));
  // One plugin with all the ways to go wrong, each for a model group of its own.
  const ways = brokenWatchers.map(([title, watcher]) => `${JSON.stringify(title)}() { ${watcher} }`);
  const groups = brokenWatchers.map(([title]) => title);
  const { ask, status, release } = await open(vendor, `return ({ ${ways.join(',\n')} })[context.group]();`, groups);
  for (const title of groups) {
    await until('the guard to be up', async () => (await status())?.state === 'running', 15_000);
    const before = (await status())?.falls ?? 0;
    const startedAt = performance.now();
    const text = await (await ask(title)).text();
    expect(performance.now() - startedAt, title).toBeLessThan(5 * (deadlineMs + 200));
    expect(text, title).not.toMatch(/\[DONE\]|forged/);
    expect(text, title).toContain('"rutter_code":"ERR_PLUGIN_');
    // Only one that breaks off at the end has let words pass, as it may.
    if (title !== 'it keeps the end') expect(contentOf(text), title).not.toContain('harmless-2');
    // What it holds back is counted by the kernel, whichever place it runs in.
    if (!title.startsWith('it holds back')) expect((await status())?.falls, title).toBeGreaterThan(before);
    await release();
  }
});
