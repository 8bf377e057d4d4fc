/**
 * Servers that tests start: installed where nobody minds, named where somebody might.
 *
 * As root, in a container or with `CI` set, apt brings what is missing; on a
 * person's machine nothing is installed unasked, and the tests say what they skip.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const servers = [
  {
    name: 'Ceph RADOS Gateway (S3)',
    programs: ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-mgr', 'radosgw-admin', 'monmaptool', 'ceph'],
    packages: ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-mgr', 'ceph-common'],
  },
];

const mostMs = 300_000;
const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/sbin', '/sbin');

const isThere = (program) => folders.some((folder) => existsSync(join(folder, program)));
const isContainer = () => existsSync('/.dockerenv') || existsSync('/run/.containerenv');
const mayInstall = () => process.getuid?.() === 0 && (Boolean(process.env.CI) || isContainer()) && isThere('apt-get');

/** Returns whatever happens: a server that cannot be had costs its own tests and no others. */
export function installServers() {
  const missing = servers.filter(({ programs }) => !programs.every(isThere));
  if (missing.length === 0) return;
  const packages = missing.flatMap((server) => server.packages);
  const isInstalled = mayInstall() && (apt('install', ...packages) || (apt('update') && apt('install', ...packages)));
  if (isInstalled) return;
  const names = missing.map(({ name }) => name).join(', ');
  process.stdout.write(`Tests of ${names} are skipped; to have them: apt-get install ${packages.join(' ')}\n`);
}

function apt(command, ...packages) {
  const { status } = spawnSync('apt-get', [command, '-y', '-q', '--no-install-recommends', ...packages], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: mostMs,
  });
  return status === 0;
}
