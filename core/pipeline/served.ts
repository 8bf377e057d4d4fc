/** What answers a model call: an open transfer, or something a plugin or cache made. */
import type { ChatEvent, ChatReply, EmbeddingsReply } from '@rutter/plugin-sdk';
import type { Transfer } from '../attempts/transfer.ts';
import type { Target } from './models.ts';

/** How the bytes of a transfer are to be understood. */
export type TransferForm = 'bytes' | 'events' | 'chat-reply' | 'embeddings-reply';

export type Served =
  | { readonly kind: 'transfer'; readonly transfer: Transfer; readonly target: Target; readonly form: TransferForm }
  | { readonly kind: 'reply'; readonly reply: ChatReply; readonly target: Target | undefined }
  | { readonly kind: 'embeddings'; readonly reply: EmbeddingsReply; readonly target: Target | undefined }
  | { readonly kind: 'events'; readonly events: AsyncIterable<ChatEvent>; readonly target: Target | undefined };
