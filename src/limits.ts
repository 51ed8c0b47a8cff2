/**
 * Every bound of a queue, buffer or batch, in one place. Bytes unless the name says otherwise.
 * Settings that operators change live in config.ts; these are the ones nobody should need to.
 */
const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** One batch of commands is proposed at the latest when it holds this many bytes or commands. */
  batchBytesMax: 1 * MiB,
  batchCommandsMax: 16_384,
  /** While so many batches are not committed, commands gather in the next one until it is full. */
  batchesInFlightMax: 3,
  /** The same for those that are not applied. */
  batchesUnappliedMax: 6,
  /** Entries of one AppendEntries message, unless a single entry is larger. */
  appendBytesMax: 2 * MiB,
  inflightAppendsMax: 512,
  inflightBytesMax: 16 * MiB,
  /** Proposed and not yet committed; beyond it writes are refused with TRYAGAIN. */
  uncommittedBytesMax: 256 * MiB,
  committedBytesMax: 1 * MiB,
  /** Newest entries kept in memory: at least all that may be in flight to a follower. */
  logWindowBytesMax: 16 * MiB,
  /** Log writes on their way to the disk at once: a batch need not wait for the one before. */
  logWritesMax: 3,
  /** Ring on the disk that holds the log: as it begins, and what it may grow to under load. */
  journalBytes: 16 * MiB,
  journalBytesMax: 256 * MiB,
  /** What it has no room for goes to LevelDB, so many bytes at a time: milliseconds of work. */
  journalMoveBytes: 1 * MiB,
  readTokensMax: 4096,
  /** Log writes not yet applied whose arrival is remembered. */
  arrivalsMax: 1024,
  /** Reads waiting for their round at one node, in commands and in bytes of arguments. */
  pendingReadsMax: 200_000,
  pendingReadBytesMax: 64 * MiB,
  /** Arguments of a read that is carried out together with others of its turn. */
  turnReadBytesMax: 4 * KiB,
  /** One frame between peers; larger messages are cut into several frames. */
  peerFrameBytesMax: 4 * MiB,
  /** One message between peers: a value of proto-max-bulk-len and its command around it. */
  peerMessageBytesMax: 1100 * MiB,
  /** Read from a peer at once. */
  peerReadBytes: 256 * KiB,
  /** Bytes waiting in the socket of one peer before messages to it are dropped. */
  peerOutputBytesMax: 128 * MiB,
  /** Connections that were accepted at the peer port and have not said who they are. */
  peerHandshakesMax: 128,
  snapshotChunkBytes: 1 * MiB,
  /** After a chunk of a snapshot was written: a rest of so many times what it took, at most. */
  snapshotRestShare: 3,
  snapshotRestMsMax: 50,
  /** How fast a member is taken to write its snapshot, by those whose turn comes later. */
  snapshotTurnBytesPerMs: 32 * KiB,
  /** A snapshot is sent in frames of this size, so that a slow link still shows progress. */
  snapshotFrameBytes: 256 * KiB,
  /** Received and not yet taken by the installation: the sender is held back beyond this. */
  snapshotQueueBytesMax: 4 * MiB,
  /** Commands of one client handed over and not answered: its input is paused beyond this. */
  connectionPendingMax: 4096,
  connectionPendingBytesMax: 16 * MiB,
  /** Unread replies of a client: beyond the first its input pauses, at the second it is closed. */
  connectionOutputSoftMax: 1 * MiB,
  connectionOutputHardMax: 2048 * MiB,
  /** Read from a client at once. */
  clientReadBytes: 64 * KiB,
  /** Bytes read from a client whose commands cannot go on: its socket is paused beyond this. */
  connectionHeldBytesMax: 64 * KiB,
  /** Redis: a request line or a bulk header may not be longer. */
  inlineBytesMax: 64 * KiB,
  /** Redis: before AUTH a client may send few and short arguments. */
  unauthenticatedArgumentsMax: 10,
  unauthenticatedBulkBytesMax: 16 * KiB,
  argumentsMax: 1024 * 1024,
  /** Commands that followers forwarded to a leader while it hands leadership over. */
  heldForwardBytesMax: 16 * MiB,
  /**
   * CLIENT MAINT_NOTIFICATIONS: how long clients are told that they have to move, and how long a
   * node that stops waits for them: those that connect to a fixed address do so at half time.
   */
  movingSeconds: 10,
  drainMovingMsMax: 10_000,
  /** Who has sent no command since CLIENT MAINT_NOTIFICATIONS is told so long after it. */
  movingUnusedMsMax: 2000,
  /** A node that stops waits so long for a leader that its clients could be sent to. */
  drainLeaderlessMsMax: 2000,
  /** Addresses and libraries of clients that asked for the map of the cluster. */
  clusterClientsMax: 10_000,
  /** Changes of users that wait for each other at the leader; further ones hear TRYAGAIN. */
  aclChangesMax: 1000,
  /**
   * Applied per event loop turn before sockets get their share. Keys that expired or were evicted
   * count too, and each piece of what had to be copied for a snapshot.
   */
  applyCommandsPerTurnMax: 8192,
  applyCopiedPieceBytes: 1 * KiB,
  /** Keys one SCAN may look at, whatever COUNT says. */
  scanSlotsMax: 10_000,
  /** Expired keys removed with one entry; the rest are gone logically and follow later. */
  expirePerEntryMax: 1000,
  /** Moves of keys between levels of the timing wheel with one entry. */
  cascadePerEntryMax: 2000,
  /** Keys evicted for one write, or at the start of one entry; the rest follow with later ones. */
  evictPerWriteMax: 1024,
  /** Keys that are given another round, at most, before one is evicted all the same. */
  evictionStepsMax: 256,
  /** Keys that one entry moves to where a new eviction policy wants them. */
  sweepPerEntryMax: 4096,
  /** Slots in one batch of touches; further ones of the same window are not noted. */
  touchSlotsMax: 32_768,
  /** Log kept below a snapshot, for followers that were away for a short while. */
  logTailBytes: 32 * MiB,
  /** Log kept longer for a follower that a snapshot was sent to, until it has caught up. */
  logHeldBytesMax: 1024 * MiB,
  /** What an entry costs on disk beside its data, about. */
  entryOverheadBytes: 64,
  /** How finely the place of that tail is remembered. */
  logMarkBytes: 1 * MiB,
  /** Pages of a region up to here are buffers of their own: they fill what holes the heap has. */
  pagesAloneBytes: 128 * MiB,
  /** Further ones are made so many bytes at a time; glibc maps these by themselves. */
  pageArenaBytes: 32 * MiB,
  /** Room for what changes under open views: the first piece; each next one is twice as large. */
  snapshotCopiesBytesMin: 128 * KiB,
  /** It is used, and given back, so much at a time. */
  snapshotCopiesStepBytes: 1 * MiB,
  /** Open copy-on-write views: a snapshot, a transfer, a digest. */
  snapshotViewsMax: 4,
} as const;

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`limits.ts: ${what}`);
}
check(limits.inflightBytesMax >= limits.appendBytesMax, 'a window must hold one append');
check(limits.logWindowBytesMax >= limits.inflightBytesMax, 'what is in flight is in memory');
check(limits.uncommittedBytesMax >= limits.batchBytesMax, 'a batch must fit');
check(
  limits.drainMovingMsMax >= limits.movingSeconds * 1000,
  'a node that stops must wait as long as it says',
);
check(limits.peerMessageBytesMax > 1024 * MiB, 'two values of 512 MiB must fit one message');
