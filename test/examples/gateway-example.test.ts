/** The plain gateway of the examples: its file, its curl and its program run as they are written. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root, startGateway } from '../support/index.ts';

const folder = join(root, 'examples/gateway');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const gateway = await startGateway({ config: readFileSync(join(folder, 'config.yaml'), 'utf8') });

it('answers the curl of its README', () => {
  const command = /```sh\n(curl .*?)```/s.exec(readme)?.[1]?.replace('http://localhost:4000', gateway.url) ?? '';
  expect(execFileSync('sh', ['-c', command.replace('curl', 'curl -sS')], { encoding: 'utf8' })).toContain('Hello');
});

it('answers the program', () => {
  const line = /`node (examples\/gateway\/ask\.mjs) echo "Hello"`/.exec(readme)?.[1] ?? '';
  const out = execFileSync(process.execPath, [join(root, line), 'echo', 'Hello'], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, RUTTER_BASE_URL: `${gateway.url}/v1` },
  });
  expect(out).toContain('Hello');
});

it('falls back to what needs no key', async () => {
  const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'clever', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('x-litellm-model-group')).toBe('echo');
});
