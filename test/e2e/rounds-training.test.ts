/** What `rutter train` makes for strategies that call models: chats to fine-tune with, by the command a user types. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../support/index.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'rutter-rounds-'));
afterAll(() => rm(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const environment = { ...process.env, RUTTER_DATA: at('data'), LITELLM_CONFIG_PATH: at('lab.yaml') };
const command = (...args: readonly string[]) =>
  run(process.execPath, [join(root, 'core/cli/rutter.mjs'), ...args], { env: environment, cwd: folder });
const lines = async (name: string) =>
  (await readFile(at(name), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { messages: { role: string; content: string }[] });
const jsonl = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n');

await writeFile(at('lab.yaml'), 'model_list:\n  - {model_name: m, litellm_params: {model: simulated/m}}\n');

/** Three questions: one only the strong model answers, one both do, one nobody. */
const scores = [
  ['who', 0, 1],
  ['when', 1, 1],
  ['why', 0, 0],
] as const;
const outcomes = scores.flatMap(([query, weak, strong]) => [
  {
    query_id: query,
    query: `${query}?`,
    model: 'weak-1',
    performance: weak,
    cost: 0.001,
    response: `weak ${query}`,
    ground_truth: `true ${query}`,
  },
  {
    query_id: query,
    query: `${query}?`,
    model: 'strong-1',
    performance: strong,
    cost: 0.01,
    response: `strong </answer>${query}`,
  },
]);

describe('rutter train llmrouter-causallm', () => {
  it('exports a chat a question: the prompt that is served, and the label of the best model, of equals the cheapest', async () => {
    await writeFile(at('outcomes.jsonl'), jsonl(outcomes));
    const { stdout } = await command(
      'train',
      'llmrouter-causallm',
      '--data',
      'outcomes.jsonl',
      '--out',
      'labels.jsonl',
    );
    expect(stdout).toContain('2 chats, 1 questions left out');
    expect(stdout).toContain('labels: {"A":"strong-1","B":"weak-1"}');
    const chats = await lines('labels.jsonl');
    expect(chats.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ['system', 'user', 'assistant'],
      ['system', 'user', 'assistant'],
    ]);
    expect(chats.map(({ messages }) => messages.at(-1)?.content)).toEqual(['A', 'B']);
    expect(chats[0]?.messages[0]?.content).toContain('A: strong-1\nB: weak-1');
    expect(chats[0]?.messages[1]?.content).toContain('who?');
  });

  it('refuses outcomes from which nothing can be learnt', async () => {
    await writeFile(at('hopeless.jsonl'), jsonl(outcomes.slice(4)));
    await expect(
      command('train', 'llmrouter-causallm', '--data', 'hopeless.jsonl', '--out', 'none.jsonl'),
    ).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('found no question that a model answered well'),
    });
  });
});

describe('rutter train llmrouter-r1', () => {
  it('exports conversations that ask the best model and answer with the truth', async () => {
    await writeFile(at('outcomes.jsonl'), jsonl(outcomes));
    await command('train', 'llmrouter-r1', '--data', 'outcomes.jsonl', '--out', 'turns.jsonl');
    const chats = await lines('turns.jsonl');
    expect(chats).toHaveLength(2);
    const [who, when] = chats.map(({ messages }) => messages.map(({ content }) => content)) as [string[], string[]];
    expect(who[0]).toContain('- weak-1\n- strong-1\nQuestion: who?');
    expect(who[1]).toContain('<search>strong-1: who?</search>');
    expect(who[2]).toBe('<information>strong who</information>');
    expect(who[3]).toContain('<answer>strong who</answer>');
    expect(when[1]).toContain('<search>weak-1: when?</search>');
    expect(when[3]).toContain('<answer>true when</answer>');
  });

  it('wants to know what models said', async () => {
    await writeFile(at('bare.jsonl'), jsonl(outcomes.map(({ response: _, ...row }) => row)));
    await expect(command('train', 'llmrouter-r1', '--data', 'bare.jsonl', '--out', 'x.jsonl')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('The outcomes have no "response"'),
    });
  });
});
