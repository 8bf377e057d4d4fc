/**
 * A Ceph object gateway on the loopback interface: a real server of S3 that
 * checks signatures, keeps conditions and lists in pages. Data is in memory.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { signRequest } from '../../core/upstream/auth/sigv4.ts';
import { endAfterFile } from './leftovers.ts';
import { until } from './until.ts';

const programs = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-mgr', 'radosgw-admin', 'monmaptool', 'ceph'];
const missing = programs.filter(
  (name) => !['/usr/bin', '/usr/local/bin'].some((folder) => existsSync(join(folder, name))),
);

/** Why there is no server here, in words for the title of what is skipped; undefined where there can be one. */
export const rgwMissing: string | undefined =
  missing.length > 0
    ? `found no ${missing.join(', ')}: apt-get install radosgw ceph-mon ceph-osd ceph-mgr ceph-common`
    : process.getuid?.() === 0
      ? undefined
      : 'its daemons need root';

export interface Rgw {
  readonly endpoint: string;
  readonly keyId: string;
  readonly secret: string;
  createBucket(name: string): Promise<void>;
  /** Stops answering, as a server that is away; and answers again, with what it held. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

const script = `
set -euo pipefail
D=$1; PORT=$2; MON1=$3; MON2=$4
mkdir -p "$D"/run "$D"/log "$D"/mon "$D"/osd "$D"/mgr "$D"/rgw
uuid() { cat /proc/sys/kernel/random/uuid; }
FSID=$(uuid)
cat > "$D/ceph.conf" <<CONF
[global]
fsid = $FSID
mon host = [v2:127.0.0.1:$MON1,v1:127.0.0.1:$MON2]
mon initial members = a
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
run dir = $D/run
admin socket = $D/run/\\$name.asok
log file = $D/log/\\$name.log
pid file = $D/run/\\$name.pid
[mon.a]
host = localhost
mon data = $D/mon
[mgr]
mgr data = $D/mgr
[osd]
osd data = $D/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$PORT
rgw data = $D/rgw
ms mon client mode = crc
rgw dns name = localhost
CONF
monmaptool --create --addv a "[v2:127.0.0.1:$MON1,v1:127.0.0.1:$MON2]" --fsid "$FSID" "$D/monmap"
ceph-mon -i a --mkfs --monmap "$D/monmap" -c "$D/ceph.conf"
ceph-mon -i a -c "$D/ceph.conf"
OSD=$(uuid)
timeout 30 ceph -c "$D/ceph.conf" osd new "$OSD"
ceph-osd -i 0 --mkfs --osd-uuid "$OSD" -c "$D/ceph.conf"
ceph-osd -i 0 -c "$D/ceph.conf"
ceph-mgr -i x -c "$D/ceph.conf" --setuser root --setgroup root
radosgw -n client.rgw -c "$D/ceph.conf"
timeout 60 radosgw-admin -c "$D/ceph.conf" user create --uid=test --display-name=test --access-key="$KEY_ID" --secret-key="$SECRET"
`;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export async function startRgw(): Promise<Rgw> {
  const folder = await mkdtemp(join(tmpdir(), 'rutter-rgw-'));
  const [port, first, second] = [await freePort(), await freePort(), await freePort()];
  const [keyId, secret] = ['testkey', 'test-secret-of-the-bucket'];
  const endpoint = `http://127.0.0.1:${port}`;
  const daemons = async (): Promise<readonly number[]> => {
    const names = (await readdir(join(folder, 'run')).catch((): string[] => [])).filter((name) =>
      name.endsWith('.pid'),
    );
    const texts = await Promise.all(names.map((name) => readFile(join(folder, 'run', name), 'utf8')));
    return texts.map(Number).filter((pid) => pid > 1);
  };
  const signal = async (name: NodeJS.Signals, only = '') => {
    for (const pid of await daemons()) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      // A number may have been given to a stranger since.
      if (command.includes(folder) && command.includes(only)) process.kill(pid, name);
    }
  };
  const stop = async () => {
    await signal('SIGCONT');
    await signal('SIGKILL');
    forget();
    await rm(folder, { recursive: true, force: true });
  };
  const forget = endAfterFile(stop);
  const file = join(folder, 'start.sh');
  await writeFile(file, script);
  await promisify(execFile)('bash', [file, folder, String(port), String(first), String(second)], {
    env: { ...process.env, KEY_ID: keyId, SECRET: secret },
    timeout: 120_000,
  });
  const isUp = () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  await until('the object gateway to answer', isUp, 60_000);
  const createBucket = async (name: string) => {
    const path = `/${name}`;
    const request = { method: 'PUT', host: `127.0.0.1:${port}`, path, query: '', headers: {}, body: undefined };
    const credentials = { accessKeyId: keyId, secretAccessKey: secret, sessionToken: undefined };
    const headers = signRequest(request, { credentials, region: 'us-east-1', service: 's3', now: Date.now() });
    const reply = await fetch(endpoint + path, { method: 'PUT', headers });
    if (reply.status !== 200) throw new Error(`The bucket was not made: ${reply.status} ${await reply.text()}`);
  };
  return {
    endpoint,
    keyId,
    secret,
    createBucket,
    stop,
    pause: () => signal('SIGSTOP', 'radosgw'),
    resume: () => signal('SIGCONT', 'radosgw'),
  };
}
