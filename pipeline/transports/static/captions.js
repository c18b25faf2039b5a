/**
 * The conversation in words. Finished lines go into a polite live region; a line still being said is
 * shown beside it, outside, so a screen reader hears each line once.
 */

const NAMES = { caller: "You", agent: "Assistant" };

export class Captions {
  /** @param {{log: HTMLElement, drafts: HTMLElement}} places */
  constructor({ log, drafts }) {
    this.log = log;
    this.drafts = drafts;
    /** @type {Map<string, HTMLElement>} */
    this.lines = new Map();
    /** @type {HTMLElement | null} a typed answer the server has not repeated yet */
    this.typed = null;
  }

  /** @param {{who: string, turn: number, text: string, final: boolean}} caption */
  show({ who, turn, text, final }) {
    if (!(who in NAMES) || typeof text !== "string") return;
    const key = `${who}:${turn}`;
    const known = this.lines.get(key) ?? (who === "caller" && final ? this.#takeTyped(key) : undefined);
    const item = known ?? this.#line(who);
    if (!known) this.lines.set(key, item);
    words(item).textContent = text;
    if (final && item.parentElement !== this.log) {
      item.classList.remove("draft");
      this.log.append(item);
    } else if (!final && !item.parentElement) {
      item.classList.add("draft");
      this.drafts.append(item);
    }
    if (final && text.trim() === "") this.#drop(key, item);
    // what the assistant says next in the same turn (a question again, the reply after "one moment") is another line
    else if (final && who === "agent") this.lines.delete(key);
    item.parentElement?.closest(".conversation-scroll")?.scrollTo({ top: 1e6 });
  }

  /** @param {string} text what the caller typed, until the server says it too */
  showTyped(text) {
    this.typed?.remove();
    this.typed = this.#line("caller");
    this.typed.classList.add("draft");
    words(this.typed).textContent = text;
    this.drafts.append(this.typed);
    this.drafts.closest(".conversation-scroll")?.scrollTo({ top: 1e6 });
  }

  #takeTyped(key) {
    const item = this.typed;
    if (!item) return undefined;
    this.typed = null;
    this.lines.set(key, item);
    return item;
  }

  #drop(key, item) {
    item.remove();
    this.lines.delete(key);
  }

  #line(who) {
    const item = document.createElement("p");
    item.className = `line line-${who}`;
    const name = document.createElement("span");
    name.className = "line-name";
    name.textContent = NAMES[who];
    const body = document.createElement("span");
    body.className = "line-words";
    item.append(name, body);
    return item;
  }

  clear() {
    this.lines.clear();
    this.typed = null;
    this.log.replaceChildren();
    this.drafts.replaceChildren();
  }
}

const words = (item) => /** @type {HTMLElement} */ (item.querySelector(".line-words"));
