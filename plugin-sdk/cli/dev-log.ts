/** Makes lines for people of the gateway's log: decisions, reloads, refusals, and what plugins say. */

type Fields = Readonly<Record<string, unknown>>;

const warnLevel = 40;
const errorLevel = 50;

/** Fields that every line has, or that are told in other words. */
const ownFields = new Set(['level', 'time', 'name', 'msg']);

export interface DevLog {
  /** The text to show for one line of the gateway's output; undefined to show nothing. */
  tell(line: string): string | undefined;
}

/**
 * `plugin` is the instance whose every line is shown; of others only warnings and errors are.
 * `configFile` is the generated configuration.
 */
export function devLog(plugin: string, configFile: string): DevLog {
  // Nobody wrote that file: where something stands in it tells nothing.
  const place = new RegExp(
    `${configFile.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}:\\d+:\\d+: (plugins\\[\\d+\\]: )?`,
    'g',
  );
  return {
    tell(line) {
      const fields = parse(line);
      if (fields === undefined) return line.trim() === '' ? undefined : line;
      if (fields.route !== undefined && fields.attempts !== undefined) return decision(fields);
      if (fields.name === 'reload') return reload(fields)?.replace(place, '');
      const level = Number(fields.level);
      if (fields.name !== plugin && level < warnLevel) return undefined;
      return `${levelWord(level)} ${fields.name ?? 'gateway'}: ${fields.msg ?? ''}${rest(fields, ownFields)}`;
    },
  };
}

function parse(line: string): Fields | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** `200  dev: simulated/quick (quick), chosen by cheap-first · 1 attempt · 63 ms · $0.000012`. */
function decision(fields: Fields): string {
  const { status, group, model, route, attempts, tries, durationMs, costNanoUsd, error, cacheHit, ending } = fields;
  const parts = [
    namesGroup(String(route), String(group)) ? route : `${group || model}: ${route}`,
    `${attempts} attempt${attempts === 1 ? '' : 's'}${tries === undefined ? '' : ` (${tries})`}`,
    `${Math.round(Number(durationMs))} ms`,
    cost(costNanoUsd),
    ...(cacheHit === true ? ['from a cache'] : []),
    ...(error === undefined ? [] : [String(error)]),
    ...(ending === undefined || ending === 'complete' || ending === 'error' ? [] : [`ended: ${ending}`]),
  ];
  return `${status}  ${parts.join(' · ')}`;
}

const namesGroup = (route: string, group: string) =>
  route === group || route.startsWith(`${group}: `) || route.startsWith(`${group}, `);

const cost = (nanoUsd: unknown): string =>
  typeof nanoUsd === 'number' ? `$${(nanoUsd / 1e9).toFixed(6)}` : 'no price';

function reload(fields: Fields): string | undefined {
  const { level, msg, generation, sources, started, durationMs, reasons } = fields;
  if (Array.isArray(reasons)) {
    const lines = reasons.flatMap((reason) => String(reason).split('\n')).map((line) => `    ${line}\n`);
    return `REFUSED  the running generation ${generation} stays\n${lines.join('')}`.trimEnd();
  }
  if (typeof generation === 'number') {
    const what = Array.isArray(started) && started.length > 0 ? `set up ${started.join(', ')}` : 'set up nothing anew';
    const why = Array.isArray(sources) ? sources.join(', ') : 'boot';
    return `${why === 'boot' ? 'STARTED ' : 'RELOADED'} generation ${generation} (${why}): ${what} · ${Math.round(Number(durationMs))} ms`;
  }
  // Single problems of a refusal come again, together, in its last line.
  if (Number(level) >= errorLevel) return undefined;
  return `${levelWord(Number(level))} ${msg}${rest(fields, ownFields)}`;
}

function levelWord(level: number): string {
  if (level >= errorLevel) return 'ERROR   ';
  return level >= warnLevel ? 'WARNING ' : 'log     ';
}

function rest(fields: Fields, told: ReadonlySet<string>): string {
  const others = Object.entries(fields).filter(([name]) => !told.has(name));
  return others
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
}
