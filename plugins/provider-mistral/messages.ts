/** Messages as Mistral takes them: parts of its own, thinking among the content, ids of nine characters. */
import {
  type BodyChange,
  imagePart,
  isFilled,
  isObject,
  isString,
  type JsonObject,
  messagesWith,
  type PartWriter,
} from '@rutter/plugin-sdk/codecs';
import { toolId } from './tool-ids.ts';

/** https://docs.mistral.ai/capabilities/document_ai/document_qna: an address or a data URI, or the id of an uploaded file. */
const filePart: PartWriter = ({ file }) => {
  if (!isObject(file)) return undefined;
  const { file_data: data, file_id: id, filename: name } = file;
  const address = isFilled(data) ? data : isFilled(id) && /^https?:/i.test(id) ? id : undefined;
  if (address !== undefined) {
    // Only a whole address says what the bytes are.
    const url = /^(?:https?|data):/i.test(address) ? address : `data:application/pdf;base64,${address}`;
    return { type: 'document_url', document_url: url, ...(isFilled(name) && { document_name: name }) };
  }
  return isFilled(id) ? { type: 'file', file_id: id } : undefined;
};

/** https://docs.mistral.ai/capabilities/audio: the base64 data itself. */
const audioPart: PartWriter = ({ input_audio: audio }) => {
  const data = isObject(audio) ? audio.data : audio;
  return isFilled(data) ? { type: 'input_audio', input_audio: data } : undefined;
};

/** Mistral's own parts, for callers who know them. */
const asFound: PartWriter = (part) => part;

const write = messagesWith({
  vendor: 'Mistral',
  parts: {
    image_url: imagePart,
    file: filePart,
    input_audio: audioPart,
    document_url: asFound,
    reference: asFound,
    thinking: asFound,
  },
  refusesSilence: true,
  keeps: ['prefix'],
  toolId,
  reasoning: withThinking,
});

/** Only models that reason, or are asked to, read what was thought before; others refuse it. */
function withThinking(message: JsonObject, text: string, { fields, deployment }: BodyChange): JsonObject {
  const reasons = /magistral/.test(deployment.model) || isFilled(fields.reasoning_effort) || isObject(fields.thinking);
  if (text === '' || !reasons) return message;
  const { content } = message;
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text }] };
  const rest = isString(content) ? (content === '' ? [] : [{ type: 'text', text: content }]) : content;
  return { ...message, content: [thinking, ...(rest as JsonObject[])] };
}

/** All messages. An assistant's turn that stands last is a beginning the model goes on from, and has to be marked as such. */
export function writeMessages(messages: readonly JsonObject[], change: BodyChange): readonly JsonObject[] {
  const written = write(messages, change);
  const last = written.at(-1);
  return last?.role === 'assistant' && last.tool_calls === undefined
    ? [...written.slice(0, -1), { ...last, prefix: true }]
    : written;
}
