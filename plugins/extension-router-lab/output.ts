/** Where a command writes what it has to say. */
export interface Output {
  write(text: string): void;
}
