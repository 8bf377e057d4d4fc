/**
 * Whether a plugin that is not shipped may run, and whether inside the
 * gateway: by its signatures, the lists of the configuration, and what is
 * remembered of it.
 *
 * Invariant: it judges the bytes that would run; a signature once seen
 * cannot vanish.
 */
import { RutterError } from '@rutter/plugin-sdk';
import { isInRange, isSignedBy, type PackedFiles, readReference, signatureName } from '@rutter/plugin-sdk/pack';
import type { TrustedPlugins, TrustSettings } from '../config/types.ts';
import type { SignerMemory } from './signer-memory.ts';

export interface Judged {
  /** Trusted by key or name. */
  readonly isTrusted: boolean;
  /** Id of the trusted key that has signed it; undefined for none. */
  readonly signer: string | undefined;
}

interface Described {
  readonly name: string;
  readonly version: string;
  readonly needs: readonly string[];
}

/** `folder` is named in what is refused: ERR_PLUGIN_INVALID with file and reason. */
export function judge(
  { manifest, bytes, signatures }: PackedFiles,
  {
    folder,
    settings,
    memory,
  }: { readonly folder: string; readonly settings: TrustSettings; readonly memory: SignerMemory },
): Judged {
  const file = `${folder}/${signatureName}`;
  const { name, version } = manifest;
  const signer = signatures
    .flatMap((signature) => {
      const trusted = settings.trusted.filter(({ key }) => key?.id === signature.key);
      // One key in two entries is one key: what it signs is looked at once.
      const publicKey = trusted[0]?.key?.publicKey;
      if (publicKey !== undefined && !isSignedBy(bytes, signature, publicKey))
        throw refusal(`${file}: the signature of key ${signature.key} is not of these files of "${name}" ${version}`);
      return trusted;
    })
    .find((one) => covers(one, manifest));
  const byName = settings.trusted.find((one) => one.key === undefined && covers(one, manifest));
  if (signer === undefined && settings.needsSignature && byName === undefined)
    throw refusal(
      `${file}: "${name}" ${version} is not signed by a trusted key for it; found ${foundKeys(signatures)}, expected one under "plugin_trust.trusted", since "signatures" is "required"`,
    );
  const before = memory.signerOf(name);
  if (signer === undefined && byName === undefined && before !== undefined)
    throw refusal(
      `${file}: "${name}" was signed by key ${before} before, and ${version} is not signed by a trusted key; found ${foundKeys(signatures)}. Sign it, or trust it by name under "plugin_trust.trusted"`,
    );
  refuseUnlisted(manifest, folder, settings, signer ?? byName);
  if (signer?.key !== undefined) memory.remember(name, signer.key.id);
  return { isTrusted: (signer ?? byName) !== undefined, signer: signer?.key?.id };
}

/** The lists alone, for what is not packed and so cannot be signed. */
export function judgeUnpacked(manifest: Described, { folder, settings, memory }: Parameters<typeof judge>[1]): Judged {
  const byName = settings.trusted.find((one) => one.key === undefined && covers(one, manifest));
  const before = memory.signerOf(manifest.name);
  if (byName === undefined && (settings.needsSignature || before !== undefined))
    throw refusal(
      `${folder}: "${manifest.name}" is not packed, and so not signed${before === undefined ? '' : `, and was signed by key ${before} before`}. Pack and sign it, or trust it by name under "plugin_trust.trusted"`,
    );
  refuseUnlisted(manifest, folder, settings, byName);
  return { isTrusted: byName !== undefined, signer: undefined };
}

function refuseUnlisted(
  { name, version, needs }: Described,
  folder: string,
  { allow, needs: allNeeds }: TrustSettings,
  trusted: TrustedPlugins | undefined,
): void {
  if (allow !== undefined && !allow.some((reference) => fits(reference, { name, version })))
    throw refusal(
      `${folder}: "${name}" ${version} is not among the plugins under "plugin_trust.allow"; found ${allow.join(', ') || 'an empty list'}`,
    );
  const granted = trusted?.needs ?? allNeeds;
  const refused = granted === undefined ? [] : needs.filter((need) => !granted.includes(need));
  if (refused.length > 0)
    throw refusal(
      `${folder}: "${name}" ${version} needs ${refused.join(' and ')}, which "plugin_trust" does not grant; expected at most ${granted?.join(', ') || 'nothing'}`,
    );
}

const covers = ({ plugins }: TrustedPlugins, manifest: Pick<Described, 'name' | 'version'>): boolean =>
  plugins === undefined || plugins.some((reference) => fits(reference, manifest));

function fits(text: string, { name, version }: Pick<Described, 'name' | 'version'>): boolean {
  const reference = readReference(text);
  return reference !== undefined && reference.name === name && isInRange(version, reference.range);
}

const foundKeys = (signatures: PackedFiles['signatures']): string =>
  signatures.length === 0 ? 'no signature' : `signatures of ${signatures.map(({ key }) => key).join(', ')}`;

const refusal = (message: string) => new RutterError('ERR_PLUGIN_INVALID', `${message}.`);
