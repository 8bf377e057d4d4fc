/**
 * Refuses requests that hold one of the given phrases, in whatever case they are written.
 */
import { definePlugin, RutterError, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  phrases: z
    .array(z.string().min(1))
    .default(['ignore all previous instructions'])
    .describe('Phrases that no request may hold.'),
});

export default definePlugin({
  kind: 'guard',
  config,
  setup(_host, { phrases }) {
    const forbidden = phrases.map((phrase) => phrase.toLowerCase());

    return {
      // `before`: no model is asked until this has answered. `beside` would save the wait and hold back the reply instead.
      mode: 'before',
      checkRequest(_context, call) {
        const text = call.text().toLowerCase();
        const found = forbidden.find((phrase) => text.includes(phrase));
        // Nothing lets the request pass. `{ change }` would amend it, `{ reply }` answer it.
        if (found === undefined) return undefined;
        throw new RutterError('ERR_REQUEST_REFUSED', `The request holds "${found}", which is not allowed here.`);
      },
    };
  },
});
