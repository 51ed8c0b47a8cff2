/**
 * `start --join`: asks the given addresses which cluster they belong to, until this node is a
 * member of it. Whoever answers names the members; this node then connects with them, and its
 * hello asks the leader to take it in as a learner.
 */
import type { Logger } from '../log.js';
import type { Clock, PeerHello } from '../ports.js';
import type { Member } from '../raft/types.js';
import { memberOf } from './configuration-changes.js';

const waitMinMs = 200;
const waitMaxMs = 5000;

export interface JoinerOptions {
  readonly self: Pick<Member, 'id' | 'peerAddress' | 'incarnation'>;
  /** HOST:PEERPORT */
  readonly seeds: readonly string[];
  readonly introduce: (address: string) => Promise<PeerHello>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info'>;
  /** Members of the cluster to be joined, the newest that are known. */
  readonly found: (members: readonly Member[]) => void;
}

export class Joiner {
  private ended = false;
  private lastText = '';
  private cancelWait: () => void = () => {};
  private waitMs = waitMinMs;

  constructor(private readonly options: JoinerOptions) {}

  /** This node asks to be taken in. */
  get active(): boolean {
    return this.options.seeds.length > 0 && !this.ended;
  }

  start(): void {
    if (this.active) void this.tryAll();
  }

  /** This node is a member, or stops. */
  end(): void {
    this.ended = true;
    this.cancelWait();
  }

  private async tryAll(): Promise<void> {
    const { seeds, clock } = this.options;
    const answers = await Promise.all(seeds.map((seed) => this.ask(seed)));
    if (!this.active) return;
    this.take(answers.filter((answer) => answer !== null));
    this.cancelWait = clock.after(this.waitMs, () => void this.tryAll());
    this.waitMs = Math.min(waitMaxMs, this.waitMs * 2);
  }

  private async ask(seed: string): Promise<PeerHello | null> {
    try {
      const hello = await this.options.introduce(seed);
      if (hello.clusterId !== null && hello.configuration !== null) return hello;
      this.say(`cannot join yet: ${seed} (node ${hello.nodeId}) belongs to no cluster so far`);
    } catch (error) {
      this.say(`cannot join yet: ${error instanceof Error ? error.message : String(error)}`);
    }
    return null;
  }

  private take(answers: readonly PeerHello[]): void {
    const [first] = answers;
    if (first === undefined) return;
    if (answers.some((answer) => answer.clusterId !== first.clusterId)) {
      return this.say('cannot join: the addresses of --join belong to different clusters');
    }
    const newest = answers.reduce((best, each) =>
      each.configurationIndex > best.configurationIndex ? each : best,
    );
    const refusal = this.refusal(newest);
    this.say(refusal ?? `asks cluster ${newest.clusterId} to be taken in`);
    if (refusal === null) this.options.found(newest.configuration!.members);
  }

  private refusal({ configuration }: PeerHello): string | null {
    const { id, peerAddress, incarnation } = this.options.self;
    const named = memberOf(configuration!, id);
    if (named === undefined || named.incarnation === incarnation) return null;
    if (named.peerAddress === peerAddress) return null;
    return `cannot join: ${idTaken(named, peerAddress)}`;
  }

  /** Each news once. */
  private say(text: string): void {
    if (text === this.lastText) return;
    this.lastText = text;
    this.options.logger.info(text);
  }
}

/** Why a node that says to be `named` is not believed. */
export function idTaken(named: Pick<Member, 'id' | 'peerAddress'>, peerAddress: string): string {
  return (
    `${named.id} is the member at ${named.peerAddress}, not ${peerAddress}: ` +
    `choose another id, or remove that member first`
  );
}
