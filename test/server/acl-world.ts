/** A node with users, and clients that speak as one of them. */
import { expect } from 'vitest';
import { type Reply, RespPipe } from '../conformance/resp-pipe.js';
import { startServer, type World } from './harness.js';

export class AclWorld {
  private readonly pipes: RespPipe[] = [];
  admin!: RespPipe;

  private constructor(readonly world: World) {}

  static async start(): Promise<AclWorld> {
    const acl = new AclWorld(await startServer());
    acl.admin = await acl.open();
    return acl;
  }

  async stop(): Promise<void> {
    for (const pipe of this.pipes) pipe.close();
    await this.world.stop();
  }

  async open(): Promise<RespPipe> {
    const pipe = await RespPipe.open(this.world.port, 2);
    this.pipes.push(pipe);
    return pipe;
  }

  /** A new user with these rules, and a client of it. */
  async logIn(name: string, ...rules: string[]): Promise<RespPipe> {
    const made = await ask(this.admin, `ACL SETUSER ${name} on >pw ${rules.join(' ')}`);
    expect(made).toEqual(['+OK']);
    const pipe = await this.open();
    expect(await ask(pipe, `AUTH ${name} pw`)).toEqual(['+OK']);
    return pipe;
  }
}

/** Simple replies as they are, others as their text; arrays in brackets. */
export function plain({ raw, elements }: Reply): string {
  if (elements !== null) return `[${elements.map(plain).join(' ')}]`;
  return raw.startsWith('$') ? raw.replace(/^\$-?\d+\r\n|\r\n$/g, '') : raw.trim();
}

/** Words are told apart by spaces. */
export async function ask(pipe: RespPipe, ...lines: string[]): Promise<string[]> {
  return (await pipe.ask(lines.map((line) => line.split(' ')))).map(plain);
}
