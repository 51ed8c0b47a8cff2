/** What a supervisor in the foreground tells of its nodes: ends, pauses, returns, new leaders. */
import type { ChildProcess } from 'node:child_process';
import { type NodePlace, readClusterFile } from './cluster-file.js';
import { ownCommand } from './connection-help.js';
import type { LocalCluster } from './local-cluster.js';
import { lastLogLine } from './node-process.js';
import { leaderOf, type NodeStatus } from './status.js';

const longestLine = 300;

export class Watch {
  private readonly children = new Map<string, ChildProcess>();
  private readonly states = new Map<string, string>();
  private leader = '';

  constructor(private readonly cluster: LocalCluster) {}

  /** Of a process that this one started, the way it ended is known. */
  owns(place: NodePlace, child: ChildProcess): void {
    this.children.set(place.id, child);
  }

  start(nodes: readonly NodeStatus[]): void {
    for (const node of nodes) this.states.set(node.node, condition(node));
    this.leader = leaderText(nodes);
  }

  look(nodes: readonly NodeStatus[]): void {
    for (const [at, place] of this.cluster.places.entries()) {
      const now = condition(nodes[at]!);
      if (now === this.states.get(place.id)) continue;
      this.states.set(place.id, now);
      this.cluster.say(this.describe(place, now));
    }
    const leader = leaderText(nodes);
    if (leader === '' || leader === this.leader) return;
    this.leader = leader;
    this.cluster.say(leader);
  }

  /** `cluster stop` in another terminal: all nodes are gone, and that was meant. */
  wasStopped(): boolean {
    if (this.cluster.running().length > 0) return false;
    const file = readClusterFile(this.cluster.dir);
    return file === null || file.state === 'stopped';
  }

  private describe(place: NodePlace, now: string): string {
    const { id } = place;
    if (now === 'up') return `${id} is up`;
    const command = `${ownCommand()} cluster`;
    const where = `--dir ${this.cluster.dir}`;
    if (now === 'paused') return `${id} is paused; '${command} resume ${id} ${where}' ends that`;
    const last = lastLogLine(place).slice(0, longestLine);
    return [
      `${id} has ended${this.howEnded(id)}; its last line: ${last}`,
      `  '${command} restart-node ${id} ${where}' brings it back`,
    ].join('\n');
  }

  private howEnded(id: string): string {
    const child = this.children.get(id);
    if (child?.signalCode) return ` (${child.signalCode})`;
    return child?.exitCode == null ? '' : ` (exit code ${child.exitCode})`;
  }
}

/** A slow answer is no event. */
function condition({ role }: NodeStatus): string {
  return role === 'down' || role === 'paused' ? role : 'up';
}

function leaderText(nodes: readonly NodeStatus[]): string {
  const leader = leaderOf(nodes);
  return leader === null ? '' : `${leader.node} leads in term ${leader.term}`;
}
