/** Configuration files and learnt routers in a bucket, on a server of S3 that nobody here wrote. */
import { hash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, getJson, postReload } from '../reload/admin.ts';
import {
  type Gateway,
  type GatewayOptions,
  openAiDeployment,
  openAiVendor,
  root,
  startGateway,
  startRefused,
  startVendor,
  until,
} from '../support/index.ts';
import { rgwMissing, startRgw } from '../support/rgw.ts';
import { Bench, command } from './bench.ts';

const bucket = 'configuration';
const soonMs = 20_000;

describe.skipIf(rgwMissing !== undefined)(
  `files in a bucket${rgwMissing === undefined ? '' : ` (skipped: ${rgwMissing})`}`,
  () => {
    let bench: Bench;
    let folder: string;
    let gateway: Gateway;
    const models: Record<string, object> = {};

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rutter-s3-files-'));
      const server = await startRgw();
      bench = new Bench(server, bucket);
      await server.createBucket(bucket);
      for (const name of ['one', 'two', 'three'])
        models[name] = { model_list: [openAiDeployment('house', await startVendor(openAiVendor({ reply: name })))] };
    }, 180_000);
    afterEach(async () => {
      await bench?.server.resume();
      await gateway?.stop();
    });
    afterAll(async () => {
      await bench?.close();
      await bench?.server.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const including = (key: string, more: object = {}, source: object = {}) => ({
      include: `s3://${bucket}/${key}`,
      plugins: [{ use: 'source-s3', config: { ...bench.options, timeout_ms: 1500, ...source } }],
      general_settings: { source_poll_interval: '1s' },
      ...more,
    });
    const start = async (config: object, more: GatewayOptions = {}) => {
      gateway = await startGateway({ config, startMs: 60_000, ...more });
    };
    const said = async () => (await ask(gateway)).text;
    const says = (text: string) => until(`a reply from ${text}`, async () => (await said()) === text, soonMs);
    const generation = async () => (await getJson<{ generation: number }>(gateway, '/admin/plugins')).generation;
    const refusal = (words: string) =>
      gateway.waitForLog((line) => line.level === 50 && JSON.stringify(line).includes(words), soonMs);

    it('are read where they are included, and each new version is in force within the poll interval', async () => {
      await bench.put('live/main.yaml', { include: ['models.yaml'], router_settings: { num_retries: 1 } });
      await bench.put('live/models.yaml', models.one as object);
      await start(including('live/main.yaml'));
      expect(await said()).toBe('one');
      await bench.put('live/models.yaml', models.two as object);
      await says('two');
      expect(await generation()).toBe(2);
      await gateway.waitForLog(
        ({ msg, sources }) => msg === 'a new generation is in force' && String(sources) === 'source',
      );
      // What is asked for by hand is looked at without waiting, a look alone changes nothing and hides nothing.
      await gateway.writeConfig(including('live/main.yaml', { general_settings: { source_poll_interval: '3s' } }));
      await until('the slower poll', async () => (await generation()) === 3, soonMs);
      await bench.put('live/models.yaml', models.three as object);
      const plan = await fetch(`${gateway.url}/admin/reload?dry_run=true`, { method: 'POST' });
      expect(await plan.json()).toMatchObject({ status: 'planned' });
      expect(await said()).toBe('two');
      await says('three');
      const back = await fetch(`${gateway.url}/admin/rollback`, { method: 'POST' });
      expect(back.status).toBe(200);
      expect(await said()).toBe('two');
      expect(await postReload(gateway)).toMatchObject({ status: 'applied' });
      expect(await said()).toBe('three');
      // Keys may stand in it: nobody else may read the copies.
      const store = join(gateway.folder, 'data', 'source-store');
      for (const name of await readdir(store)) expect((await stat(join(store, name))).mode & 0o077).toBe(0);
      expect(gateway.output()).not.toContain(bench.server.secret);
    }, 120_000);

    it('are refused with file, line and reason where they are broken, and the running generation stays', async () => {
      await bench.put('broken/models.yaml', models.one as object);
      await start(including('broken/models.yaml'));
      const cases: readonly (readonly [string | Uint8Array, string])[] = [
        ['', `s3://${bucket}/broken/models.yaml:1:1: The file is blank`],
        ['model_list: [\n  {', `s3://${bucket}/broken/models.yaml:2:`],
        [
          'router_settings:\n  num_retries: many\n',
          `s3://${bucket}/broken/models.yaml:2:16: router_settings.num_retries`,
        ],
        [Uint8Array.of(0xff, 0xfe, 0x00), 'bytes that are not UTF-8'],
        ['plugins: [./house]\n', 'plugins in sources are named by their addresses'],
        ['include: /etc/hostname\n', 'includes what is not in its bucket'],
        ['include: ../../out.yaml\n', 'includes what is not in its bucket'],
        [`include: s3://${bucket}/broken/models.yaml\n`, 'The file includes itself'],
        ['include: s3://nowhere-at-all/x.yaml\n', 'NoSuchBucket'],
        ['include: gs://bucket/x.yaml\n', 'No plugin is a source for gs://; expected one of s3://'],
        [`include: s3://${bucket}/broken/none.yaml\n`, `There is no file s3://${bucket}/broken/none.yaml`],
        [`include: s3://${bucket}/live/models.yaml#sha256=${'0'.repeat(64)}\n`, 'has SHA-256'],
      ];
      for (const [text, reason] of cases) {
        await bench.put('broken/models.yaml', text);
        const answer = await postReload(gateway);
        expect([answer.status, answer.reasons.join('\n')]).toEqual(['refused', expect.stringContaining(reason)]);
        expect(await said()).toBe('one');
      }
      expect(await generation()).toBe(1);
      await bench.put('broken/models.yaml', models.two as object);
      await says('two');
      // By the poll alone, too, it is told of, and once.
      await bench.put('broken/models.yaml', 'model_list: 78787\n');
      const told = () =>
        gateway
          .log()
          .filter((line) => String(line.msg).startsWith('the change was') && JSON.stringify(line).includes('78787'));
      await until('the refusal', () => told().length > 0, soonMs);
      // Two more looks are due in this time: it is what must not happen that is waited for.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(told()).toHaveLength(1);
      expect(await said()).toBe('two');
    }, 120_000);

    it('let a gateway start with what was in force last while the server is away, and say so; not without', async () => {
      await bench.put('away/models.yaml', models.one as object);
      const data = await mkdtemp(join(folder, 'kept-'));
      const env = { RUTTER_DATA: data };
      await start(including('away/models.yaml'), { env });
      await until('the lock file', () => readFile(join(data, 'plugins.lock.json'), 'utf8').catch(() => undefined));
      // What was refused is not what is kept.
      await bench.put('away/models.yaml', 'model_list: 7\n');
      await refusal('model_list');
      await bench.server.pause();
      await gateway.stop();
      await start(including('away/models.yaml'), { env });
      expect(await said()).toBe('one');
      await gateway.waitForLog(
        ({ level, msg }) => level === 40 && String(msg).includes('Its source is away, what was last'),
      );
      const file = join(folder, 'away.yaml');
      await writeFile(file, JSON.stringify(including('away/models.yaml')));
      const known = await command('rutter', ['check', file], { cwd: folder, env });
      expect(known).toMatchObject({ code: 0, stdout: expect.stringContaining('Its source is away, what was last') });
      for (const name of ['check', 'doctor']) {
        const unknown = await command('rutter', [name, file], { cwd: folder });
        expect(unknown, name).toMatchObject({
          code: 1,
          stdout: expect.stringMatching(
            /away\.yaml:1[^\n]* http:[^\n]*could not be asked to read away\/models\.yaml[^\n]*1500 ms/,
          ),
        });
        expect(unknown.stdout + unknown.stderr).not.toContain(bench.server.secret);
      }
      expect((await readdir(tmpdir())).filter((name) => name.startsWith('rutter-look-'))).toEqual([]);
      const end = await startRefused({ config: including('away/models.yaml'), startMs: 60_000 });
      expect([end.code, end.output]).toEqual([1, expect.stringContaining('1500 ms')]);
      // Away in the midst of a run, it is told of once, and once that it is back.
      const told = (words: string) => gateway.waitForLog(({ msg }) => String(msg).includes(words), soonMs);
      expect(await told('a source does not answer; what runs goes on')).toMatchObject({
        address: `s3://${bucket}/away/models.yaml`,
        error: expect.stringContaining('1500 ms'),
      });
      await bench.server.resume();
      await bench.put('away/models.yaml', models.two as object);
      await told('the source answers again');
      await says('two');
      const times = gateway.log().filter(({ msg }) => String(msg).startsWith('a source does not answer'));
      expect(times).toHaveLength(1);
    }, 120_000);

    it('are read by rutter check and rutter doctor as a start would read them', async () => {
      await bench.put(
        'check/models.yaml',
        'model_list:\n  - model_name: echo\n    litellm_params: { model: simulated/fast }\n',
      );
      const file = join(folder, 'check.yaml');
      await writeFile(file, JSON.stringify(including('check/models.yaml')));
      expect(await command('rutter', ['check', file], { cwd: folder })).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/It would start: .* 1 deployment from 2 files/),
      });
      expect(await command('rutter', ['doctor', file], { cwd: folder })).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('echo'),
      });
      await bench.put('check/models.yaml', 'router_settings: {}\nmodel_list: 7\n');
      for (const name of ['check', 'doctor'])
        expect(await command('rutter', [name, file], { cwd: folder }), name).toMatchObject({
          code: 1,
          stdout: expect.stringContaining(`s3://${bucket}/check/models.yaml:2`),
        });
    }, 60_000);

    it('are reached with what a secrets plugin keeps, or the environment of the file itself', async () => {
      await bench.put('secret/models.yaml', models.one as object);
      await cp(join(root, 'test/contract/secrets-folder'), join(folder, 'secrets-folder'), { recursive: true });
      await mkdir(join(folder, 'mounted'), { recursive: true });
      await writeFile(join(folder, 'mounted/key'), bench.server.secret);
      const secrets = { use: join(folder, 'secrets-folder'), trust: true, config: { folder: join(folder, 'mounted') } };
      const source = (over: object) => ({ use: 'source-s3', config: { ...bench.options, ...over } });
      const config = (over: object, more: object = {}) => ({
        ...including('secret/models.yaml'),
        ...more,
        plugins: [secrets, source(over)],
      });
      await start(config({ secret_access_key: 'mounted/key' }));
      expect(await said()).toBe('one');
      await gateway.stop();
      const { endpoint } = bench.options;
      const variables = { AWS_ACCESS_KEY_ID: bench.server.keyId, AWS_SECRET_ACCESS_KEY: bench.server.secret };
      await start({
        ...including('secret/models.yaml'),
        environment_variables: variables,
        plugins: [{ use: 'source-s3', config: { endpoint } }],
      });
      expect(await said()).toBe('one');
      for (const key of ['mounted/none', 'mounted/../key']) {
        const { code, output } = await startRefused({ config: config({ secret_access_key: key }), startMs: 60_000 });
        expect([code, output]).toEqual([1, expect.stringContaining('plugin "secrets-folder" has no such value')]);
      }
      // Code that nobody vouches for is asked for nothing.
      const rutter = {
        api: 1,
        kind: 'secrets',
        name: 'stranger',
        entry: 'index.ts',
        claims: { references: ['strange/'] },
      };
      await mkdir(join(folder, 'stranger'), { recursive: true });
      await writeFile(
        join(folder, 'stranger/package.json'),
        JSON.stringify({ name: 'stranger', version: '1.0.0', type: 'module', rutter }),
      );
      await writeFile(
        join(folder, 'stranger/index.ts'),
        "import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'secrets', setup: () => ({ resolve: async () => 'x' }) });\n",
      );
      const plugins = [join(folder, 'stranger'), source({ secret_access_key: 'strange/key' })];
      const { code, output } = await startRefused({
        config: { ...including('secret/models.yaml'), plugins },
        startMs: 60_000,
      });
      expect([code, output]).toEqual([1, expect.stringContaining('nobody vouches for')]);
    }, 120_000);

    it('are in force in all workers or in none', async () => {
      await bench.put('workers/models.yaml', models.one as object);
      const data = await mkdtemp(join(folder, 'workers-'));
      const options = { env: { RUTTER_DATA: data }, args: ['--workers', '2'], startMs: 90_000 };
      await start(including('workers/models.yaml'), options);
      const answers = async () =>
        [...new Set(await Promise.all(Array.from({ length: 8 }, async () => (await ask(gateway)).text)))].join();
      expect(await answers()).toBe('one');
      await bench.put('workers/models.yaml', models.two as object);
      await until('the other vendor', async () => (await answers()) === 'two', soonMs);
      await bench.put('workers/models.yaml', 'model_list: 7\n');
      await refusal('model_list');
      expect(await answers()).toBe('two');
      await bench.server.pause();
      await gateway.stop();
      await start(including('workers/models.yaml'), options);
      expect(await answers()).toBe('two');
    }, 180_000);

    describe('a learnt router', () => {
      const question = (index: number) => `Please compute the sum of ${index * 7 + 3} and ${index * 5 + 2}.`;
      const train = async (out: string, names: readonly [string, string]) => {
        const lines = Array.from({ length: 200 }, (_none, index) =>
          names.map((model, place) => ({
            query_id: `q${index}`,
            query: index % 2 === 0 ? question(index) : `Write a tender poem about letter number ${index}.`,
            model,
            performance: (place === 0) === (index % 2 === 0) ? 1 : 0,
          })),
        );
        const data = join(folder, `${out}.jsonl`);
        await writeFile(
          data,
          lines
            .flat()
            .map((line) => JSON.stringify(line))
            .join('\n'),
        );
        const args = ['train', 'llmrouter-knn', '--data', data, '--out', join(folder, out)];
        const env = { LITELLM_CONFIG_PATH: join(folder, 'lab.yaml') };
        await writeFile(
          env.LITELLM_CONFIG_PATH,
          'model_list: [{model_name: m, litellm_params: {model: simulated/m}}]\n',
        );
        expect(await command('rutter', args, { cwd: folder, env })).toMatchObject({ code: 0 });
        return Uint8Array.from(await readFile(join(folder, out)));
      };
      const chosen = async (index = 1001) => {
        const response = await fetch(`${gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', connection: 'close' },
          body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: question(index) }] }),
        });
        const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
        return choices[0]?.message.content;
      };

      it('comes from a bucket, is proved before it decides, replaced when it changes, and gone back to', async () => {
        const [first, second] = [
          await train('first.rra', ['counter', 'poet']),
          await train('second.rra', ['poet', 'counter']),
        ];
        await bench.put('routers/knn.rra', first);
        const seats = await Promise.all(
          ['counter', 'poet'].map(async (name) => [name, await startVendor(openAiVendor({ reply: name }))] as const),
        );
        const model_list = seats.map(([name, vendor]) =>
          openAiDeployment('auto', vendor, {}, { id: name, router_model: name }),
        );
        const config = (model_path: string, name = 'model_path') => ({
          model_list,
          plugins: [{ use: 'source-s3', config: { ...bench.options, timeout_ms: 1500 } }],
          router_settings: {
            routing_strategy: 'llmrouter-knn',
            routing_strategy_args: { [name]: model_path },
            num_retries: 0,
          },
          general_settings: { source_poll_interval: '1s' },
        });
        const address = `s3://${bucket}/routers/knn.rra`;
        const data = await mkdtemp(join(folder, 'router-'));
        const env = { RUTTER_DATA: data };
        await start(config(address), { env });
        expect(await chosen()).toBe('counter');
        await bench.put('routers/knn.rra', second);
        await until('the other router', async () => (await chosen()) === 'poet', soonMs);
        for (const [bytes, reason] of [
          [new TextEncoder().encode('RRA1 and nothing that follows'), 'is no router artefact'],
          [second.subarray(0, second.length - 40), 'bytes of numbers'],
        ] as const) {
          await bench.put('routers/knn.rra', bytes);
          await until('the refusal', async () => (await postReload(gateway)).reasons.join().includes(reason), soonMs);
          expect(await chosen()).toBe('poet');
        }
        expect((await fetch(`${gateway.url}/admin/rollback`, { method: 'POST' })).status).toBe(200);
        expect(await chosen()).toBe('counter');
        // Away, what was in force last goes on; and it is what a start takes.
        await bench.put('routers/knn.rra', second);
        await until('the router again', async () => (await chosen()) === 'poet', soonMs);
        await bench.server.pause();
        await gateway.stop();
        await start(config(address), { env });
        expect(await chosen()).toBe('poet');
        await gateway.waitForLog(({ msg }) => String(msg).includes('Its source is away'));
        await bench.server.resume();
        // Pinned, it is this file or none.
        const digest = hash('sha256', first, 'hex');
        await bench.put('routers/knn.rra', first);
        await gateway.writeConfig(config(`${address}#sha256=${digest}`, 'artefact'));
        await until('the pinned router', async () => (await chosen()) === 'counter', soonMs);
        await bench.put('routers/knn.rra', second);
        await refusal(`expected ${digest}`);
        expect(await chosen()).toBe('counter');
        // From the disk, by the events of its folder: no look is due for an hour.
        const onDisk = join(gateway.folder, 'knn.rra');
        await writeFile(onDisk, second);
        const local = config('./knn.rra');
        Object.assign(local.router_settings.routing_strategy_args, { reload_interval: 3600 });
        await gateway.writeConfig(local);
        await until('the router of the disk', async () => (await chosen()) === 'poet', soonMs);
        await writeFile(onDisk, first);
        await until('the changed router of the disk', async () => (await chosen()) === 'counter', soonMs);
      }, 180_000);
    });
  },
);
