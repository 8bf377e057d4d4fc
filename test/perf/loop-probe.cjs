// Loaded into a gateway: how late its timers are, and what its main thread takes, into a file every 200 ms.
const { renameSync, writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { isMainThread } = require('node:worker_threads');

const file = process.env.RUTTER_LOOP_PROBE;
const resolution = 1;

if (file && isMainThread) {
  const histogram = monitorEventLoopDelay({ resolution });
  let epoch = process.env.RUTTER_LOOP_PROBE_START_MS ?? 0;
  let before = process.threadCpuUsage();
  histogram.enable();
  // From the first request on: what starting takes is no delay of anybody.
  process.on('SIGUSR2', () => {
    histogram.reset();
    before = process.threadCpuUsage();
    epoch = Date.now();
  });
  const tell = () => {
    const { user, system } = process.threadCpuUsage(before);
    const ms = (share) => Math.max(0, histogram.percentile(share) / 1e6 - resolution);
    const told = { pid: process.pid, epoch, cpuMs: (user + system) / 1000, p50: ms(50), p99: ms(99) };
    writeFileSync(`${file}.${process.pid}.part`, JSON.stringify(told));
    renameSync(`${file}.${process.pid}.part`, `${file}.${process.pid}`);
  };
  setInterval(tell, 200).unref();
}
