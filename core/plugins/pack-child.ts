/** Packs one folder in a process of its own: what hangs or crashes there harms nobody else. */
import { packPlugin } from '@rutter/plugin-sdk/pack';

export type PackAnswer = { readonly ok: true } | { readonly ok: false; readonly message: string };

const [folder = '', outDir = ''] = process.argv.slice(2);

const answer: PackAnswer = await packPlugin(folder, { outDir }).then(
  () => ({ ok: true }),
  (error: unknown) => ({ ok: false, message: error instanceof Error ? error.message : String(error) }),
);
process.send?.(answer, () => process.exit(0));
