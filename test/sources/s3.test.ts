/** Plugins from a bucket, on a server of S3 that nobody here wrote: from an author's folder to a gateway that runs. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeys } from '@rutter/plugin-sdk/pack';
import { assertConforms, checkSource } from '@rutter/plugin-sdk/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import plugin from '../../plugins/source-s3/index.ts';
import { ask, getJson, postReload } from '../reload/admin.ts';
import { type Keys, type PackOptions, packedFiles, wordSource } from '../reload/signed.ts';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  root,
  startGateway,
  startRefused,
  startVendor,
  until,
} from '../support/index.ts';
import { type Rgw, rgwMissing, startRgw } from '../support/rgw.ts';
import { Bench, command, startDev } from './bench.ts';

const bucket = 'plugins';
const ours = generateKeys();

describe.skipIf(rgwMissing !== undefined)(
  `a bucket${rgwMissing === undefined ? '' : ` (skipped: ${rgwMissing})`}`,
  () => {
    let server: Rgw;
    let folder: string;
    let models: object;
    let gateway: Gateway | undefined;
    let bench: Bench;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rutter-s3-'));
      server = await startRgw();
      await server.createBucket(bucket);
      bench = new Bench(server, bucket);
      models = { model_list: [openAiDeployment('house', await startVendor(openAiVendor({ reply: 'a fine day' })))] };
    }, 180_000);
    afterEach(async () => {
      await server?.resume();
      await gateway?.stop();
      gateway = undefined;
    });
    afterAll(async () => {
      await bench?.close();
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    /** The command of an author at a terminal. */
    const author = (...args: string[]) => {
      const env = { AWS_ACCESS_KEY_ID: server.keyId, AWS_SECRET_ACCESS_KEY: server.secret };
      return command('rutter-plugin', args, { cwd: folder, env });
    };

    async function publish(prefix: string, what: PackOptions, ...keys: readonly Keys[]) {
      const packed = await mkdtemp(join(folder, 'packed-'));
      for (const [name, text] of Object.entries(await packedFiles(what, ...keys)))
        await writeFile(join(packed, name), text);
      return author('publish', packed, '--to', `s3://${bucket}/${prefix}/`, '--endpoint', server.endpoint);
    }

    const configuration = (
      use: string,
      { source = {}, ...more }: Readonly<Record<string, unknown>> & { source?: object } = {},
    ) => ({
      ...models,
      plugins: [
        { use: 'source-s3', config: { ...bench.options, timeout_ms: 1500, ...source } },
        { use, as: 'word' },
      ],
      plugin_trust: { trusted: [{ key: ours.publicKey }] },
      general_settings: { source_poll_interval: '1s' },
      ...more,
    });
    const word = async () => (await getJson<{ word: string }>(gateway as Gateway, '/word')).word;
    const wordIs = (text: string) =>
      until(`the word ${text}`, async () => (await word().catch(() => '')) === text, 15_000);

    it('holds to all that a source must, by signed requests', async () => {
      assertConforms(
        await checkSource(plugin, {
          config: { ...bench.options, bucket },
          prefix: 'kit/',
          checkTimeoutMs: 60_000,
          host: { fetch: bench.fetch },
        }),
      );
    }, 120_000);

    it('tells a wrong secret, a missing bucket and a key that leads out, each by its code and without the secret', async () => {
      const wrong = 'not-the-secret-at-all';
      const refused = await bench
        .sourceWith({ secret_access_key: wrong })
        .get('a')
        .catch((error: Error) => error);
      expect(refused).toMatchObject({
        code: 'ERR_PROVIDER_AUTHENTICATION',
        message: expect.stringContaining('403 SignatureDoesNotMatch'),
      });
      expect(JSON.stringify(refused) + String(refused)).not.toContain(wrong);
      await expect(bench.sourceWith({ bucket: 'nowhere' }).get('a')).rejects.toThrow('404 NoSuchBucket');
      await expect(bench.sourceWith().put('../out', new Uint8Array())).rejects.toThrow('no way out');
    });

    it('brings a plugin from an author’s folder to a gateway that runs, and each new version within its poll interval', async () => {
      await mkdir(join(folder, 'word'), { recursive: true });
      const write = async (version: string, text: string) => {
        const rutter = { api: 1, kind: 'observer', name: 'word', entry: 'index.ts' };
        await writeFile(
          join(folder, 'word', 'package.json'),
          JSON.stringify({ name: 'word', version, type: 'module', rutter }),
        );
        await writeFile(join(folder, 'word', 'index.ts'), wordSource(text));
      };
      const to = ['--to', `s3://${bucket}/journey`, '--endpoint', server.endpoint];
      const release = async (version: string, text: string) => {
        await write(version, text);
        expect(await author('pack', 'word')).toMatchObject({ code: 0 });
        expect(await author('sign', 'word/dist', '--key', 'me.pem')).toMatchObject({ code: 0 });
        return author('publish', 'word/dist', ...to);
      };
      const made = await author('keygen', 'me.pem');
      const publicKey = made.stdout.split('\n')[1] as string;
      const first = await release('1.2.0', 'first');
      expect(first).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`use: s3://${bucket}/journey/word@^1.2.0`),
      });
      const plugin_trust = { trusted: [{ key: publicKey }], signatures: 'required' };
      gateway = await startGateway({ config: configuration(`s3://${bucket}/journey/word@^1.2`, { plugin_trust }) });
      expect(await word()).toBe('first');
      expect(await release('1.3.0', 'second')).toMatchObject({ code: 0 });
      await wordIs('second');
      // Outside the range it changes nothing, and the same again is no change.
      expect(await release('2.0.0', 'third')).toMatchObject({ code: 0 });
      expect((await author('publish', 'word/dist', ...to)).stdout).toContain('was published already');
      expect(await postReload(gateway)).toMatchObject({ status: 'unchanged' });
      expect(await word()).toBe('second');
      // What is published does not change.
      await write('2.0.0', 'other');
      await author('pack', 'word');
      expect(await author('publish', 'word/dist', ...to)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('is published already, with other files'),
      });
      // A version is pinned by naming it.
      await gateway.writeConfig(configuration(`s3://${bucket}/journey/word@1.2.0`, { plugin_trust }));
      await wordIs('first');
      const { folder: home } = gateway;
      // Written behind the swap, which waits for no disk.
      await until('the lock file to say what runs', async () => {
        const text = await readFile(join(home, 'data', 'plugins.lock.json'), 'utf8');
        const { plugins } = JSON.parse(text) as { plugins: Record<string, { version: string }> };
        return plugins[`s3://${bucket}/journey/word@1.2.0`]?.version === '1.2.0';
      });
      const back = await fetch(`${gateway.url}/admin/rollback`, { method: 'POST' });
      expect(back.status).toBe(200);
      expect(await word()).toBe('second');
      expect(gateway.output()).not.toContain(server.secret);
    }, 120_000);

    it('is where a plugin gets from create, edit, dev and check by pack, sign and publish into a gateway that runs', async () => {
      expect(await author('create', 'strategy', 'back-to-front')).toMatchObject({ code: 0 });
      const source = join(folder, 'back-to-front', 'index.ts');
      const edit = (body: string) =>
        writeFile(
          source,
          `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({\n  kind: 'strategy',\n  setup: () => ({ select: (_context, candidates) => ${body} }),\n});\n`,
        );
      await rm(join(folder, 'back-to-front', 'index.test.ts'));
      await edit('[...candidates].reverse()');
      const dev = startDev('back-to-front', folder);
      await until('dev to serve', () => /STARTED/.test(dev.output()), 60_000);
      await edit('candidates');
      await until('dev to take up what was saved', () => /RELOADED/.test(dev.output()), 60_000);
      await dev.stop();
      const checked = await author('check', 'back-to-front');
      expect(checked, checked.stdout).toMatchObject({ code: 0 });
      const made = await author('keygen', 'author.pem');
      const key = made.stdout.split('\n')[1] as string;
      const to = ['--to', `s3://${bucket}/author`, '--endpoint', server.endpoint];
      const release = async (version: string) => {
        const file = join(folder, 'back-to-front', 'package.json');
        await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), version }));
        expect(await author('pack', 'back-to-front')).toMatchObject({ code: 0 });
        expect(await author('sign', 'back-to-front/dist', '--key', 'author.pem')).toMatchObject({ code: 0 });
        expect(await author('publish', 'back-to-front/dist', ...to)).toMatchObject({ code: 0 });
      };
      await release('1.0.0');
      const plugin_trust = { trusted: [{ key }], signatures: 'required' };
      const { plugins, ...rest } = configuration(`s3://${bucket}/author/back-to-front@^1.0`, { plugin_trust });
      const simulated = (id: string) => ({
        model_name: 'echo',
        litellm_params: { model: `simulated/${id}` },
        model_info: { id },
      });
      const entries = plugins.map((entry) => ('as' in entry ? { use: entry.use } : entry));
      gateway = await startGateway({
        config: { ...rest, model_list: [simulated('one'), simulated('two')], plugins: entries },
      });
      const route = async () => {
        const response = await fetch(`${(gateway as Gateway).url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'x' }] }),
        });
        return response.headers.get('x-rutter-route');
      };
      expect(await route()).toMatch(/simulated\/one .*chosen by back-to-front/);
      await edit('[...candidates].reverse()');
      await release('1.1.0');
      await until(
        'the new version',
        async () => /simulated\/two .*chosen by back-to-front/.test((await route()) ?? ''),
        15_000,
      );
    }, 180_000);

    it('refuses what a stranger has signed, what the index lies about and what is not there, and goes on', async () => {
      expect(await publish('lies', { word: 'good' }, ours)).toMatchObject({ code: 0 });
      gateway = await startGateway({ config: configuration(`s3://${bucket}/lies/word@^1`) });
      const source = bench.sourceWith();
      const read = async () => {
        const found = await source.get('lies/index.json');
        if (typeof found !== 'object') throw new Error('There is no index.');
        return new TextDecoder().decode(found.body);
      };
      const honest = await read();
      const put = (text: string) => source.put('lies/index.json', new TextEncoder().encode(text));
      const digest = /"plugin.cjs": "(\w{64})"/.exec(honest)?.[1] as string;
      const cases: readonly (readonly [string, string])[] = [
        ['{', 'expected {"format": 1'],
        ['{"format": 2, "plugins": {}}', 'expected {"format": 1'],
        ['{"format": 1, "plugins": {}}', 'there is no plugin "word" in the index'],
        [honest.replace('"1.2.0"', '"2.0.0"'), 'no version of "word" lies in ^1'],
        [honest.replace('"1.2.0"', '"newest"'), 'expected a version such as 1.2.3'],
        [honest.replace(digest, '0'.repeat(64)), 'the index names this file, and there is none'],
        [honest.replace(digest, '../../secret'), 'expected 64 hex digits'],
        [honest.replace('plugin.cjs.map', '../../../escape'), 'expected none but plugin.json'],
        [honest.replaceAll('plugin.cjs"', 'plugin.js"'), 'expected "files" with plugin.json and plugin.cjs'],
        [honest.replace('"word"', '"../word"'), 'expected versions of a plugin'],
      ];
      for (const [text, reason] of cases) {
        await put(text);
        const answer = await postReload(gateway);
        expect([answer.status, answer.reasons.join('\n')], reason).toEqual([
          'refused',
          expect.stringContaining(reason),
        ]);
        expect([await word(), (await ask(gateway)).status]).toEqual(['good', 200]);
      }
      // A file that is another than its name says.
      await put(honest);
      const [key] = (await source.list('lies/word/'))
        .map((entry) => entry.key)
        .filter((name) => name.endsWith('plugin.cjs'));
      await source.put(key as string, new TextEncoder().encode('module.exports = 1;'));
      await rm(join(gateway.folder, 'data', 'plugin-store'), { recursive: true });
      expect((await postReload(gateway)).reasons.join()).toContain('as the index says');
      expect(await word()).toBe('good');
      // The same name from a stranger's hand.
      await publish('strange', { word: 'evil' }, generateKeys());
      await gateway.writeConfig(configuration(`s3://${bucket}/strange/word`));
      expect((await postReload(gateway)).reasons.join()).toContain('was signed by key');
      expect(await word()).toBe('good');
    }, 120_000);

    it('goes on while the server is away, starts with what ran last, and takes up what is new when it is back', async () => {
      await publish('away', { word: 'before' }, ours);
      const use = `s3://${bucket}/away/word@^1`;
      const env = { RUTTER_DATA: await mkdtemp(join(folder, 'kept-')) };
      gateway = await startGateway({ config: configuration(use), env });
      await server.pause();
      expect(await postReload(gateway)).toMatchObject({ status: 'unchanged' });
      expect([await word(), (await ask(gateway)).status]).toEqual(['before', 200]);
      await gateway.writeConfig(configuration(use, { router_settings: { num_retries: 7 } }));
      await until(
        'the change',
        async () => (await getJson<{ generation: number }>(gateway as Gateway, '/admin/plugins')).generation === 2,
        15_000,
      );
      await gateway.waitForLog(({ msg }) => String(msg).startsWith('Its source is away, 1.2.0 goes on'));
      // One that never ran cannot be had now.
      await gateway.writeConfig(configuration(`s3://${bucket}/away/other`));
      expect(await postReload(gateway)).toMatchObject({ status: 'refused' });
      expect(await word()).toBe('before');
      // A process that starts now has nothing but its data folder.
      await gateway.stop();
      gateway = await startGateway({ config: configuration(use), env, startMs: 30_000 });
      expect(await word()).toBe('before');
      await server.resume();
      await publish('away', { word: 'after', version: '1.4.0' }, ours);
      await wordIs('after');
    }, 120_000);

    it('keeps a gateway from starting whose secret is wrong, and says so without it', async () => {
      const wrong = 'another-secret-entirely';
      const end = await startRefused({
        config: configuration(`s3://${bucket}/away/word`, { source: { secret_access_key: wrong } }),
      });
      expect(end.code).toBe(1);
      expect(end.output).toContain('403 SignatureDoesNotMatch');
      expect(end.output).toMatch(/config\.yaml:\d+:\d+/);
      expect(end.output).not.toContain(wrong);
    });

    it('runs the example as it is written', async () => {
      const key = generateKeys();
      expect(await publish('example', { word: 'example' }, key)).toMatchObject({ code: 0 });
      const config = await readFile(join(root, 'examples/plugins-from-s3/config.yaml'), 'utf8');
      const env = {
        S3_ENDPOINT: server.endpoint,
        AWS_ACCESS_KEY_ID: server.keyId,
        AWS_SECRET_ACCESS_KEY: server.secret,
        PLUGIN_KEY: key.publicKey,
      };
      gateway = await startGateway({ config, env });
      expect(await word()).toBe('example');
      await publish('example', { word: 'newer', version: '1.2.1' }, key);
      await wordIs('newer');
    }, 60_000);

    it('brings any file that an option names: a map of prices, and each new one', async () => {
      const map = (price: number) => ({
        'openai/gpt-4o-mini': { input_cost_per_token: price, output_cost_per_token: 0.5, mode: 'chat' },
      });
      await bench.put('prices/map.json', map(0.125));
      gateway = await startGateway({
        config: {
          ...models,
          plugins: [{ use: 'source-s3', config: bench.options }],
          general_settings: { source_poll_interval: '1s', model_cost_map_url: `s3://${bucket}/prices/map.json` },
        },
      });
      const price = async () => {
        const { data } = await getJson<{ data: { model_info: { input_cost_per_token: number } }[] }>(
          gateway as Gateway,
          '/model/info',
        );
        return data[0]?.model_info.input_cost_per_token;
      };
      expect(await price()).toBe(0.125);
      await bench.put('prices/map.json', map(0.25));
      await until('the other price', async () => (await price()) === 0.25, 20_000);
    }, 60_000);

    it('lets one of two who publish the same version at once win, and tells the other', async () => {
      const results = await Promise.all(['mine', 'yours'].map((text) => publish('contest', { word: text }, ours)));
      expect(results.map(({ code }) => code).sort()).toEqual([0, 1]);
      expect(results.map(({ stderr }) => stderr).join('')).toContain('is published already, with other files');
      gateway = await startGateway({ config: configuration(`s3://${bucket}/contest/word@1`) });
      expect(await word()).toBe(results[0]?.code === 0 ? 'mine' : 'yours');
    }, 60_000);

    it('replaces a plugin in all workers or in none', async () => {
      await publish('workers', { word: 'before' }, ours);
      gateway = await startGateway({
        config: configuration(`s3://${bucket}/workers/word@~1.2.0`),
        args: ['--workers', '2'],
        startMs: 90_000,
      });
      const words = async () => [...new Set(await Promise.all(Array.from({ length: 8 }, word)))].join();
      expect(await words()).toBe('before');
      await publish('workers', { word: 'after', version: '1.2.9' }, ours);
      await until('the word in all workers', async () => (await words()) === 'after', 20_000);
      const back = await fetch(`${gateway.url}/admin/rollback`, { method: 'POST' });
      expect([back.status, await words()]).toEqual([200, 'before']);
    }, 120_000);

    it.runIf(process.env.RUTTER_TEST_SLOW === '1')(
      'serves through a minute without its server, and takes up what is new within a poll of its return',
      async () => {
        await publish('minute', { word: 'before' }, ours);
        gateway = await startGateway({ config: configuration(`s3://${bucket}/minute/word@^1`) });
        await server.pause();
        for (let second = 0; second < 60; second += 1) {
          expect([await word(), (await ask(gateway)).status]).toEqual(['before', 200]);
          await new Promise((resolve) => setTimeout(resolve, 1000));
        }
        await server.resume();
        await publish('minute', { word: 'after', version: '1.3.0' }, ours);
        await wordIs('after');
      },
      180_000,
    );

    it('loses no entry of several who publish at once', async () => {
      const names = Array.from({ length: 4 }, (_none, index) => `author-${index}`);
      const results = await Promise.all(names.map((name) => publish('crowd', { name }, ours)));
      expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, '']));
      const found = await bench.sourceWith().get('crowd/index.json');
      if (typeof found !== 'object') throw new Error('There is no index.');
      const { plugins } = JSON.parse(new TextDecoder().decode(found.body)) as { plugins: object };
      expect(Object.keys(plugins).sort()).toEqual(names);
    }, 60_000);
  },
);
