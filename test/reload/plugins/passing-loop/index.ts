/** A loop around calls that passes on what it is given: a composition with it takes another way than one without. */
import { definePlugin } from '@rutter/plugin-sdk';

export default definePlugin({
  kind: 'extension',
  setup: () => ({ wrap: (_call, next) => next() }),
});
