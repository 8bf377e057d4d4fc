/** Commands for learnt routing: `rutter train` and `rutter eval`. */
import { definePlugin, z } from '@rutter/plugin-sdk';
import { evaluate } from './evaluate.ts';
import { train } from './train.ts';

export default definePlugin({
  kind: 'extension',
  config: z.strictObject({}),
  setup(host) {
    const services = { embedder: host.use('embedder'), store: host.use('store') };
    return {
      commands: [
        {
          name: 'train',
          summary: 'Learn a router from outcomes.',
          run: (args, output) => train(services, args, output),
        },
        {
          name: 'eval',
          summary: 'Measure a learnt router on outcomes.',
          run: (args, output) => evaluate(services, args, output),
        },
      ],
    };
  },
});
