/**
 * Rare branches in the code itself (FoundationDB's BUGGIFY): what happens once in a thousand runs, a segment that is
 * full, a peer without credit, a snapshot that was not saved, happens all the time where its site is switched on. In the
 * simulator a run switches some sites on, and each of them fires on a quarter of its visits; on a real node none ever does.
 *
 * Every site makes something common that is allowed anyway, so nothing that is promised may break by it.
 */
export const BUGGIFY_SITES = {
  // chain
  'journal.new-segment': 'a commit begins a new segment, as when the current one is full',
  'journal.erase-apart': 'the current segment is left for a new one before bodies in it are erased, as when it is large',
  'journal.read-one': 'a read gives back one record, as when the next one is large',
  'chain.commit-one-group': 'a commit takes one group of records, as when a second would be too much for it',
  'chain.evict-ready': 'records that wait to be applied are left to the disk, as when too many wait',
  'sync.one-record-frames': 'a frame of a run holds one record, as when each record is large',
  'sync.little-credit': 'a sender begins with the least credit that can be replenished, as if it had sent the rest already',
  'sync.credit-at-once': 'a receiver gives credit back for each frame; how much at a time is its own choice',
  'sync.compare-all': 'a hello is answered with all entries though the digests are equal, as when they differ',
  'sync.hello-late': 'the first hello on a connection comes a little late, as from a busy node',
  'sync.no-push': 'what was committed is not pushed to a peer, which hears of it by heads and pulls',

  // node
  'core.encode-again': 'the frame of a run is encoded for each peer, as if another had been sent in between',
  'runtime.commit-late': 'the disk gets a commit 20 ms late, as behind other work',
  'runtime.go-on-late': 'what a step has begun goes on in another turn of the loop, as when this one has taken long',
  'applier.one-record': 'a step applies one record, and the next one goes on, as after many',
  'writer.sign-late': 'the next checkpoint waits though peers follow, as when none does',
  'writer.sign-soon': 'the next checkpoint does not wait though no peer follows, as when one does',
  'index.make-again': 'the index of ids is made again at a start, as when it was lost',
  'memory.save-now': 'the fold is saved after a few records, as after many',
  'memory.save-not': 'the fold is not saved, as when the disk is full: the next start reads more of the journal',
  'process.tiny-inbox': 'an inbox holds two messages, as one with only two places left',
  'process.one-message': 'a turn of the processes ends after one message, as after many',
  'ipc.short-deadline': 'whoever waits for an answer gives up after a sixteenth of the time, as when the answer is that late',

  // peers
  'peers.close-early': 'a connection closes right after it came up, as when the network breaks',
  'redial.at-once': 'a peer is dialled again at once, as when something new is heard of it',
  'redial.late': 'a peer is dialled again after the longest wait, as after many failures',
  'heartbeat.no-ping': 'a ping is left out, as if it had been lost',
} as const

export type BuggifySite = keyof typeof BUGGIFY_SITES

/** True when the rare branch at `site` is to be taken. */
export type Buggify = (site: BuggifySite) => boolean

/** What real nodes run with. */
export const never: Buggify = () => false

export function isBuggifySite(text: string): text is BuggifySite {
  return Object.hasOwn(BUGGIFY_SITES, text)
}
