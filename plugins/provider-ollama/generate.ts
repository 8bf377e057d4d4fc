/** The prompt of `/api/generate`. https://docs.ollama.com/api/generate */
import type { Message } from '@rutter/plugin-sdk';
import { defined, type JsonObject } from '@rutter/plugin-sdk/codecs';
import { readContent } from './chat.ts';

const titles: Readonly<Partial<Record<Message['role'], string>>> = { user: 'User', assistant: 'Assistant' };

/**
 * One prompt of all turns. The model's template puts it into one turn of the user's: a single question stands as it
 * is, and a conversation is told as a play is, up to where the assistant speaks next.
 */
export function writePrompt(messages: readonly Message[]): JsonObject {
  const turns = messages.map((message, index) => ({ role: message.role, ...readContent(message, index) }));
  const isSystem = ({ role }: { readonly role: Message['role'] }) => role === 'system' || role === 'developer';
  const system = turns.filter(isSystem).map(({ text }) => text);
  const spoken = turns.filter((turn) => !isSystem(turn));
  const images = turns.flatMap((turn) => turn.images);
  const [only] = spoken;
  const prompt =
    spoken.length === 1 && only?.role === 'user'
      ? only.text
      : [...spoken.map(({ role, text }) => `### ${titles[role] ?? 'User'}:\n${text}\n\n`), '### Assistant:\n'].join('');
  return defined({
    prompt: spoken.length === 0 ? '' : prompt,
    system: system.length > 0 ? system.join('\n\n') : undefined,
    images: images.length > 0 ? images : undefined,
  });
}
