/** Answers `GET /greeting`, so that a change of its code can be seen. */
import { definePlugin } from '@rutter/plugin-sdk';

export default definePlugin({
  kind: 'observer',
  setup: () => ({
    routes: [
      {
        method: 'GET',
        path: '/greeting',
        mode: 'json',
        permission: 'public',
        handler: () => ({ body: { greeting: 'Good morning' } }),
      },
    ],
  }),
});
