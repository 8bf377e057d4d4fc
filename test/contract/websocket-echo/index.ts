/**
 * Sends every message of a WebSocket back, one at a time and in order.
 *
 * It takes the next message only when the last has gone, so that a client
 * that does not read is not read from either.
 */
import { definePlugin, RutterError } from '@rutter/plugin-sdk';

export default definePlugin({
  kind: 'protocol',
  setup: () => ({
    routes: [
      {
        method: 'GET',
        mode: 'upgrade',
        path: '/v1/echo/:room',
        permission: 'model.call',
        subprotocols: ['echo.v2', 'echo.v1'],
        async handler({ params, query, context }, socket) {
          await socket.send(
            JSON.stringify({ room: params.room, query, who: context.principal.id, protocol: socket.protocol }),
          );
          for await (const message of socket.messages) {
            if (message === 'bye') return;
            if (message === 'fail') throw new Error('a fault with sk-secret in it');
            if (message === 'refuse') throw new RutterError('ERR_REQUEST_FORBIDDEN', 'This room is closed.');
            await socket.send(message);
          }
        },
      },
    ],
  }),
});
