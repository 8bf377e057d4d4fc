/** Untrusted plugins that do their work: what they are given, and what comes of it. */
import { describe, expect, it } from 'vitest';
import { plugins } from '../reload/admin.ts';
import { openAiDeployment, openAiVendor, startGateway, startVendor } from '../support/index.ts';

const strategy = (name: string, body: string, more: object = {}) => ({
  [`${name}/package.json`]: JSON.stringify({
    name,
    version: '1.0.0',
    rutter: { api: 1, kind: 'strategy', name, entry: 'index.js', ...more },
  }),
  [`${name}/index.js`]: `import { definePlugin } from '@rutter/plugin-sdk';
export default definePlugin({ kind: 'strategy', setup(host) { ${body} } });
`,
});

const ask = async (url: string) => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'house', messages: [{ role: 'user', content: 'hello' }] }),
  });
  return { status: response.status, route: response.headers.get('x-rutter-route') ?? '', body: await response.text() };
};

describe('an untrusted folder with a strategy', () => {
  it('decides from the sandbox', async () => {
    const [one, two] = await Promise.all([
      startVendor(openAiVendor({ reply: 'one' })),
      startVendor(openAiVendor({ reply: 'two' })),
    ]);
    const gateway = await startGateway({
      config: {
        model_list: [openAiDeployment('house', one), openAiDeployment('house', two)],
        plugins: [{ use: './backwards' }],
      },
      files: strategy('backwards', 'return { select: (_context, candidates) => [...candidates].reverse() };'),
    });
    for (let turn = 0; turn < 5; turn += 1) {
      const answer = await ask(gateway.url);
      expect(answer.body).toContain('two');
      expect(answer.route).toContain('chosen by backwards');
    }
    const row = (await plugins(gateway)).plugins.find(({ name }) => name === 'backwards');
    expect(row).toMatchObject({
      place: 'sandbox',
      state: 'running',
      sandbox: { state: 'running', falls: 0, restarts: 0 },
    });
  });
});
