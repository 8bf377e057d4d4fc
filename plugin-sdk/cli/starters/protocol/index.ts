/**
 * A dialect of one question and one answer: `POST /ask` with `{"model", "question"}` gives `{"answer"}`.
 *
 * A protocol reads what clients send into the neutral model and writes replies
 * back. Routing, limits and retries are the kernel's, as for any other dialect.
 */
import { type Dialect, definePlugin, RutterError, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  path: z.string().startsWith('/').default('/ask').describe('Where questions are taken.'),
  instructions: z.string().default('').describe('Put ahead of every question as a system prompt; empty for none.'),
});

export default definePlugin({
  kind: 'protocol',
  config,
  setup(_host, { path, instructions }) {
    const dialect: Dialect = {
      name: 'ask',
      operation: 'chat',
      // Runs first, on whatever was sent: the one place that may refuse it.
      read({ fields }) {
        const model = textOf(fields.model, 'model');
        textOf(fields.question, 'question');
        return { model, stream: false, includeUsage: false, controls: {}, strip: [] };
      },
      chat(fields) {
        const question = { role: 'user' as const, content: String(fields.question) };
        const system = { role: 'system' as const, content: instructions };
        const messages = instructions === '' ? [question] : [system, question];
        return { model: String(fields.model), messages, stream: false, extra: {} };
      },
      text: (fields) => String(fields.question),
      reply: ({ text, end }) => ({ answer: text, complete: end !== 'length' }),
      failure: ({ code, message, expose }) => ({ error: code, message: expose ? message : 'Something went wrong.' }),
    };

    return {
      dialects: [dialect],
      routes: [{ method: 'POST', mode: 'model', path, permission: 'model.call', dialect: dialect.name }],
    };
  },
});

function textOf(value: unknown, param: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new RutterError('ERR_REQUEST_INVALID', `Found no "${param}", expected a text.`, { param });
}
