/**
 * Calls to vLLM servers, wherever they run.
 *
 * vLLM speaks OpenAI's API and adds to it: `guided_json` and its like, sampling
 * parameters, `chat_template_kwargs`. All of these pass as they are.
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 */
import { definePlugin } from '@rutter/plugin-sdk';
import {
  openAiChatCodec,
  openAiCompletionsCodec,
  openAiEmbeddingsCodec,
  openAiFailure,
} from '@rutter/plugin-sdk/codecs';

export default definePlugin({
  kind: 'provider',
  setup() {
    // What a server calls its model is the operator's choice and says nothing of OpenAI's rules.
    const options = { historyReasoning: 'reasoning_content', openAiName: () => undefined } as const;
    return {
      origin: '',
      variables: { api_base: ['HOSTED_VLLM_API_BASE'] },
      auth: {
        scheme: 'header',
        header: 'authorization',
        prefix: 'Bearer ',
        variable: 'HOSTED_VLLM_API_KEY',
        optional: true,
      },
      chat: openAiChatCodec(options),
      completions: openAiCompletionsCodec(options),
      embeddings: openAiEmbeddingsCodec(),
      failure: openAiFailure,
    };
  },
});
