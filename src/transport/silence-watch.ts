/**
 * Ends a connection on which nothing comes any more. TCP does not notice a network that loses
 * everything, and after a long cut it tries again only after a wait as long as the cut was, while
 * a new connection is there at once (requirement 57).
 */
import type { Clock } from '../ports.js';
import { frameType } from './frame.js';
import type { FrameSocket } from './frame-socket.js';

/** Silence is looked for so often in the time that it may last. */
const looks = 4;

/**
 * Returns what ends the watch. Both sides must watch: each speaks at every look, since answers may
 * be held up behind a large value that the other side still sends.
 */
export function watchSilence(frames: FrameSocket, clock: Clock, silenceMs: number): () => void {
  let { bytesRead } = frames;
  let silentLooks = 0;
  // A pause of this process is one look: what came meanwhile is read before.
  return clock.every(silenceMs / looks, () => {
    silentLooks = frames.bytesRead === bytesRead ? silentLooks + 1 : 0;
    bytesRead = frames.bytesRead;
    if (silentLooks >= looks) frames.close(`silent for ${silenceMs} ms`);
    else frames.write(frameType.ping);
  });
}
