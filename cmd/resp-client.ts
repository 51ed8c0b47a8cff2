/** A client of a few lines for the operator's commands: one question, one answer, one deadline. */
import net from 'node:net';
import Parser from 'redis-parser';

export type Answer = string | number | null | Error | Answer[];

export function encode(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

/** The answers to several commands, in order; rejects after timeoutMs. */
export function ask(
  host: string,
  port: number,
  commands: readonly (readonly string[])[],
  timeoutMs: number,
): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true });
    const answers: Answer[] = [];
    const end = (error: Error | null) => {
      clearTimeout(timer);
      socket.destroy();
      if (error === null) resolve(answers);
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error('no answer')), timeoutMs);
    const take = (answer: Answer) => {
      answers.push(answer);
      if (answers.length === commands.length) end(null);
    };
    const parser = new Parser({
      returnReply: take,
      returnError: take,
      returnFatalError: (error: Error) => end(error),
    });
    socket.on('data', (chunk) => parser.execute(chunk));
    socket.on('error', (error) => end(error));
    socket.on('close', () => end(new Error('the connection was closed')));
    socket.write(commands.map(encode).join(''));
  });
}

/** "field:value" lines of INFO. */
export function infoFields(answer: Answer): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of String(answer).split(/\r?\n/)) {
    const at = line.indexOf(':');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  return fields;
}
