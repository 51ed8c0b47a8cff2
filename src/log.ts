/** The log of the process: readable lines on a terminal, JSON lines otherwise (pino). */
import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

/** Redis' level names to pino's. */
const levels: Readonly<Record<string, string>> = {
  debug: 'trace',
  verbose: 'debug',
  notice: 'info',
  warning: 'warn',
  nothing: 'silent',
};

/** The level that pino knows for a value of the setting `loglevel`. */
export function pinoLevel(loglevel: string): string {
  return levels[loglevel] ?? 'info';
}

/** Writes to stdout at once, so that the last lines before an end are there. */
export function makeLogger(loglevel: string, nodeId: string): Logger {
  const options = {
    level: pinoLevel(loglevel),
    base: { node: nodeId },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (!process.stdout.isTTY) return pino(options);
  const colorize = (process.env.NO_COLOR ?? '') === '';
  const style = { colorize, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', sync: true };
  return pino(options, pretty(style));
}
