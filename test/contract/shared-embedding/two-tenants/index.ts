/** Knows two keys, each a tenant of its own. */
import { definePlugin, type Principal, RutterError } from '@rutter/plugin-sdk';

const tenant = (id: string): Principal => ({ id: `key-of-${id}`, kind: 'key', team: id, permissions: ['model.call'] });
const tenants: Readonly<Record<string, Principal>> = { 'sk-north': tenant('north'), 'sk-south': tenant('south') };

export default definePlugin({
  kind: 'guard',
  setup: () => ({
    identify(credential) {
      const key = Object.keys(tenants).find((known) => credential?.equals(known));
      if (key === undefined) throw new RutterError('ERR_REQUEST_UNAUTHENTICATED', 'The key belongs to no tenant.');
      return tenants[key];
    },
  }),
});
