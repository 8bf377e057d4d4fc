/** Profiles from `~/.aws/credentials` and `~/.aws/config`, the former winning where both name a key. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export type Profile = Readonly<Record<string, string>>;

export interface ProfileFolder {
  readonly environment: NodeJS.ProcessEnv;
  readonly homeFolder: string;
}

/** Undefined when neither file has the profile. */
export async function readProfile(name: string, folder: ProfileFolder): Promise<Profile | undefined> {
  const { environment, homeFolder } = folder;
  const [config, credentials] = await Promise.all([
    readSections(configFile(folder)),
    readSections(environment.AWS_SHARED_CREDENTIALS_FILE ?? join(homeFolder, '.aws', 'credentials')),
  ]);
  const fromConfig = config.get(`profile ${name}`) ?? (name === 'default' ? config.get(name) : undefined);
  const fromCredentials = credentials.get(name);
  return fromConfig === undefined && fromCredentials === undefined ? undefined : { ...fromConfig, ...fromCredentials };
}

/** A session of `aws sso login`, which several profiles may share; undefined where the file has none of the name. */
export async function readSsoSession(name: string, folder: ProfileFolder): Promise<Profile | undefined> {
  return (await readSections(configFile(folder))).get(`sso-session ${name}`);
}

const configFile = ({ environment, homeFolder }: ProfileFolder): string =>
  environment.AWS_CONFIG_FILE ?? join(homeFolder, '.aws', 'config');

async function readSections(file: string): Promise<Map<string, Record<string, string>>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  return parseSections(text);
}

/** Sections by name; indented lines belong to nested settings and are passed over. */
export function parseSections(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> = Object.create(null);
  for (const line of text.split(/\r?\n/)) {
    const name = /^\[\s*(.*?)\s*\]/.exec(line)?.[1]?.replace(/\s+/g, ' ');
    if (name !== undefined) {
      section = sections.get(name) ?? Object.create(null);
      sections.set(name, section);
      continue;
    }
    const mark = line.indexOf('=');
    if (mark === -1 || /^[\s#;]/.test(line)) continue;
    section[line.slice(0, mark).trim().toLowerCase()] = line
      .slice(mark + 1)
      .replace(/\s[#;].*$/, '')
      .trim();
  }
  return sections;
}
