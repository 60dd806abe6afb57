/**
 * Every bound of the system, with its reason. What a queue, cache, loop or message may grow
 * to stands here and nowhere else; what is dropped at a bound is counted where it is dropped.
 */
import { assert } from './assert.ts'

const KiB = 1024
const MiB = 1024 * KiB

// ---- bytes on the wire

/** 1 MiB: yamux's stream window, so one frame never waits for credit in the middle. */
export const FRAME_MAX_BYTES: number = MiB
/** 64 KiB: noise+yamux carry 238 MB/s in 64 KiB frames, 60 at 4 KiB, 12 at 350 B. */
export const CHUNK_BYTES: number = 64 * KiB
/** 1 MiB: what a receiver lets one peer send ahead of its disk; a slow peer stalls itself only. */
export const CREDIT_BYTES: number = MiB
/** 256 KiB: credit is returned in quarters, so the sender never runs dry on a fast disk. */
export const CREDIT_STEP_BYTES: number = 256 * KiB
/** 8 MiB: frames waiting for one peer's socket; beyond it `send` answers `full`. */
export const OUTBOUND_MAX_BYTES: number = 8 * MiB
/** 5 s: what was sent before a close gets that long to arrive; a link that is dead is given up then. */
export const CLOSE_FLUSH_MS: number = 5_000
/** 500 ms of it when the whole node stops: stopping takes less than a second. */
export const STOP_FLUSH_MS: number = 500
/** 1,024 connections: a full mesh of 32 many times over; further ones are refused before their handshake. */
export const CONNECTIONS_MAX: number = 1024
/** 256 connections a second from one address: fifty nodes behind it start at once and dial both ways. */
export const CONNECTIONS_PER_S: number = 256
/** 16 KiB: a greeting carries a cluster id and a few signed operations. */
export const GREETING_MAX_BYTES: number = 16 * KiB

// ---- records

/** 48 KiB: a record with its header and parents fits a 64 KiB chunk; larger content is stored by hash. */
export const BODY_MAX_BYTES: number = 48 * KiB
/** 49,143 bytes: what a body has room for when nothing stands beside the text; labels, a key or a source leave less. */
export const TEXT_MAX_BYTES: number = BODY_MAX_BYTES - 9
/** 16 KiB: meta is for labels, not for content. */
export const META_MAX_BYTES: number = 16 * KiB
/** 64 pairs: what a person can read. */
export const META_PAIRS_MAX: number = 64
/** 512 bytes: keys are names (paths, commit hashes, URLs). */
export const KEY_MAX_BYTES: number = 512
/** 8 parents of 72 bytes keep a header below 1 KiB; more heads are joined by `memory.join` records first. */
export const PARENTS_MAX: number = 8
/** 128 bytes: process names and delegated keys. */
export const ACTOR_MAX_BYTES: number = 128
/** 2 KiB: the longest header (8 parents, longest actor) is below 1 KiB; the rest is for later versions. */
export const HEADER_MAX_BYTES: number = 2 * KiB
/** 64 memories are superseded by one record: 2 KiB of ids. */
export const SUPERSEDE_TARGETS_MAX: number = 64
/** 60 s: a record from further ahead of this node's clock is not stored yet; it is asked for again later. */
export const CLOCK_AHEAD_MAX_MS: number = 60_000

// ---- chain

/** 64 MiB: a segment is read into memory whole when the journal opens. */
export const SEGMENT_BYTES: number = 64 * MiB
/** 1 MiB is written in some 10 ms: so long commits wait while bodies are erased in the current segment. A larger one is left for a new one first. */
export const ERASE_HERE_MAX_BYTES: number = MiB
/** 4,096 bodies are erased at a time: more of them are likely to share segments, each of which is written anew. */
export const ERASURES_AT_ONCE: number = 4096
/** 1 s: a disk that would not erase is not asked again before that. */
export const ERASE_RETRY_MS: number = 1000
/** A commit ends at 1,024 records, 1 MiB or, when nothing else does, 5 ms after its first record. */
export const COMMIT_RECORDS_MAX: number = 1024
export const COMMIT_MAX_BYTES: number = MiB
/** 16 MiB: own records waiting for the disk; beyond it a write is answered `full`. */
export const COMMIT_BACKLOG_BYTES: number = 16 * MiB
/** 200 ms: nobody follows the log, so its checkpoint can wait that long. */
export const CHECKPOINT_INTERVAL_MS: number = 200
/** 53 hashes prove anything in a tree of 2^53 leaves, twice over for consistency. */
export const PROOF_MAX_HASHES: number = 107
/** 4,096 logs: 1,000 members with audit, cluster and two spaces each. */
export const LOGS_MAX: number = 4096
/** 16 spaces that nobody has created, for each author: projects of a team; 1,000 hostile members fill no table with them but their own. */
export const SPACES_PER_AUTHOR_MAX: number = 16
/** 256 spaces that were created: a node makes a log id for each of them and each member. */
export const SPACES_MAX: number = 256
/** 400 keys for readers in one operation: 41 KiB of the 47 it may have. */
export const SPACE_BOXES_MAX: number = 400
/** 64 operations about one space that do not know of each other: more than admins who decide at once. */
export const SPACE_HEADS_MAX: number = 64
/** 60 s: a space that a peer speaks of and shows no log of by then gives its place to another one. */
export const SPACE_TOLD_MS: number = 60_000
/** 64: up to here frontier entries (72 B each) are cheaper than 256 bucket hashes. */
export const ENTRIES_DIRECT_MAX: number = 64
export const FRONTIER_BUCKETS: number = 256
/** 30 s, with jitter: peers compare frontiers even when nothing seems to be missing. */
export const ANTI_ENTROPY_INTERVAL_MS: number = 30_000
/** 250 ms: heads are told to peers that may lack them at most this often. */
export const HEADS_INTERVAL_MS: number = 250
/** 5 s without a frame: a pull is taken to another peer. */
export const PULL_TIMEOUT_MS: number = 5_000
/** 64 logs are pulled from one peer at a time; the others wait their turn. */
export const PULLS_PER_PEER_MAX: number = 64
/** 1,024 conflicts are kept; each is evidence of one forked log. */
export const CONFLICTS_MAX: number = 1024

// ---- membership and peers

/** 1 h: an invite that is not used by then was not urgent. */
export const INVITE_EXPIRY_MAX_MS: number = 3_600_000
/** 1,024 open invites at one issuer. */
export const INVITES_MAX: number = 1024
/** 16 admins: an operation carries k of their signatures in every greeting. */
export const ADMINS_MAX: number = 16
/** 64 operations prove a member's admission: its admit and the policies since genesis. */
export const EVIDENCE_OPS_MAX: number = 64
/** 12 KiB of a greeting prove all changes of policy (some 25 of 3 admins, 8 of 16); the rest is for an admission and addresses. */
export const POLICY_EVIDENCE_MAX_BYTES: number = 12 * KiB
/** 1,024 known peers with 8 addresses each: some 400 KB on disk. */
export const PEER_BOOK_MAX: number = 1024
export const PEER_ADDRESSES_MAX: number = 8
/** 64 peers are told to another at a time: a full mesh of 32 twice over. */
export const PEER_EXCHANGE_MAX: number = 64
/** 48 KiB of addresses: they fit a frame of the control protocol. */
export const PEER_EXCHANGE_BYTES: number = 48 * KiB
/** Redial after 0.5 s, doubling to 30 s, each wait drawn from its upper half. */
export const REDIAL_MIN_MS: number = 500
export const REDIAL_MAX_MS: number = 30_000
/** 32: up to here every node connects to every other. */
export const FULL_MESH_MAX: number = 32
/** A ping every 3 s; silent for 10 s is gone: below the promised 15 s with room for a slow loop. */
export const PING_INTERVAL_MS: number = 3_000
export const PEER_SILENT_MS: number = 10_000
/** 12 s: of two peers one pings every 3 s; the other, which hears that, needs a ping of its own only for the clock it shows. */
export const PING_BACK_INTERVAL_MS: number = 12_000
/** 10 s for a greeting to be answered, as long as libp2p gives a dial. */
export const GREETING_TIMEOUT_MS: number = 10_000
/** Frames per second from one peer over 10 s; the sync protocol is bounded by credit besides. */
export const PEER_FRAMES_PER_S: number = 20_000
/** A peer whose rejected frames reach this score (10 each, halved every minute) is disconnected. */
export const PEER_SCORE_MAX: number = 50

// ---- processes

/** 1,024 messages wait for one process. */
export const INBOX_MAX: number = 1024
/** 100,000 processes of about 1 KiB. */
export const PROCESSES_MAX: number = 100_000
/** 64 messages for one process, 4,096 in all, then the loop yields: input and timers are not starved. */
export const DRAIN_PER_PROCESS: number = 64
export const DRAIN_PER_TURN: number = 4096
/** 5 s unless the caller says otherwise; at most an hour. */
export const CALL_DEADLINE_MS: number = 5_000
export const CALL_DEADLINE_MAX_MS: number = 3_600_000
/** 1,024 kernel events wait for a disk that refuses them: 100 KB, and more processes than a broken node should start. */
export const UNAUDITED_MAX: number = 1024
/** 65,536 calls and monitors wait for an answer. */
export const PENDING_CALLS_MAX: number = 65_536
/** 65,536 requests of programs on this machine wait for their turn: some ten seconds of work. */
export const REQUESTS_WAITING_MAX: number = 65_536
export const MONITORS_MAX: number = 65_536
/** 512 KiB: a message between nodes with its envelope fits a frame. */
export const MESSAGE_MAX_BYTES: number = 512 * KiB
/** The last 1,024 events of the node, and of the log it shows. */
export const EVENT_RING: number = 1024

// ---- memory

/** 32 seconds-of-typing: a query longer than 4 KiB is a document. */
export const QUERY_MAX_BYTES: number = 4 * KiB
export const RECALL_K_MAX: number = 1000
/** 20 seeds spread: evidence recall@10 on LoCoMo is 76.6 % with 20, 76.2 % with 50, and a recall does less. */
export const RECALL_SEEDS: number = 20
/** What more than 10 memories name says little of any two of them: with 20 as much is found, and each costs a look. */
export const ENTITY_HOLDERS_MAX: number = 10
/** 10 memories are shown of those that name a thing: `inAll` says how many there are. */
export const ENTITY_NODES_SHOWN: number = 10
/** 32 things that a memory names: a page of log has more, and is about none of them. */
export const ENTITIES_MAX: number = 32
/** 20,000 visited nodes bound one recall's spreading; the answer says when it was cut short. */
export const SPREAD_NODES_MAX: number = 20_000
/** 100,000 memories that took the place of others are looked at by one question, lines of one after the other not counted: some 50 ms. */
export const SUCCESSIONS_FOLLOWED_MAX: number = 100_000
/** 2,000 memories looked at in a millisecond; among 100,000 it is 4,800 on the machine of the benchmarks, what comes with them included. */
export const RECALL_NODES_PER_MS: number = 2_000
/** 256 labels in one filter, and 16 quoted phrases in one query: each is looked up, and more are no question of anybody's. */
export const FILTER_VALUES_MAX: number = 256
export const PHRASES_MAX: number = 16
/** 64 members are asked by one recall, and have 2 s for it: whoever is silent by then is named. */
export const CLUSTER_RECALL_NODES_MAX: number = 64
export const CLUSTER_RECALL_DEADLINE_MS: number = 2_000
/** 200 hits are compared with each other for likeness: 20,000 pairs of texts. */
export const DIVERSITY_POOL: number = 200
/** 16 memories with the same words are read to see whether one says all that is to be said again. */
export const COPIES_READ_MAX: number = 16
/** 16 memories that a text names are linked as what it is derived from. */
export const MARKS_MAX: number = 16
/** 50 matches begin a timeline; what they replaced, and what replaced them, comes with them. */
export const TIMELINE_MATCHES: number = 50
/** 8 contradictions are named with a hit; `show` has all of its links. */
export const CONTRADICTIONS_SHOWN: number = 8
/** 8 rivals of a hit, or successors, are named, and the rest counted: three sides of a partition make two. `conflicts` has all. */
export const RIVALS_SHOWN: number = 8
/** Rivals of a hit are looked for among what it replaced, 1,000 memories back: 1 ms. */
export const RIVALS_LOOKED_MAX: number = 1000
/** Of 64 memories that one had replaced is looked whether anything holds in their place when it is taken back: each may have had 80,000 successors. */
export const VACANCIES_LOOKED_MAX: number = 64
/** So many characters of a rival are told with a hit: a line. */
export const RIVAL_TEXT_MAX: number = 120
export const WHY_PATHS_MAX: number = 3
export const WHY_DEPTH_MAX: number = 8
/** 100 memories that rest on one are looked at: their reasons are searched twice each. */
export const WHATIF_NODES_MAX: number = 100
/** 200,000 links are looked at by one whatif: 0.3 s. 300 memories that are all linked to each other have 90,000, each looked at twice. */
export const WHATIF_LINKS_MAX: number = 200_000
/** 4,096 edges examined for one why. */
export const WHY_EDGES_MAX: number = 4096
/** 4,096 memories that rest on one are looked at; with more than that it is needed. */
export const DEPENDENTS_MAX: number = 4096
/** 64 policies: each looks at all own memories once an hour. */
export const POLICIES_MAX: number = 64
/** Every hour, and a minute after a start or a change: forgetting is never urgent, and the node has better things to do first. */
export const POLICY_INTERVAL_MS: number = 3_600_000
export const POLICY_SOON_MS: number = 60_000
/** 200 memories are looked at in one step: some 5 ms with their texts. */
export const POLICY_SLICE: number = 200
/** 1,000 go in one run, 100 at a time; what is left goes a minute later. */
export const POLICY_VICTIMS_MAX: number = 1000
export const POLICY_AT_ONCE: number = 100
/** 65,536 memories are known to have been recalled: some 6 MB of file; the least recent are let go. */
export const RECALLED_MAX: number = 65_536
/** 4,096 links either way are followed to see whether one closes a ring. */
export const CYCLE_EDGES_MAX: number = 4096
/** 500 links are shown of a memory, and how many there are: a hub with a million would be an answer of 400 MB. */
export const LINKS_SHOWN_MAX: number = 500
/** 10,000 links in one answer to an export: 2 MB. */
export const LINKS_PAGE: number = 10_000
/** 262,144 numbers of vectors in one answer to an export: 5 MB as text. */
export const VECTOR_NUMBERS_PAGE: number = 262_144
/** 4,096 numbers: the largest common models make 3,072. A vector of them is 8 KiB as it travels, and 16 KiB with all bits. */
export const VECTOR_DIMS_MAX: number = 4096
/** 128 bytes: an embedder's id names a maker, a model, its version and its dimensions. */
export const EMBEDDER_MAX_BYTES: number = 128
/** 16 embedders of one author: each is an index on every node. The first ones of his log count. */
export const EMBEDDERS_PER_AUTHOR_MAX: number = 16
/** 4,096 candidates while a graph is walked: more than that, and looking at every vector is as fast. */
export const EF_MAX: number = 4096
/** 256 vectors are read back or added at a time: 200 KB of 384 dimensions, some 50 ms of an index. */
export const VECTORS_BATCH: number = 256
/** 8 batches are on their way to an index at a time: it never waits for the next one, and memory holds 3 MB of them. */
export const VECTORS_ADDING_MAX: number = 8
/** 2,048 vectors of records just applied stay in memory until their index has them; the others are read back. */
export const VECTORS_KEPT_MAX: number = 2048
/** 60 memories in one picture: more than that nobody reads. */
export const GRAPH_NODES_MAX: number = 60
/** 5 answers of a query are drawn, with what stands around them. */
export const GRAPH_ROOTS: number = 5
/** 64 links of a memory are followed into a picture: its hubs would fill it otherwise. */
export const GRAPH_LINKS_MAX: number = 64
/** 16 messages of as many are under way to an index: it never waits for the next one, and memory holds 7 MB of them. */
export const VECTOR_BATCHES_UNDER_WAY: number = 16
/** 65,536 vectors wait for their index: whoever adds more does not wait for `done`, and is refused. */
export const VECTOR_ROWS_WAITING_MAX: number = 65_536
/** 16,384 searches wait: two seconds of them. Further ones are answered `full`. */
export const VECTOR_SEARCHES_WAITING_MAX: number = 16_384
/** 64 indexes keep their file open; the others open it when it is needed. */
export const VECTOR_FILES_OPEN_MAX: number = 64
/** A link to what has not arrived waits; a million of them wait at most. */
export const DANGLING_MAX: number = 1_000_000
/** 256: of the supersedes of one memory the oldest are compared with each other for conflicts. */
export const SUPERSEDES_COMPARED_MAX: number = 256
/** 8: a retract of a retract undoes it, and again; nobody needs more, and each costs a walk down the rest. */
export const RETRACT_DEPTH_MAX: number = 8
/** 262,144 files and commits are remembered while a history is imported: some 60 MB for the largest. */
export const IMPORT_RECENT_MAX: number = 262_144
/** 1,024 lines of `remember --jsonl` are in flight. */
export const JSONL_IN_FLIGHT: number = 1024
/** 500 records in one list or watch answer. */
export const LIST_MAX: number = 500
/** 64 damaged records are remembered: more of them say nothing new about the disk, and each answer names its own. */
export const DAMAGED_MAX: number = 64
/** The fold is saved after this many records, so a restart folds at most as many again. */
export const SNAPSHOT_RECORDS: number = 16_384
/** 1,024 records are folded in 30 ms. More than that are saved after 10 s all the same: a save at 100,000 memories takes 0.1 s. */
export const SNAPSHOT_LATE_RECORDS: number = 1024
export const SNAPSHOT_LATE_MS: number = 10_000
/** 1 s after a start it has better things to do. */
export const SNAPSHOT_SOON_MS: number = 1000

// ---- embedders

/** 8 KiB: some 2,000 tokens, what most models look at; of a longer text the beginning is embedded. */
export const EMBED_TEXT_MAX_BYTES: number = 8 * KiB
/** 32 texts or 64 KiB in one request: a model on two cores answers within seconds, and a failure costs little. */
export const EMBED_BATCH_TEXTS: number = 32
export const EMBED_BATCH_BYTES: number = 64 * KiB
/** 32,768 numbers in one answer, 32 vectors of 1,024: they are read in some 5 ms, during which the node does nothing else. */
export const EMBED_BATCH_NUMBERS: number = 32_768
/** 8 texts at a time for a model of this machine: a query behind them waits a moment, not seconds. */
export const EMBED_LOCAL_BATCH_TEXTS: number = 8
/** 2 min: a large model is read from a slow disk once. */
export const MODEL_LOAD_MS: number = 120_000
/** 256 requests wait for an embedder; beyond it a call is answered `full`. */
export const EMBED_QUEUE_MAX: number = 256
/** 2 requests for documents and 2 for queries at a time: one is worked on while the other travels. */
export const EMBED_CONCURRENCY: number = 2
/** 4 tries for documents, 2 for a query, which nobody waits for longer. */
export const EMBED_DOCUMENT_TRIES: number = 4
export const EMBED_QUERY_TRIES: number = 2
/** Tried again after 250 ms, doubling to 8 s, each wait drawn from its upper half. */
export const EMBED_RETRY_MIN_MS: number = 250
export const EMBED_RETRY_MAX_MS: number = 8_000
/** 60 s: an endpoint that wants to be left alone for longer is unavailable until then. */
export const EMBED_RETRY_AFTER_MAX_MS: number = 60_000
/** 32 characters a number and 64 KiB around them: no JSON of vectors is longer. */
export const EMBED_NUMBER_CHARACTERS: number = 32
export const EMBED_ANSWER_SLACK_BYTES: number = 64 * KiB
/** 16 MiB of vectors are remembered: 5,000 of 768 numbers. */
export const EMBED_CACHE_BYTES: number = 16 * MiB
/** 8 MiB of what memories say: the 15,000 of some 250 B that were read last. */
export const TEXT_CACHE_BYTES: number = 8 * MiB
/** 64 memories are on their way to vectors at a time: two requests, so that one travels while the other is worked on. */
export const EMBED_DOCUMENTS: number = 64
/** 4,096 memories are looked at in one step for those without a vector: 4 ms. */
export const EMBED_SCAN: number = 4096
/** An embedder that fails is asked again after 1 s, doubling to 60 s, each wait drawn from its upper half. */
export const EMBED_PAUSE_MIN_MS: number = 1_000
export const EMBED_PAUSE_MAX_MS: number = 60_000
/** 10,000 memories that a model refuses: more than that, and it is not the memories. */
export const EMBED_REFUSED_MAX: number = 10_000
/** 300 ms: a model on this machine embeds a question in less, and whoever waits for an answer by words does not notice. */
export const RECALL_EMBED_MS: number = 300
/** 10 s for a request unless said otherwise, at most 10 min: a model on a slow machine takes its time over 32 texts. */
export const EMBED_TIMEOUT_MS: number = 10_000
export const EMBED_TIMEOUT_MAX_MS: number = 600_000
// ---- cognition

/** 100 memories of the side that would come apart are named, and 100 links that hold it: what a person looks through. */
export const COHERENCE_SIDE_MAX: number = 100
export const COHERENCE_EDGES_MAX: number = 100
/** 32 communities are named by 4 words each, and by their 5 best linked memories. */
export const TOPICS_MAX: number = 32
export const TOPIC_WORDS: number = 4
export const TOPIC_CENTRAL: number = 5
/** 24 terms of a new memory, the rarest, find those that are like it. */
export const ALIKE_TERMS_MAX: number = 24
/** The newest 20,000 memories speak for proposals: a sweep over 10,000 took 0.1 to 0.2 s of CPU, in slices. */
export const PROPOSE_MEMORIES_MAX: number = 20_000
/** 512 subjects, the commonest of those that are not everywhere: 262,144 pairs are compared at most. */
export const PROPOSE_SUBJECTS_MAX: number = 512
/** 50 proposals at a time, each with the 20 newest pairs of memories that speak for it. */
export const PROPOSALS_MAX: number = 50
export const PROPOSAL_EVIDENCE_MAX: number = 20
/** 1,024 impulses wait one by one, some 400 KB; older ones are counted together, one count for each kind. */
export const IMPULSES_MAX: number = 1024
/** 8 memories an impulse is about: those who want more ask for them. */
export const IMPULSE_ABOUT_MAX: number = 8
/** 200 characters of what an impulse says, and 64 of its reason. */
export const IMPULSE_TEXT_MAX: number = 200
export const IMPULSE_REASON_MAX: number = 64
/** 64 records in one tick: with the texts of those they are compared with, some 600 reads of the journal. */
export const TICK_RECORDS: number = 64
/** Ticks are 50 ms apart to begin with, never less than 10 ms nor more than a minute. */
export const TICK_INTERVAL_MS: number = 50
export const TICK_INTERVAL_MIN_MS: number = 10
export const TICK_INTERVAL_MAX_MS: number = 60_000
/** 3 ms: what a slice of thinking aims at. Sorting and setting up are not cut: at 10,000 memories they take 20 to 50 ms once or twice. */
export const SLICE_MS: number = 3
/** 64 questions about the whole graph wait for their turn. */
export const THOUGHTS_MAX: number = 64
/** 30 synthetic ticks tell how fast a node thinks, or as many as there are in 200 ms. */
export const CALIBRATION_TICKS: number = 30
export const CALIBRATION_MS: number = 200
/** 1 s: what is thought is saved at most so often; after a crash that much is thought again. */
export const COGNITION_SAVE_MS: number = 1000
/** 16 changes, or a tenth of the memory: then it is worth another look at the whole. */
export const LOOK_CHANGES: number = 16
export const LOOK_ONE_IN: number = 10
/** 4,096 decisions on proposals are remembered; the oldest give way, and may be proposed once more. */
export const DECISIONS_MAX: number = 4096

/** 32 nodes of a development cluster: each is a process of 100 MB that dials all others. */
export const LOCAL_NODES_MAX: number = 32
/** 9 nodes of a scenario on real processes: with more, two cores measure how busy they are, not what a fault does. */
export const REAL_NODES_MAX: number = 9
/** 1,000 simulated nodes: each holds a replica of all others, so memory and time grow with the square. */
export const SCENARIO_NODES_MAX: number = 1000

// ---- control interface

/** 1 MiB: the largest request is a message of 512 KiB in JSON. */
export const REQUEST_MAX_BYTES: number = MiB
/** 5 s: what a stop waits for work in progress before it closes anyway. */
export const SHUTDOWN_MS: number = 5_000

// ---- agents that ask over MCP

/** 64 MiB: ten million characters, each of them escaped, are still told that they are too many. A longer message ends the connection. */
export const MCP_MESSAGE_MAX_BYTES: number = 64 * MiB
/** 50 memories in one answer: more than that no agent weighs. */
export const MCP_HITS_MAX: number = 50
/** 2,000 characters of a memory in an answer: lessons are shorter, and five of them cost 2,500 tokens at most. */
export const MCP_TEXT_MAX: number = 2_000
/** 40,000 characters of memories in one answer: some 10,000 tokens, where clients begin to warn. */
export const MCP_ANSWER_MAX: number = 40_000
/** 10 conflicts in one answer: an agent settles them one by one, and then sees the next ones. */
export const MCP_CONFLICTS_MAX: number = 10
/** 256 links of a memory in one resource: 64 KiB of ids. */
export const MCP_LINKS_MAX: number = 256
/** 500 characters of what went wrong: a message may repeat what it was given. */
export const MCP_MESSAGE_SHOWN: number = 500

// ---- reports of simulated runs

/** 20,000 events of a run are kept for its report: some 4 MB of page that draws in a few milliseconds, and more than anybody looks at. */
export const RUN_EVENTS_MAX: number = 20_000
/** 200 characters of a text in an event: what fits the panel that shows it. */
export const EVENT_TEXT_MAX: number = 200
/** 512 looks at how equal the nodes are: one for every few pixels of a wide screen. When they are used up, every other one is let go. */
export const CONVERGENCE_SAMPLES_MAX: number = 512
/** 2,000 events: ShiViz draws them all at once, as one picture. */
export const SHIVIZ_EVENTS_MAX: number = 2_000
/** 32 MiB of report.json or events.jsonl are read: ten times the largest that is written. */
export const REPORT_MAX_CHARACTERS: number = 32 * MiB

// ---- disk and index

/** 64 files stay open: every segment that is being written or read at a time, far below the usual 1,024 descriptors. */
export const OPEN_FILES_MAX: number = 64
/** 65,536 operations wait for one file, or for the index: whoever starts more does not wait for answers, and is refused. */
export const DISK_QUEUE_MAX: number = 65_536

assert(BODY_MAX_BYTES + HEADER_MAX_BYTES < CHUNK_BYTES, 'a record fits a chunk')
assert(CHUNK_BYTES * 2 <= CREDIT_BYTES && CREDIT_STEP_BYTES * 2 <= CREDIT_BYTES, 'credit covers several chunks')
assert(CHUNK_BYTES + PROOF_MAX_HASHES * 40 + 8 * KiB < FRAME_MAX_BYTES, 'a chunk with its proof fits a frame')
assert(MESSAGE_MAX_BYTES * 2 <= FRAME_MAX_BYTES && MESSAGE_MAX_BYTES < REQUEST_MAX_BYTES, 'a message fits a frame')
assert(PING_INTERVAL_MS * 3 < PEER_SILENT_MS, 'two lost pings are no death')
assert(META_MAX_BYTES + KEY_MAX_BYTES < BODY_MAX_BYTES, 'labels leave room for text')
