/** A running gateway that is given broken configurations and must not mind. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Gateway, openAiDeployment, openAiVendor, startGateway, startVendor } from '../support/index.ts';
import { ask, postReload } from './admin.ts';
import type { Broken } from './broken-files.ts';
import { type Load, startLoad } from './load.ts';

const text = 'a fine day';

/** Where a fault is said to stand. */
export function placeOf({ at }: Broken): { readonly file: string; readonly line: number } {
  if (typeof at === 'number') return { file: 'config.yaml', line: at };
  const [file = '', line] = at.split(':');
  return { file, line: Number(line) };
}

/** Puts the files of a case beside the configuration, which is replaced last and in one step. */
async function write(folder: string, { config, files = {} }: Broken): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const file = join(folder, 'config.yaml');
  if (config === undefined) return rm(file);
  await writeFile(`${file}.new`, config);
  await rename(`${file}.new`, file);
}

/** One test for each case, all on one gateway that never stops serving. */
export function itRefuses(cases: readonly Broken[], config: object = {}): void {
  let gateway: Gateway;
  let load: Load;

  beforeAll(async () => {
    const vendor = await startVendor(openAiVendor({ reply: text, delays: { headMs: 100, betweenMs: 30 } }));
    gateway = await startGateway({ config: { ...config, model_list: [openAiDeployment('house', vendor)] } });
    load = startLoad({ url: gateway.url, model: 'house', concurrency: 4, text });
  });
  afterAll(() => gateway?.stop());

  it.each(cases)('refuses $title, says why and where, and serves on', async (broken) => {
    await write(gateway.folder, broken);
    const answer = await postReload(gateway);
    expect(answer).toMatchObject({ httpStatus: 409, status: 'refused', generation: 1, started: [] });
    const { file, line } = placeOf(broken);
    const reasons = answer.reasons.filter((reason) => reason.startsWith(`${join(gateway.folder, file)}:${line}:`));
    expect(reasons.join('\n'), answer.reasons.join('\n')).toContain(broken.reason);
    for (const part of broken.also ?? []) expect(reasons.join('\n')).toContain(part);
    const isTold = (entry: Readonly<Record<string, unknown>>) =>
      entry.level === 50 &&
      entry.name === 'reload' &&
      entry.file === join(gateway.folder, file) &&
      entry.line === line &&
      String(entry.msg).includes(broken.reason);
    await gateway.waitForLog((entry) => isTold(entry) || isTold({ ...entry, msg: JSON.stringify(entry) }));
    expect(await ask(gateway)).toEqual({ status: 200, text });
  });

  it('has not failed one request through all of that', async () => {
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.answered).toBeGreaterThan(cases.length);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });
}
