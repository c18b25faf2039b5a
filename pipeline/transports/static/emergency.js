/**
 * The emergency switch of the live view: how it stands, large, and the button that throws it after one more look.
 * The server alone decides; the page shows what the stream says.
 */

const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const REASON = /^[a-z][a-z0-9_]{0,39}$/;

export class EmergencySwitch {
  /** @param {(paused: boolean, reason: string) => Promise<unknown>} throwSwitch */
  constructor(throwSwitch) {
    this.throwSwitch = throwSwitch;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("switch-dialog"));
    this.reason = /** @type {HTMLInputElement} */ (byId("switch-reason"));
    byId("switch").addEventListener("click", () => this.#ask());
    byId("switch-cancel").addEventListener("click", () => this.dialog.close());
    byId("switch-form").addEventListener("submit", (event) => this.#confirmed(event));
    this.show(null);
  }

  /** @param {any} message an `emergency` object of the stream, or null: callers are served */
  show(message) {
    this.paused = message?.paused === true;
    document.body.dataset.paused = String(this.paused);
    const banner = byId("paused");
    banner.hidden = !this.paused;
    const why = message?.reason && message.reason !== "none" ? `, ${String(message.reason).replaceAll("_", " ")}` : "";
    byId("paused-who").textContent = this.paused ? `Since ${since(message.since_s)} by ${message.by}${why}.` : "";
    byId("switch").textContent = this.paused ? "Serve callers again" : "Pause all calls";
    byId("switch").classList.toggle("danger", !this.paused);
  }

  /** Nothing stays open on a locked screen. */
  wipe() {
    if (this.dialog.open) this.dialog.close();
    this.show(null);
  }

  #ask() {
    byId("switch-title").textContent = this.paused ? "Serve callers again?" : "Pause all calls?";
    byId("switch-text").textContent = this.paused
      ? "The assistant answers callers again. Your name goes on record."
      : "Every caller, also those in a call now, hears that the service is unavailable, and nothing else is answered. Urgent words still lead to a person. Your name goes on record.";
    byId("switch-why").hidden = this.paused;
    byId("switch-sure").textContent = this.paused ? "Serve callers again" : "Pause all calls";
    byId("switch-error").textContent = "";
    this.reason.value = "";
    this.dialog.showModal();
  }

  async #confirmed(event) {
    event.preventDefault();
    const typed = this.reason.value.trim().toLowerCase().replaceAll(/[\s-]+/g, "_");
    if (typed && !REASON.test(typed)) {
      byId("switch-error").textContent = "Write a short word of letters and digits, for example wrong answers.";
      return;
    }
    try {
      await this.throwSwitch(!this.paused, typed || "none");
      this.dialog.close();
    } catch (error) {
      byId("switch-error").textContent = error instanceof Error ? error.message : "The server did not answer.";
    }
  }
}

/** @param {number} seconds */
function since(seconds) {
  const at = new Date(Date.now() - (Number.isFinite(seconds) ? seconds : 0) * 1000);
  return at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
