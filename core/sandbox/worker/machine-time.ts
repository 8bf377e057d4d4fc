/** Milliseconds that only rise, the same in every thread of the machine. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;
