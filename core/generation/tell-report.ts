/** What became of a change, as lines of the log. */
import type { Log } from '@rutter/plugin-sdk';
import type { GenerationList } from './history.ts';
import type { ReloadReport } from './report.ts';

/** `rollback` is set while an earlier composition is in force in place of the files. */
export function tellReport(log: Log, report: ReloadReport, rollback: GenerationList['rollback']): void {
  const { generation, sources, durationMs, started, kept, leftOut } = report;
  for (const { severity, message, found, expected, place } of report.diagnostics) {
    const fields = {
      file: place.file,
      line: place.line,
      column: place.column,
      path: place.path,
      found,
      expected,
      source: sources.join(','),
    };
    if (severity === 'error') log.error(fields, `refused: ${message}`);
    else if (report.changed || !report.ok) log.warn(fields, message);
  }
  for (const { name, state, reason, error } of leftOut)
    log.warn({ plugin: name, state, reason, error }, 'a plugin was left out');
  if (!report.ok)
    log.error(
      { generation, sources, reasons: report.reasons, durationMs },
      'the change was refused; the running generation stays',
    );
  else if (report.changed)
    log.info({ generation, sources, started, kept: kept.length, durationMs }, 'a new generation is in force');
  if (report.ok && report.changed && rollback !== undefined)
    log.warn(
      { generation, rollbackOf: rollback.to },
      `an earlier composition is in force in place of the files, until ${rollback.until}`,
    );
}
