/**
 * Packs plugin folders, once per content, in a child process under a deadline.
 *
 * Entries are folders named by a hash of the sources; they are made beside
 * and renamed into place, so that an entry is whole or absent.
 */
import { fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiVersion, type Clock, RutterError } from '@rutter/plugin-sdk';
import { draftName, type PackedManifest, packedNames, type UntrustedDraft } from '@rutter/plugin-sdk/pack';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { PackAnswer } from './pack-child.ts';
import { contentHash } from './source-files.ts';

const mostEntries = 100;
const longestComplaint = 4096;

/** Beside this module: a source file where this runs from sources, else the built one. */
const isSource = import.meta.url.endsWith('.ts');
const childFile = fileURLToPath(new URL(isSource ? './pack-child.ts' : './pack-child.js', import.meta.url));

export interface PackCacheOptions {
  /** Where entries stand. */
  readonly folder: string;
  readonly clock: Clock;
  /** 20,000 when absent. */
  readonly deadlineMs?: number;
  /** Evaluates what is not trusted. */
  readonly sandbox: Pick<Sandbox, 'describe'>;
}

export class PackCache {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #sandbox: PackCacheOptions['sandbox'];
  #drafts = 0;

  constructor({ folder, clock, deadlineMs = 20_000, sandbox }: PackCacheOptions) {
    this.#sandbox = sandbox;
    this.#folder = folder;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * The folder with the packed form of what `folder` holds now. Where it is not trusted, nothing outside of it
   * is read and its text is evaluated in the sandbox alone. ERR_PLUGIN_INVALID when it cannot be packed.
   */
  async pack(folder: string, trust: 'trusted' | 'untrusted' = 'trusted'): Promise<string> {
    const isTrusted = trust === 'trusted';
    const sources = await contentHash(folder, isTrusted ? 'follow' : 'refuse');
    const identity = [apiVersion, process.versions.node, folder, sources, ...(isTrusted ? [] : [trust])];
    const name = hash('sha256', JSON.stringify(identity), 'hex');
    const entry = join(this.#folder, name);
    if (existsSync(join(entry, packedNames.manifest))) {
      const now = this.#clock.now() / 1000;
      await utimes(entry, now, now).catch(() => {});
      return entry;
    }
    await mkdir(this.#folder, { recursive: true });
    this.#drafts += 1;
    // At the same depth as the entry: the source map names sources relative to itself.
    const draft = join(this.#folder, `${name}.${process.pid}.${this.#drafts}.draft`);
    try {
      await this.#run(folder, draft, trust);
      if (!isTrusted) await this.#describe(draft);
      await rename(draft, entry).catch((error: unknown) => {
        // Another process was quicker with the same sources.
        if (!existsSync(join(entry, packedNames.manifest))) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    await this.#prune();
    return entry;
  }

  /** Completes what was packed without being run. */
  async #describe(draft: string): Promise<void> {
    const written = JSON.parse(await readFile(join(draft, draftName), 'utf8')) as UntrustedDraft;
    const { manifest, isPlain, digest } = written;
    const text = await readFile(join(draft, packedNames.text), 'utf8');
    const { kind, config } = await this.#sandbox.describe(manifest.name, text);
    if (!isPlain && kind !== manifest.kind)
      throw new RutterError(
        'ERR_PLUGIN_INVALID',
        `Plugin "${manifest.name}" defines kind "${kind}", expected "${manifest.kind}" as its manifest says.`,
      );
    const packed: PackedManifest = { ...manifest, kind, config, digest };
    await writeFile(join(draft, packedNames.manifest), JSON.stringify(packed));
  }

  async #run(folder: string, outDir: string, trust: string): Promise<void> {
    const child = fork(childFile, [folder, outDir, String(process.pid), trust], {
      execArgv: isSource ? ['--conditions=@rutter/source'] : [],
      env: {},
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const finished = new AbortController();
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-longestComplaint);
    });
    const answered = new Promise<PackAnswer>((resolve) => {
      child.once('message', (answer) => resolve(answer as PackAnswer));
      child.once('error', (error) => resolve({ ok: false, message: `The packing process failed: ${error.message}` }));
      // Output may still be on its way when `exit` comes; at `close` it has all arrived.
      child.once('close', (code, signal) =>
        resolve({ ok: false, message: `The packing process ended with ${signal ?? code}. ${complaint}`.trim() }),
      );
    });
    const late = this.#clock.sleep(this.#deadlineMs, finished.signal).then(
      (): PackAnswer => ({
        ok: false,
        message: `Packing ${folder} took longer than ${this.#deadlineMs} ms: expected a top level that ends.`,
      }),
      (): PackAnswer => ({ ok: true }),
    );
    const answer = await Promise.race([answered, late]);
    finished.abort();
    killGroup(child.pid);
    if (!answer.ok) throw new RutterError('ERR_PLUGIN_INVALID', answer.message);
  }

  /** Forgets the entries that have been out of use longest. */
  async #prune(): Promise<void> {
    const names = await readdir(this.#folder);
    if (names.length <= mostEntries) return;
    const aged = await Promise.all(
      names.map(async (name) => ({
        name,
        usedAt: await stat(join(this.#folder, name)).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      })),
    );
    const oldest = aged.toSorted((a, b) => a.usedAt - b.usedAt).slice(0, names.length - mostEntries);
    for (const { name } of oldest) await rm(join(this.#folder, name), { recursive: true, force: true });
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
