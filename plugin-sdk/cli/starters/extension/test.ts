import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeHost, outcome } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

test('logs the slow requests and no others', async () => {
  const host = fakeHost();
  const extension = await plugin.setup(host, plugin.config.parse({ slowMs: 100 }));
  const watchers: Array<(value: unknown) => void> = [];
  const hook = { tap: (_name: string, watch: (value: unknown) => void) => watchers.push(watch) };
  extension.apply?.({ preRoute: hook, select: hook, call: hook, postCall: hook, settled: hook });

  assert.equal(watchers.length, 1);
  watchers[0]?.(outcome({ durationMs: 20 }));
  watchers[0]?.(outcome({ durationMs: 250, group: 'chat' }));
  assert.deepEqual(
    host.logged.map(({ level, fields }) => [level, fields.group]),
    [['warn', 'chat']],
  );
});
