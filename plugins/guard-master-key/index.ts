/**
 * Admits whoever holds the master key, as administrator, and nobody else.
 *
 * The key is compared in constant time by the host's secret object; this
 * plugin never sees it as text, and neither does any log or error.
 */
import { definePlugin, type Principal, RutterError, secret, z } from '@rutter/plugin-sdk';

const config = z.strictObject({
  master_key: secret().describe(
    'The key that opens everything. A reference such as os.environ/RUTTER_MASTER_KEY keeps it out of the file.',
  ),
});

const master: Principal = Object.freeze({ id: 'master', kind: 'admin', permissions: Object.freeze(['*']) });

const headers = { 'www-authenticate': 'Bearer' };

export default definePlugin({
  kind: 'guard',
  config,
  setup(_host, { master_key: key }) {
    if (isEmpty(key)) {
      throw new RutterError(
        'ERR_CONFIG_INVALID',
        'master_key is empty, which would admit an empty credential. Set a key, or take the setting out.',
      );
    }
    return {
      identify(credential) {
        if (credential === undefined)
          throw new RutterError('ERR_REQUEST_UNAUTHENTICATED', 'No api key passed in.', { headers });
        if (credential.equals(key)) return master;
        throw new RutterError('ERR_REQUEST_UNAUTHENTICATED', 'Invalid api key passed in.', { headers });
      },
    };
  },
});

const isEmpty = (key: z.output<typeof config>['master_key']): boolean =>
  typeof key === 'string' ? key === '' : key.equals('');
