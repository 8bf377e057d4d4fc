import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { endAfterFile, openAiClient, root, until } from '../support/index.ts';
import { blockWith, readmeBlocks } from './readme.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

describe("the README's first commands", () => {
  it('bring an empty folder to a gateway that answers the official SDK, and end when they are told to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rutter-clone-'));
    endAfterFile(() => rm(folder, { recursive: true, force: true }));
    await promisify(execFile)('git', ['clone', '-q', root, folder]);
    const port = await freePort();
    const commands = blockWith(await readmeBlocks(), 'sh', 'npm ci')
      .trim()
      .split('\n')
      .join(' && ');
    // Package managers need the caller's own settings; vendors' keys are not to be found.
    const { OPENAI_API_KEY: _, ANTHROPIC_API_KEY: __, RUTTER_MASTER_KEY: ___, ...env } = process.env;
    const child = spawn('sh', ['-c', commands], { cwd: folder, detached: true, env: { ...env, PORT: String(port) } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    const ended = once(child, 'close');
    endAfterFile(async () => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), 'SIGKILL');
    });

    await until('the gateway to listen', () => said.includes('Rutter is listening on'), 170_000).catch((error) => {
      throw new Error(`${error.message} It said:\n${said}`);
    });
    expect(said).toContain('only this machine can reach it');
    const client = openAiClient({ url: `http://127.0.0.1:${port}` });
    const reply = await client.chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    expect(reply.choices[0]?.message.content).toContain('Hello');

    // As Ctrl-C in a terminal does: to the whole group.
    process.kill(-(child.pid as number), 'SIGINT');
    await ended;
    expect(said).not.toContain('did not stop as it should');
  }, 200_000);
});
