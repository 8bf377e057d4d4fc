/** Where a command reads and writes. */
export interface Terminal {
  readonly cwd: string;
  out(text: string): void;
  err(text: string): void;
}
