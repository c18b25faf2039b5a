/**
 * Which reply may be heard. A calculation: messages and the time go in, when to fall silent and when
 * to sound again comes out. It knows neither audio nor timers.
 */

/** After a flush the browser's own jitter buffer still holds the old reply: measured 70-120 ms. */
export const DRAIN_MS = 150;
/** A server that forgets to say `speak` must not leave the caller deaf. */
export const FAILSAFE_MS = 5000;

export class Fence {
  constructor() {
    this.voidEpoch = -1;
    this.spokenEpoch = -1;
    /** @type {number | null} when the page fell silent, null while it sounds */
    this.silentSinceMs = null;
  }

  /**
   * Audio of this and older epochs is void.
   * @returns {boolean} true: fall silent now
   */
  flush(epoch, nowMs) {
    if (!Number.isFinite(epoch) || epoch <= this.voidEpoch || epoch < this.spokenEpoch) return false;
    this.voidEpoch = epoch;
    this.silentSinceMs = nowMs;
    return true;
  }

  /**
   * A reply begins.
   * @returns {number | null} in how many ms to sound again (0: now); null: a void epoch, stay silent
   */
  speak(epoch, nowMs) {
    if (!Number.isFinite(epoch) || epoch <= this.voidEpoch || epoch < this.spokenEpoch) return null;
    this.spokenEpoch = epoch;
    if (this.silentSinceMs === null) return 0;
    const waitMs = Math.max(0, this.silentSinceMs + DRAIN_MS - nowMs);
    this.silentSinceMs = null;
    return waitMs;
  }

  /** @returns {boolean} true: silent too long without a new reply, sound again */
  overdue(nowMs) {
    if (this.silentSinceMs === null || nowMs - this.silentSinceMs < FAILSAFE_MS) return false;
    this.silentSinceMs = null;
    return true;
  }
}
