import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  startGateway,
  startVendor,
  until,
  type Vendor,
  within,
} from '../../support/index.ts';

const canary = 'canary-4f1d7c';
const key = 'sk-canary-9be1';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor(openAiVendor());
});

const config = (options: object = {}, groups: readonly string[] = ['m']) => ({
  model_list: groups.map((group) => openAiDeployment(group, vendor, { api_key: 'os.environ/VENDOR_KEY' })),
  plugins: [{ use: import.meta.dirname, trust: true, config: { backoffMs: 100, ...options } }],
});

const start = (options?: object) =>
  startGateway({ config: config(options), env: { CANARY_SECRET: canary, VENDOR_KEY: key } });

async function call(gateway: Gateway, method: string, params?: object, signal?: AbortSignal) {
  const response = await fetch(`${gateway.url}/stdio/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(params === undefined ? {} : { body: JSON.stringify(params) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const body = (await response.json()) as { result?: unknown; error?: { message: string; rutter_code: string } };
  return { status: response.status, headers: response.headers, ...body };
}

const pidOf = async (gateway: Gateway) => (await call(gateway, 'pid')).result as number;

/** A zombie is dead, whoever has yet to be told. */
function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z';
}

describe('a child that answers', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await start({ timeoutMs: 1500 });
  });
  afterAll(() => gateway.stop());

  it('is asked many things at once, and each caller gets its own answer, in whatever order they come', async () => {
    const begunAt = performance.now();
    const order: number[] = [];
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const answer = await call(gateway, 'echo', { index, delayMs: 400 - index * 8 });
        order.push(index);
        return answer;
      }),
    );
    expect(answers.map(({ result }) => result)).toEqual(Array.from({ length: 50 }, (_, index) => ({ index })));
    // One after the other would have taken ten seconds, and in order.
    expect(performance.now() - begunAt).toBeLessThan(3000);
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));
  });

  it('says what it does not know, and lines that answer nothing harm nobody', async () => {
    expect(await call(gateway, 'frobnicate')).toMatchObject({
      status: 404,
      error: { message: 'There is no method "frobnicate".' },
    });
    expect(await call(gateway, 'noise')).toMatchObject({ status: 200, result: 'after the noise' });
  });

  it('sees nothing of the gateway’s environment', async () => {
    expect(await call(gateway, 'environment')).toMatchObject({ status: 200, result: {} });
    const { result } = await call(gateway, 'environment');
    expect(Object.keys(result as object)).toEqual([]);
    const environ = readFileSync(`/proc/${await pidOf(gateway)}/environ`, 'latin1');
    for (const secret of [canary, key, 'PATH', 'RUTTER']) expect(environ).not.toContain(secret);
  });

  it('is not waited for beyond the time allowed, and answers others meanwhile', async () => {
    const silent = call(gateway, 'silence');
    expect(await call(gateway, 'echo', { still: 'there' })).toMatchObject({ result: { still: 'there' } });
    expect(await silent).toMatchObject({ status: 408, error: { rutter_code: 'ERR_PROVIDER_TIMEOUT' } });
  });
});

describe('a child that crashes', () => {
  it('fails what it was asked with a clear 502 and is started again, ever later while it answers nothing', async () => {
    const gateway = await start({ backoffMs: 250 });
    const first = await pidOf(gateway);
    const waiting = [call(gateway, 'silence'), call(gateway, 'echo', { delayMs: 5000 })];
    // They must have reached the child ahead of the crash.
    await call(gateway, 'echo');
    const crashed = await call(gateway, 'crash', { code: 7 });
    for (const answer of [crashed, ...(await within('the answers', Promise.all(waiting)))]) {
      expect(answer).toMatchObject({ status: 502, error: { rutter_code: 'ERR_PROVIDER_BAD_GATEWAY' } });
      expect(answer.error?.message).toMatch(/^The child behind this route ended with code 7/);
    }
    const meanwhile = await call(gateway, 'pid');
    expect(meanwhile).toMatchObject({
      status: 502,
      error: { message: expect.stringContaining('another is started in') },
    });
    expect(meanwhile.headers.get('retry-after')).toBe('1');
    const second = await until('another child', async () => {
      const { status, result } = await call(gateway, 'pid');
      return status === 200 && (result as number);
    });
    expect(second).not.toBe(first);
    expect(isAlive(first)).toBe(false);
    await crashRepeatedly(gateway, 4);
    const waits = gateway
      .log()
      .flatMap(({ msg, waitMs }) => (msg === 'the child ended and will be started again' ? [waitMs] : []));
    expect(waits).toEqual([250, 250, 500, 1000]);
    await gateway.stop();
  });
});

/** Crashes each next child with the first thing it is asked, until there have been so many crashes. */
async function crashRepeatedly(gateway: Gateway, crashes: number): Promise<void> {
  const ended = () => gateway.log().filter(({ msg }) => msg === 'the child ended and will be started again').length;
  while (ended() < crashes) {
    const before = ended();
    await until('a child to crash', async () => {
      await call(gateway, 'crash');
      return ended() > before;
    });
  }
}

describe('the end of a child', () => {
  it('comes with the end of its instance: a reload that changes it lets its requests end first', async () => {
    const gateway = await start();
    const old = await pidOf(gateway);
    const running = call(gateway, 'echo', { kept: true, delayMs: 3000 });
    await gateway.writeConfig(config({ timeoutMs: 9000 }));
    const next = await until('another child', async () => (await pidOf(gateway)) !== old && pidOf(gateway));
    expect(isAlive(old)).toBe(true);
    expect(await running).toMatchObject({ status: 200, result: { kept: true } });
    await until('the old child to be gone', () => !isAlive(old), 2000);
    expect(isAlive(next)).toBe(true);

    await gateway.writeConfig(config({ timeoutMs: 9000 }, ['m', 'another']));
    await gateway.waitForLog(({ msg, generation }) => msg === 'a new generation is in force' && generation === 3);
    expect(await pidOf(gateway)).toBe(next);

    expect(await gateway.stop()).toMatchObject({ code: 0 });
    expect(isAlive(next)).toBe(false);
  });

  it('comes with the gateway’s, even when that is killed', async () => {
    const gateway = await start();
    const pid = await pidOf(gateway);
    gateway.signal('SIGKILL');
    await gateway.exited;
    await until('the child to be gone', () => !isAlive(pid), 2000);
    await gateway.stop();
  });
});
