/** `POST /utils/token_counter`: the tokens of a prompt, as its vendor counts them, else an estimate. */
import { type HandlerRoute, RutterError, type TokenCount } from '@rutter/plugin-sdk';
import { withBrought } from '../attempts/brought.ts';
import { vendorError } from '../attempts/errors.ts';
import { prepare } from '../attempts/prepare.ts';
import { credentials, scrubberOf, unsigned } from '../attempts/start.ts';
import type { Target } from '../pipeline/models.ts';
import { estimatedTokens } from '../pricing/usage.ts';
import { collect } from '../upstream/collect.ts';
import { objectIn, type SampleCall, sampleCall, sentBody } from './sample-call.ts';

const countMs = 10_000;

export const countTokens: HandlerRoute['handler'] = async ({ json, context }) => {
  const { prompt, ...asked } = objectIn(json, 'body');
  const messages = asked.messages ?? (typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : undefined);
  if (messages === undefined)
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      'The body has neither "messages" nor "prompt"; expected one of them.',
      {
        param: 'messages',
      },
    );
  const sample = await sampleCall(context, 'chat', { ...asked, messages });
  const { call, target } = sample;
  const told = { request_model: call.model, model_used: target.deployment.model };
  const count = target.provider.chat?.count;
  const estimate = () => ({
    total_tokens: estimatedTokens(call.text().length),
    ...told,
    tokenizer_type: 'estimate',
    estimated: true,
  });
  if (count === undefined) return { body: estimate() };
  try {
    const body = await askVendor(sample, count);
    const tokens = count.tokens(body as never);
    if (tokens === undefined) throw new RutterError('ERR_PROVIDER_MALFORMED', 'The vendor told no number of tokens.');
    return {
      body: {
        total_tokens: tokens,
        ...told,
        tokenizer_type: `${target.deployment.provider}_api`,
        original_response: body,
      },
    };
  } catch (thrown) {
    const error = scrubberOf(target).error(RutterError.from(thrown));
    // What is wrong with the request is the caller's to mend; whatever else fails, an estimate is better than nothing.
    if (error.code.startsWith('ERR_REQUEST_')) throw error;
    return {
      body: {
        ...estimate(),
        error: true,
        error_code: error.code,
        error_message: error.message,
        status_code: error.status,
      },
    };
  }
};

async function askVendor({ call, target: configured }: SampleCall, count: TokenCount): Promise<unknown> {
  const target: Target = withBrought(call, configured);
  call.needsNeutral = true;
  const prepared = await prepare(call, target, undefined);
  const {
    path,
    query,
    headers: own,
    body,
  } = count.request({
    path: prepared.path,
    ...(prepared.headers && { headers: prepared.headers }),
    body: await sentBody(prepared.body),
  });
  const { url, headers } = unsigned(call, target, { path, query, headers: own, stream: false });
  const { authenticator, upstream } = call.path.services;
  const text = JSON.stringify(body);
  const signed = await authenticator.apply(
    target.auth,
    { url, method: 'POST', headers, body: text },
    credentials(target),
  );
  const reply = await collect(upstream, {
    url: signed ?? url,
    method: 'POST',
    headers,
    body: text,
    timeoutMs: countMs,
    guarded: target.isGuarded === true,
    verifies: target.settings.verifies,
  });
  const said = reply.body.toString('utf8');
  if (reply.status >= 300) throw vendorError(target.provider.failure, reply.status, said, reply.headers);
  try {
    return JSON.parse(said);
  } catch (error) {
    throw new RutterError('ERR_PROVIDER_MALFORMED', 'The vendor counted in something that is not JSON.', {
      cause: error,
    });
  }
}
