/** Snapshots beside traffic (requirements 42, 48). */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { Snapshotter } from '../../src/node/snapshotter.js';
import type { StateView } from '../../src/statemachine/state-machine.js';
import { MemoryDisk } from '../../src/storage/memory-disk.js';
import { MemorySnapshotStore } from '../../src/storage/memory-snapshot-store.js';
import { restoredLog, three } from '../raft/support.js';
import { DriverWorld, settle } from './fake-drives.js';

const mib = 1024 * 1024;

class World extends DriverWorld {
  readonly errors: string[] = [];
  streams = 0;
  /** Of the next view. */
  chunks = 0;
  viewsOpen = 0;
  endStream: ((error?: Error) => void) | null = null;
  readonly store = new MemorySnapshotStore(new MemoryDisk());
  readonly snapshotter: Snapshotter;

  constructor() {
    super(restoredLog({ configuration: three, terms: new Array(400).fill(1), commit: 401 }));
    this.transport.sendSnapshot = () => {
      this.streams++;
      return new Promise((resolve, reject) => {
        this.endStream = (error) => (error === undefined ? resolve() : reject(error));
      });
    };
    this.snapshotter = new Snapshotter({
      group: 1,
      driver: this.driver,
      logStore: this.logStore,
      snapshotStore: this.store,
      transport: this.transport,
      clock: this.clock,
      openView: () => this.openView(),
      stateBytes: () => 0,
      thresholdBytes: () => 64 * mib,
      onError: (what) => this.errors.push(what),
    });
    this.driver.schedule();
    this.clock.turn();
  }

  private openView(): StateView {
    this.viewsOpen++;
    const next = () => (this.chunks-- > 0 ? new Uint8Array(8) : null);
    return {
      next,
      giveBack: () => false,
      close: () => {
        this.viewsOpen--;
      },
    };
  }

  /** Counts `entries` of a MiB each from `from` on; a snapshot is taken where one is due. */
  async grow(from: number, entries: number): Promise<void> {
    for (let at = 0; at < entries; at++) this.snapshotter.applied(from + at, mib);
    this.clock.turn();
    await settle();
  }
}

describe('Snapshotter', () => {
  it('requirement 48: keeps the log above a snapshot on its way, until it arrived', async () => {
    const world = new World();
    const { core } = world.driver;
    Object.defineProperty(core, 'lastApplied', { get: () => applied, configurable: true });
    let applied = 64;
    const peer = { id: 'n3', matchIndex: 0, recentlyActive: true };
    const status = core.status();
    core.status = () => ({ ...status, commitIndex: applied, peers: [peer as never] });
    await world.grow(1, 64);
    expect(world.compactions.at(-1)?.through).toBe(64 - limits.logTailBytes / mib);
    world.snapshotter.send('n3');
    await settle();
    applied = 192;
    await world.grow(65, 128);
    // The follower's next entry is 65, and the term of 64 is asked for too.
    expect(world.compactions.at(-1)?.through).toBe(63);
    peer.recentlyActive = false;
    applied = 320;
    await world.grow(193, 128);
    expect(world.compactions.at(-1)!.through).toBeGreaterThan(200);
  });

  it('does not call a follower that refuses for every heartbeat it answers', async () => {
    const world = new World();
    await world.grow(1, 64);
    world.snapshotter.send('n3');
    await settle();
    world.endStream?.(new Error('refused by the peer'));
    await settle();
    world.snapshotter.send('n3');
    await settle();
    expect([world.streams, world.errors.length]).toEqual([1, 1]);
    world.clock.turn();
    world.snapshotter.send('n3');
    await settle();
    expect(world.streams).toBe(2);
  });

  it('rests after each chunk', async () => {
    const world = new World();
    world.chunks = 2;
    await world.grow(1, 64);
    expect([world.chunks, world.snapshotter.info().taken]).toEqual([1, 0]);
    world.clock.turn();
    await settle();
    expect([world.chunks, world.snapshotter.info().taken]).toEqual([0, 0]);
    world.clock.turn();
    await settle();
    expect([world.viewsOpen, world.snapshotter.info().taken]).toEqual([0, 1]);
  });

  it('does not rest once the log has grown by as much again', async () => {
    const world = new World();
    world.chunks = 3;
    await world.grow(1, 64);
    for (let at = 65; at <= 128; at++) world.snapshotter.applied(at, mib);
    world.clock.turn();
    await settle();
    expect([world.chunks, world.snapshotter.info().taken]).toEqual([-1, 1]);
  });

  it('gives up what it writes when the node stops', async () => {
    const world = new World();
    world.chunks = 3;
    await world.grow(1, 64);
    const stopped = world.snapshotter.stop();
    world.clock.turn();
    await stopped;
    expect([world.viewsOpen, await world.store.latest()]).toEqual([0, null]);
  });
});
