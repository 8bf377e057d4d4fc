/** Server-sent events as a test reads them. */

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** The events of a whole stream; comments are left out. */
export function readEvents(text: string): readonly ServerEvent[] {
  return text.split(/\r?\n\r?\n/).flatMap((block) => {
    const lines = block.split(/\r?\n/);
    const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart());
    if (data.length === 0) return [];
    const event =
      lines
        .find((line) => line.startsWith('event:'))
        ?.slice(6)
        .trim() ?? 'message';
    return [{ event, data: data.join('\n') }];
  });
}

/** The text that the chunks of an OpenAI chat stream add up to. */
export function streamedText(text: string): string {
  return readEvents(text)
    .filter(({ data }) => data !== '[DONE]')
    .map(
      ({ data }) =>
        (JSON.parse(data) as { choices?: { delta?: { content?: string } }[] }).choices?.[0]?.delta?.content ?? '',
    )
    .join('');
}
