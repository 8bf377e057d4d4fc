/** The `rutter` command as a user at a terminal meets it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  endAfterFile,
  openAiDeployment,
  openAiVendor,
  root,
  startVendor,
  until,
  type Vendor,
} from '../support/index.ts';
import { ask } from './admin.ts';

const node = join(root, 'node_modules', '.bin', 'node');
const script = join(root, 'core', 'cli', 'rutter.mjs');

let folder: string;
let vendor: Vendor;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-cli-'));
  vendor = await startVendor(openAiVendor({ reply: 'a fine day' }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Environment = Readonly<Record<string, string>>;

function start(args: readonly string[], env: Environment = {}) {
  const child = spawn(node, [script, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const from of ['stdout', 'stderr'] as const)
    child[from].setEncoding('utf8').on('data', (text: string) => {
      said[from] += text;
    });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  endAfterFile(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, said, ended };
}

/** A command to its end. */
async function run(args: readonly string[], env?: Environment) {
  const { said, ended } = start(args, env);
  const code = await ended;
  return { code, ...said };
}

/** A gateway until `stop`; each has a data folder of its own. */
async function serve(args: readonly string[], env: Environment = {}) {
  const data = await mkdtemp(join(folder, 'data-'));
  const { child, said, ended } = start(['serve', ...args], { RUTTER_DATA: data, ...env });
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const address = await until(
    'the gateway to listen',
    () => {
      if (isOver) throw new Error(`The gateway ended. It said:\n${said.stdout}\n${said.stderr}`);
      return /is listening on (http:\/\/\S+:(\d+))/.exec(said.stdout);
    },
    15_000,
  );
  const stop = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { url: address[1] as string, port: Number(address[2]), said, stop };
}

async function config(more: object = {}, name = 'config.yaml'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify({ model_list: [openAiDeployment('house', vendor)], ...more }));
  return file;
}

async function portInUse(host = '127.0.0.1') {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  return { port, free: () => new Promise((resolve) => server.close(resolve)) };
}

const freePort = async () => {
  const { port, free } = await portInUse();
  await free();
  return port;
};

/** Whether something listens there; 127.0.0.2 is this machine too, but not the address a closed gateway listens on. */
const listens = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = createConnection(port, host);
    socket
      .once('connect', () => socket.destroy())
      .once('error', () => resolve(false))
      .once('close', () => resolve(true));
  });

describe('rutter', () => {
  it.each([['help'], ['--help'], ['-h']])('%s tells all commands and every option of serve', async (arg) => {
    const { code, stdout, stderr } = await run([arg]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['rutter serve', 'rutter check', 'rutter plugins', 'rutter reload', 'rutter version'])
      expect(stdout).toContain(word);
    for (const option of ['--config', '--port', '--host', '--workers', '--debug', '--ssl-keyfile', '--ssl-certfile'])
      expect(stdout).toContain(option);
  });

  it.each(['serve', 'check', 'plugins', 'reload'])(
    '%s --help says how it is used, and does nothing',
    async (command) => {
      const { code, stdout, stderr } = await run([command, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`rutter ${command}`);
    },
  );

  it.each([['version'], ['--version']])('%s tells the version', async (arg) => {
    expect(await run([arg])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^rutter \d+\.\d+\.\d+\S*\n$/),
      stderr: '',
    });
  });

  it('refuses a command it does not know, and guesses which was meant', async () => {
    const { code, stdout, stderr } = await run(['relaod']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('The command "relaod" is not known. Did you mean "reload"? See rutter help.\n');
  });

  it.each([
    [['serve', '--prot', '80'], "'--prot'"],
    [['serve', 'config.yaml'], "'config.yaml'"],
    [['--port', 'http'], '--port is "http"; expected a whole number from 0 to 65535.'],
    [['--port', '70000'], '--port is "70000"'],
    [['--port', ''], '--port is ""'],
    [['--workers', '0'], '--workers is "0"; expected a whole number from 1 to 64.'],
    [['--workers', '2.5'], '--workers is "2.5"'],
    [['--ssl-keyfile', 'a.pem'], 'Found one of --ssl-keyfile and --ssl-certfile; expected both or neither.'],
    [['plugins', '--all'], "'--all'"],
    [['reload', 'now'], "'now'"],
    [['check', '--fast'], 'The option "--fast" is not known.'],
    [['check'], 'No file is named.'],
  ])('refuses %j in one line or with its usage, never with a trace', async (args, reason) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(reason);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('rutter check', () => {
  it('ends with 0 for what would start, and with 1 for what would not', async () => {
    const good = await run(['check', await config()]);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(good.stdout).toContain('It would start: 0 errors, 0 warnings; 1 deployment from ');
    const bad = await run(['check', await config({ router_settings: { num_retries: 'many' } }, 'bad.yaml')]);
    expect(bad).toMatchObject({ code: 1, stderr: '' });
    expect(bad.stdout).toMatch(
      /bad\.yaml:1:\d+ {2}error {2}router_settings\.num_retries: The value is not a whole number\./,
    );
    expect(bad.stdout).toContain('It would not start: 1 error, 0 warnings.');
    const none = await run(['check', 'none.yaml']);
    expect(none.code).toBe(1);
    expect(none.stdout).toContain('The file does not exist.');
  });
});

describe('rutter plugins and rutter reload', () => {
  it('ask the gateway that runs, with its key', async () => {
    const file = await config({ general_settings: { master_key: 'sk-master' } }, 'guarded.yaml');
    const gateway = await serve(['--config', file, '--port', '0', '--host', '127.0.0.1']);
    const url = ['--url', gateway.url];

    const listed = await run(['plugins', ...url, '--key', 'sk-master']);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toMatch(/^generation 1\nname +kind +place +version +state +leases +setupMs +reason/);
    for (const name of ['provider-openai', 'guard-master-key', 'state-memory', 'store-sqlite'])
      expect(listed.stdout).toMatch(new RegExp(`^${name} .* running `, 'm'));
    expect(listed.stdout).toContain('general_settings.master_key is set');
    const asJson = await run(['plugins', '--json'], { RUTTER_URL: gateway.url, RUTTER_MASTER_KEY: 'sk-master' });
    expect(JSON.parse(asJson.stdout)).toMatchObject({ generation: 1, plugins: expect.any(Array) });

    for (const command of ['plugins', 'reload']) {
      const keyless = await run([command, ...url]);
      expect(keyless).toMatchObject({ code: 1, stdout: '' });
      expect(keyless.stderr).toMatch(
        /^The gateway answered 401: .*Give the master key with --key or RUTTER_MASTER_KEY\.\n$/,
      );
    }

    const key = ['--key', 'sk-master'];
    expect(await run(['reload', ...url, ...key])).toEqual({ code: 0, stdout: 'unchanged: generation 1\n', stderr: '' });
    await config({ general_settings: { master_key: 'sk-master' }, router_settings: { timeout: 7 } }, 'guarded.yaml');
    const changed = await run(['reload', ...url, ...key], { PORT: String(gateway.port) });
    expect(changed).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^(applied|unchanged): generation 2\n$/),
      stderr: '',
    });
    await writeFile(file, 'general_settings: {master_key: sk-master}\nmodel_list: [\n');
    const refused = await run(['reload', ...key], { PORT: String(gateway.port) });
    expect(refused).toMatchObject({ code: 1, stderr: '' });
    expect(refused.stdout).toMatch(/^refused: generation 2\n {2}.*guarded\.yaml:\d+:\d+: /);
    expect(await gateway.stop()).toBe(0);
  });

  it('say that nobody answers, and where they asked', async () => {
    const port = await freePort();
    for (const command of ['plugins', 'reload']) {
      const { code, stdout, stderr } = await run([command], { PORT: String(port) });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(
        new RegExp(`^No gateway answers at http://127\\.0\\.0\\.1:${port}: .*--url or RUTTER_URL\\.\n$`),
      );
    }
  });
});

describe('rutter serve', () => {
  it('says which port is in use, and ends with 1', async () => {
    const { port, free } = await portInUse();
    const { code, stderr } = await run(['serve', '-c', await config(), '-p', String(port)]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Cannot listen on 127.0.0.1:${port}: another program listens there. Stop it, or choose another port with --port or PORT. (EADDRINUSE)\n`,
    );
    await free();
  });

  it.each([
    ['a host that is not its own', ['--host', '192.0.2.1'], 'this machine has no such address'],
    ['a host that is no name', ['--host', 'no-such-host.invalid'], 'Cannot listen on no-such-host.invalid:0: '],
  ])('says so of %s', async (_title, args, reason) => {
    const { code, stderr } = await run(['serve', '-c', await config(), '-p', '0', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(reason);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('names the configuration file that is missing, and ends with 1', async () => {
    const { code, stderr } = await run(['serve', '-c', 'none.yaml', '-p', '0']);
    expect(code).toBe(1);
    expect(stderr).toContain('The gateway does not start:\n');
    expect(stderr).toContain(`${join(folder, 'none.yaml')}:1:1: The file does not exist.`);
  });

  it('names the certificate it cannot read', async () => {
    const ssl = ['--ssl-keyfile', 'key.pem', '--ssl-certfile', 'cert.pem'];
    const { code, stderr } = await run(['serve', '-c', await config(), '-p', '0', ...ssl]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The file key\.pem cannot be read: /);
  });

  it('takes its file, port and host from the environment, as it is the default command', async () => {
    const port = await freePort();
    const data = await mkdtemp(join(folder, 'data-'));
    const { child, said, ended } = start([], {
      LITELLM_CONFIG_PATH: await config(),
      PORT: String(port),
      HOST: '127.0.0.2',
      RUTTER_DATA: data,
    });
    await until(
      'the gateway to listen',
      () => said.stdout.includes(`is listening on http://127.0.0.2:${port}\n`),
      15_000,
    );
    expect(await ask({ url: `http://127.0.0.2:${port}` })).toEqual({ status: 200, text: 'a fine day' });
    expect(await listens('127.0.0.1', port)).toBe(false);
    expect(await readdir(data)).toContain('instances');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('names PORT where that is what is wrong', async () => {
    const { code, stderr } = await run(['serve', '-c', await config()], { PORT: 'http' });
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'PORT is "http"; expected a whole number from 0 to 65535.\n' });
  });

  it('listens to this machine alone while nobody needs a key, and to all once they do', async () => {
    const open = await serve(['-c', await config(), '-p', '0']);
    expect(await listens('127.0.0.1', open.port)).toBe(true);
    expect(await listens('127.0.0.2', open.port)).toBe(false);
    const file = await config({ general_settings: { master_key: 'sk-master' } }, 'guarded-host.yaml');
    const guarded = await serve(['-c', file, '-p', '0']);
    expect(await listens('127.0.0.2', guarded.port)).toBe(true);
    expect((await ask(guarded)).status).toBe(401);
    expect(guarded.said.stdout).not.toContain('sk-master');
    expect(await Promise.all([open.stop(), guarded.stop()])).toEqual([0, 0]);
  });

  it('without a file composes itself from the keys it finds, and says what it made of them', async () => {
    const gateway = await serve(['-p', '0'], { OPENAI_API_KEY: 'sk-found-in-the-environment' });
    expect(gateway.said.stdout).toMatch(/^OPENAI_API_KEY was found: .*openai\/\*.* to openai\.$/m);
    expect(gateway.said.stdout).toMatch(/^No master key was found: callers need none\./m);
    expect(gateway.said.stdout + gateway.said.stderr).not.toContain('sk-found-in-the-environment');
    const models = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.length).toBeGreaterThan(0);
    const listed = await run(['plugins', '--url', gateway.url]);
    expect(listed.stdout).toMatch(/^provider-openai .* running /m);
    expect(listed.stdout).not.toContain('provider-simulated');
    expect(await gateway.stop()).toBe(0);
  });

  it('without a file and without keys answers by itself, under every name', async () => {
    const gateway = await serve(['-p', '0']);
    expect(gateway.said.stdout).toMatch(/^No vendor's key was found: a simulated provider answers/m);
    const command = /^ {2}(curl .*)$/m.exec(gateway.said.stdout)?.[1];
    expect(command).toContain(`${gateway.url}/v1/chat/completions`);
    for (const model of ['simulated', 'gpt-4o']) {
      const reply = await ask(gateway, model);
      expect(reply.status).toBe(200);
      expect(reply.text).not.toBe('');
    }
    expect(await gateway.stop()).toBe(0);
  });

  it('without a file asks for the master key it finds', async () => {
    const gateway = await serve(['-p', '0'], { RUTTER_MASTER_KEY: 'sk-master' });
    expect(gateway.said.stdout).toMatch(/^RUTTER_MASTER_KEY is the master key: callers need it\.$/m);
    expect((await ask(gateway, 'simulated')).status).toBe(401);
    expect(await gateway.stop()).toBe(0);
  });
});
