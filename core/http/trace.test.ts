import { expect, it } from 'vitest';
import { parseTraceparent, spanId, traceparent } from './trace.ts';

it('makes span ids that another service accepts', () => {
  const ids = Array.from({ length: 200 }, spanId);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(id).not.toMatch(/^0+$/);
    const { traceId } = parseTraceparent({});
    expect(parseTraceparent({ traceparent: traceparent(traceId, id, '01') })).toMatchObject({ traceId, parentId: id });
  }
  expect(new Set(ids).size).toBe(ids.length);
});
