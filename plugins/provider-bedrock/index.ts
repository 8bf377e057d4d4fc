/**
 * Calls to Amazon Bedrock: Converse for every model, InvokeModel for Claude
 * under `invoke/` and for embeddings.
 *
 * The address holds the region; where the deployment does not name one the
 * kernel fills it in, because the region of a profile is the kernel's to read.
 */
import { type ChatCodec, type Deployment, definePlugin, z } from '@rutter/plugin-sdk';
import { isFilled } from '@rutter/plugin-sdk/codecs';
import { embeddingsCodec } from './embeddings.ts';
import { bedrockFailure } from './failure.ts';
import { invokeCodec } from './invoke.ts';
import { modelOf } from './model.ts';
import { readReply } from './reply.ts';
import { writeRequest } from './request.ts';
import { readEvents } from './stream.ts';
import { bestStructure } from './structure.ts';

const config = z.strictObject({
  origin: z
    .string()
    .regex(/^https?:\/\/\S+$/)
    .default('https://bedrock-runtime.{region}.amazonaws.com')
    .describe('Base address of deployments that name none; {region} stands for the region of the call.'),
  defaultMaxTokens: z
    .int()
    .min(1)
    .default(4096)
    .describe('Output limit under invoke/ of callers who set none, where model_info.max_output_tokens does not say.'),
});

export default definePlugin({
  kind: 'provider',
  config,
  setup(_host, { origin, defaultMaxTokens }) {
    const invoke = invokeCodec(defaultMaxTokens);
    const isInvoked = (deployment: Deployment) => modelOf(deployment).form === 'invoke';
    const chat: ChatCodec = {
      framing: 'aws-event-stream',
      inlines: ['image', 'file'],
      structured(deployment, request) {
        const best = () => invoke.structured(deployment, request);
        return isInvoked(deployment) ? best() : bestStructure(deployment, request, best);
      },
      request: (input) => (isInvoked(input.deployment) ? invoke.request(input) : writeRequest(input)),
      reply: (body, context) =>
        isInvoked(context.deployment) ? invoke.reply(body, context) : readReply(body, context),
      events: (context) => (isInvoked(context.deployment) ? invoke.events(context) : readEvents(context)),
    };
    return {
      origin(deployment) {
        const { aws_bedrock_runtime_endpoint: endpoint } = deployment.params;
        if (isFilled(endpoint)) return endpoint;
        const { region } = modelOf(deployment);
        return region === undefined ? origin : origin.replaceAll('{region}', region);
      },
      variables: { aws_bedrock_runtime_endpoint: ['AWS_BEDROCK_RUNTIME_ENDPOINT', 'AWS_ENDPOINT_URL_BEDROCK_RUNTIME'] },
      auth: { scheme: 'sigv4', service: 'bedrock' },
      chat,
      embeddings: embeddingsCodec,
      failure: bedrockFailure,
    };
  },
});
