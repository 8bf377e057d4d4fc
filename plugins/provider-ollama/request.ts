/** Which operation a request goes to, and its body. */
import type { ChatRequest, Deployment, UpstreamRequest } from '@rutter/plugin-sdk';
import { defined, dropsFor, isFilled } from '@rutter/plugin-sdk/codecs';
import { writeCommon } from './body.ts';
import { writeMessages, writeTools } from './chat.ts';
import { writePrompt } from './generate.ts';

const usesTools = ({ messages, tools = [] }: ChatRequest): boolean =>
  tools.length > 0 || messages.some(({ role, toolCalls = [] }) => role === 'tool' || toolCalls.length > 0);

/**
 * The prefix says which operation is called. Two things only one of them can do: tools belong to the chat, and what
 * stands behind a gap, or a prompt without a template, to the other.
 */
function isGenerate(request: ChatRequest, { provider }: Deployment): boolean {
  if (isFilled(request.extra.suffix) || request.extra.raw === true) return true;
  return provider !== 'ollama_chat' && !usesTools(request);
}

export function writeRequest(
  { deployment, ...request }: ChatRequest & { readonly deployment: Deployment },
  path: (operation: 'chat' | 'generate', deployment: Deployment) => string,
): UpstreamRequest {
  const drops = dropsFor(deployment);
  const { body, tools, choice } = writeCommon(request, deployment, drops);
  const operation = isGenerate(request, deployment) ? 'generate' : 'chat';
  const rest =
    operation === 'generate'
      ? writePrompt(request.messages)
      : { messages: writeMessages(request.messages), tools: writeTools(tools, choice, drops) };
  return {
    path: path(operation, deployment),
    body: defined({ ...body, ...rest }),
    ...(drops.dropped.length > 0 && { dropped: drops.dropped }),
  };
}
