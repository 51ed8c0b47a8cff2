/** The log of the process: readable lines on a terminal, JSON otherwise (pino). */
import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

/** Redis' level names to pino's. */
const levels: Readonly<Record<string, string>> = {
  debug: 'trace',
  verbose: 'debug',
  notice: 'info',
  warning: 'warn',
  nothing: 'silent',
};

export function makeLogger(loglevel: string, nodeId: string): Logger {
  const level = levels[loglevel] ?? 'info';
  const base = { node: nodeId };
  if (!process.stdout.isTTY) return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime });
  const colorize = process.env.NO_COLOR === undefined;
  const stream = pretty({
    colorize,
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss.l',
    sync: true,
  });
  return pino({ level, base }, stream);
}
