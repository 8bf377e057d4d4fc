import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeHost, outcome } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

test('logs what each model group was asked and what it cost, once an interval', async () => {
  const host = fakeHost();
  const observer = await plugin.setup(host, plugin.config.parse({ everySeconds: 10 }));
  await observer.settled?.(outcome({ group: 'chat', costNanoUsd: 1_000_000 }));
  await observer.settled?.(outcome({ group: 'chat', status: 502 }));
  await observer.settled?.(outcome({ group: 'draft', costNanoUsd: 0 }));

  assert.equal(host.logged.length, 0);
  await host.advance(10_000);
  assert.deepEqual(
    host.logged.map(({ fields }) => fields),
    [
      { group: 'chat', requests: 2, failures: 1, costUsd: 0.0010013 },
      { group: 'draft', requests: 1, failures: 0, costUsd: 0 },
    ],
  );
  await host.advance(10_000);
  assert.equal(host.logged.length, 2);
});

test('goes on counting over a reload', async () => {
  const before = fakeHost();
  const first = await plugin.setup(before, plugin.config.parse({}));
  await first.settled?.(outcome({ group: 'chat' }));
  const after = fakeHost({ kept: before.kept });
  const second = await plugin.setup(after, plugin.config.parse({}));
  await second.settled?.(outcome({ group: 'chat' }));
  await after.advance(60_000);
  assert.equal(after.logged[0]?.fields.requests, 2);
});
