/**
 * Speaks JSON-RPC 2.0, one message a line: the kind of program a stdio
 * protocol stands in front of. Ends when its input does.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const methods = {
  async echo({ delayMs = 0, ...rest }) {
    await sleep(delayMs);
    return rest;
  },
  environment: () => ({ ...process.env }),
  pid: () => process.pid,
  crash({ code = 3 }) {
    process.exit(code);
  },
  silence: () => new Promise(() => {}),
  noise() {
    process.stdout.write('this is no JSON\n{"jsonrpc":"2.0","id":"nobody","result":1}\n');
    return 'after the noise';
  },
};

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

async function answer({ id, method, params }) {
  const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (known === undefined) return send({ id, error: { code: -32601, message: `There is no method "${method}".` } });
  try {
    send({ id, result: await known(params ?? {}) });
  } catch (error) {
    send({ id, error: { code: -32602, message: String(error) } });
  }
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void answer(JSON.parse(line)));
lines.on('close', () => process.exit(0));
