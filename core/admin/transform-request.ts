/** `POST /utils/transform_request`: the request that a body would become, shown and not sent. */
import { type Auth, type HandlerRoute, RutterError } from '@rutter/plugin-sdk';
import { withBrought } from '../attempts/brought.ts';
import { prepare } from '../attempts/prepare.ts';
import { scrubberOf, unsigned } from '../attempts/start.ts';
import { isSecretName } from '../config/secrets.ts';
import { credentialHeaders } from '../http/credentials.ts';
import { objectIn, sampleCall, sentBody } from './sample-call.ts';

const mask = '[secret]';

/** LiteLLM's names of calls, with the operations they are. */
const operations: Readonly<Record<string, string>> = {
  completion: 'chat',
  acompletion: 'chat',
  text_completion: 'completions',
  atext_completion: 'completions',
  embedding: 'embeddings',
  aembedding: 'embeddings',
};

export const transformRequest: HandlerRoute['handler'] = async ({ json, context }) => {
  const asked = objectIn(json, 'body');
  const type = asked.call_type ?? 'completion';
  const operation = typeof type === 'string' && Object.hasOwn(operations, type) ? operations[type] : undefined;
  if (operation === undefined)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `"call_type" is ${JSON.stringify(type)?.slice(0, 64)}; expected one of ${Object.keys(operations).join(', ')}.`,
      {
        param: 'call_type',
      },
    );
  const { call, target: configured } = await sampleCall(
    context,
    operation,
    objectIn(asked.request_body, 'request_body'),
  );
  const target = withBrought(call, configured);
  const prepared = await prepare(call, target, undefined);
  const { url, headers } = unsigned(call, target, prepared);
  const body = await sentBody(prepared.body);
  const scrubber = scrubberOf(target);
  const shown = {
    deployment: target.deployment.id,
    provider: target.deployment.provider,
    method: prepared.method,
    raw_request_api_base: withMaskedQuery(url, target.auth),
    raw_request_body: body,
    raw_request_headers: { ...masked(headers), ...maskedCredential(target.auth) },
    dropped: prepared.dropped,
  };
  return { headers: { 'content-type': 'application/json' }, body: scrubber.text(JSON.stringify(shown)) };
};

function masked(headers: Readonly<Record<string, string>>): Record<string, string> {
  const isSecret = (name: string) => credentialHeaders.has(name) || isSecretName(name);
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isSecret(name) ? mask : value]));
}

/** The header that a credential would come in. */
function maskedCredential(auth: Auth): Record<string, string> {
  if (auth.scheme === 'first') return auth.of[0] ? maskedCredential(auth.of[0]) : {};
  if (auth.scheme === 'header') return { [auth.header.toLowerCase()]: `${auth.prefix ?? ''}${mask}` };
  return auth.scheme === 'sigv4' || auth.scheme === 'oauth2' ? { authorization: mask } : {};
}

function withMaskedQuery(url: string, auth: Auth): string {
  if (auth.scheme !== 'query') return url;
  return `${url}${url.includes('?') ? '&' : '?'}${auth.parameter}=${mask}`;
}
