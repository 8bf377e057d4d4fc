import { type ErrorCode, type ErrorOptions, RutterError } from '@rutter/plugin-sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DeploymentSettings, RouterSettings } from '../config/types.ts';
import { LiveRecord } from '../live/registry.ts';
import type { Target } from '../pipeline/models.ts';
import { type CooldownNotice, Cooldowns } from './cooldown.ts';

let now = 0;
let notices: CooldownNotice[] = [];

beforeEach(() => {
  now = 1_000_000;
  notices = [];
});

/** The rules of a router and one deployment under them; the clock stands still unless it is turned. */
function deployment(router: Partial<RouterSettings> = {}, settings: Partial<DeploymentSettings> = {}) {
  const rules = { cooldownMs: 5000, disableCooldowns: false, ...router } as RouterSettings;
  const cooldowns = new Cooldowns(
    rules,
    () => now,
    (notice) => notices.push(notice),
  );
  const target = { deployment: { id: 'one' }, live: new LiveRecord(() => now), settings } as unknown as Target;
  return {
    target,
    fails: (code: ErrorCode, options: ErrorOptions & { size?: number; isBroken?: boolean } = {}) =>
      cooldowns.failed(target, new RutterError(code, 'failed', options), options.size ?? 2, options.isBroken),
    succeeds: () => cooldowns.succeeded(target),
    rests: () => cooldowns.isCooling(target),
  };
}

describe('the share of failures', () => {
  it('is that of the current minute: earlier failures are forgotten', () => {
    const { fails, rests } = deployment();
    for (let count = 0; count < 4; count++) fails('ERR_PROVIDER_INTERNAL');
    now += 60_000;
    for (let count = 0; count < 4; count++) fails('ERR_PROVIDER_INTERNAL');
    expect(rests()).toBe(false);
    fails('ERR_PROVIDER_INTERNAL');
    expect(rests()).toBe(true);
    expect(notices).toEqual([{ deployment: 'one', untilMs: now + 5000, reason: '5 of 5 calls failed this minute' }]);
  });

  it('counts the success that opens a minute', () => {
    const { fails, succeeds, rests } = deployment();
    now += 60_000;
    succeeds();
    for (let count = 0; count < 3; count++) succeeds();
    for (let count = 0; count < 4; count++) fails('ERR_PROVIDER_TIMEOUT');
    expect(rests()).toBe(false);
    fails('ERR_PROVIDER_TIMEOUT');
    expect(rests()).toBe(true);
  });

  it('spares a lone deployment that has had one success', () => {
    const { fails, succeeds, rests } = deployment();
    succeeds();
    for (let count = 0; count < 1500; count++) fails('ERR_PROVIDER_INTERNAL', { size: 1 });
    expect(rests()).toBe(false);
  });
});

describe('the error rate that strategies see', () => {
  it('rises with lost connections, which never rest a deployment', () => {
    const { fails, rests, target } = deployment();
    for (let count = 0; count < 20; count++) fails('ERR_PROVIDER_CONNECTION');
    expect(rests()).toBe(false);
    expect(target.live.errorRate).toBeGreaterThan(0.8);
    expect(target.live.failures).toBe(0);
  });

  it.each([
    'ERR_PROVIDER_BAD_REQUEST',
    'ERR_PROVIDER_PERMISSION',
    'ERR_PROVIDER_CONTENT_POLICY',
    'ERR_REQUEST_INVALID',
    'ERR_KERNEL_INTERNAL',
  ] as const)('does not rise with %s', (code) => {
    const { fails, target } = deployment();
    fails(code);
    expect(target.live.errorRate).toBe(0);
  });
});

describe('the length', () => {
  it('follows Retry-After for an hour at most', () => {
    const { fails, target } = deployment();
    fails('ERR_PROVIDER_RATE_LIMIT', { retryAfterMs: 7_200_000 });
    expect(target.live.cooledUntil).toBe(now + 3_600_000);
  });

  it('ends at its last millisecond', () => {
    const { fails, rests } = deployment();
    fails('ERR_PROVIDER_RATE_LIMIT');
    now += 4999;
    expect(rests()).toBe(true);
    now += 1;
    expect(rests()).toBe(false);
  });

  it('is nothing for a vendor that asks to be called again at once', () => {
    const { fails, rests } = deployment();
    fails('ERR_PROVIDER_RATE_LIMIT', { retryAfterMs: 0 });
    expect(rests()).toBe(false);
  });
});

describe('a broken stream', () => {
  it('rests its deployment at once where it has a sibling', () => {
    const { fails, rests } = deployment();
    fails('ERR_PROVIDER_STREAM', { isBroken: true });
    expect(rests()).toBe(true);
    expect(notices[0]?.reason).toBe('a stream broke off');
  });

  it('counts as one failure where failures are allowed', () => {
    const { fails, rests } = deployment({ allowedFails: 1 });
    fails('ERR_PROVIDER_STREAM', { isBroken: true });
    expect(rests()).toBe(false);
    fails('ERR_PROVIDER_STREAM', { isBroken: true });
    expect(rests()).toBe(true);
  });
});

describe('allowed failures', () => {
  it('are those of the class, then the general number', () => {
    const { fails, rests } = deployment({ allowedFails: 1, allowedFailsPolicy: { TimeoutError: 0 } });
    fails('ERR_PROVIDER_INTERNAL');
    expect(rests()).toBe(false);
    fails('ERR_PROVIDER_TIMEOUT');
    expect(rests()).toBe(true);
  });

  it("are counted within the deployment's own cooldown time where it has one", () => {
    const { fails, rests } = deployment({ allowedFails: 1 }, { cooldownMs: 20_000 });
    fails('ERR_PROVIDER_INTERNAL');
    now += 19_999;
    fails('ERR_PROVIDER_INTERNAL');
    expect(rests()).toBe(true);
  });

  it('are not forgotten for a success within that time', () => {
    const { fails, succeeds, rests } = deployment({ allowedFails: 1, cooldownMs: 120_000 });
    fails('ERR_PROVIDER_INTERNAL');
    now += 90_000;
    succeeds();
    fails('ERR_PROVIDER_INTERNAL');
    expect(rests()).toBe(true);
  });
});

it('frees deployments that rest as soon as cooldowns are switched off', () => {
  const { target, fails } = deployment();
  fails('ERR_PROVIDER_RATE_LIMIT');
  const off = new Cooldowns(
    { disableCooldowns: true } as RouterSettings,
    () => now,
    () => {},
  );
  expect(off.isCooling(target)).toBe(false);
});
