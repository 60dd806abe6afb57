import type { Define } from './invocation.ts'

/** A command and how its file is loaded, or a group of commands. */
export interface Route {
  readonly name: string
  readonly about: string
  readonly load?: () => Promise<Define>
  /** What all commands of a group take. */
  readonly option?: readonly [flags: string, about: string]
  readonly commands?: readonly Route[]
}

export const SPACE_OPTION: readonly [flags: string, about: string] = [
  '--space <name>',
  'the space it is about (default: $WEFT_SPACE, or main)',
]

/** EVERY COMMAND, in the order in which help lists them. A file is loaded when its command is called. */
export const ROUTES: readonly Route[] = [
  { name: 'demo', about: 'start five nodes and show what they can do', load: async () => (await import('./commands/demo.ts')).define },
  {
    name: 'init',
    about: 'make this directory the first node of a new cluster',
    load: async () => (await import('./commands/init.ts')).define,
  },
  {
    name: 'join',
    about: 'make this directory a node of an existing cluster',
    load: async () => (await import('./commands/join.ts')).define,
  },
  { name: 'start', about: 'start the node, here or in the background', load: async () => (await import('./commands/start.ts')).define },
  { name: 'stop', about: 'stop the node', load: async () => (await import('./commands/stop.ts')).define },
  {
    name: 'status',
    about: 'show the node, its peers and how far its memory is',
    load: async () => (await import('./commands/status.ts')).define,
  },
  { name: 'id', about: 'show who this node is', load: async () => (await import('./commands/id.ts')).define },
  { name: 'doctor', about: 'check everything this node depends on', load: async () => (await import('./commands/doctor.ts')).define },
  { name: 'logs', about: 'show what happened on the node', load: async () => (await import('./commands/logs.ts')).define },

  { name: 'invite', about: 'make a token that admits one node', load: async () => (await import('./commands/invite.ts')).define },
  { name: 'peers', about: 'list the other nodes of the cluster', load: async () => (await import('./commands/peers.ts')).define },
  {
    name: 'member',
    about: 'who belongs to the cluster, and who decides',
    commands: [
      {
        name: 'list',
        about: 'list members, admins and pending operations',
        load: async () => (await import('./commands/member.ts')).defineList,
      },
      {
        name: 'approve',
        about: 'sign a pending operation, as an admin',
        load: async () => (await import('./commands/member.ts')).defineApprove,
      },
      {
        name: 'retire',
        about: 'let a node leave; what it wrote stays',
        load: async () => (await import('./commands/member.ts')).defineRetire,
      },
      {
        name: 'revoke',
        about: 'throw a node out for good; what it writes from now on is void',
        load: async () => (await import('./commands/member.ts')).defineRevoke,
      },
      {
        name: 'policy',
        about: 'change who the admins are and how many must agree',
        load: async () => (await import('./commands/member.ts')).definePolicy,
      },
    ],
  },

  { name: 'ps', about: 'list processes', load: async () => (await import('./commands/ps.ts')).define },
  { name: 'spawn', about: 'start a process from a module', load: async () => (await import('./commands/spawn.ts')).define },
  { name: 'kill', about: 'end a process', load: async () => (await import('./commands/kill.ts')).define },
  {
    name: 'send',
    about: 'send a message to a process, anywhere in the mesh',
    load: async () => (await import('./commands/send.ts')).define,
  },
  {
    name: 'call',
    about: 'call a method of a process, anywhere in the mesh',
    load: async () => (await import('./commands/call.ts')).define,
  },

  {
    name: 'mem',
    about: 'the shared causal memory',
    option: SPACE_OPTION,
    commands: [
      { name: 'remember', about: 'write a memory', load: async () => (await import('./commands/mem-remember.ts')).define },
      { name: 'recall', about: 'find memories', load: async () => (await import('./commands/mem-recall.ts')).define },
      { name: 'why', about: 'show what a memory rests on', load: async () => (await import('./commands/mem-why.ts')).define },
      {
        name: 'whatif',
        about: 'show what would lose its reasons without it',
        load: async () => (await import('./commands/mem-whatif.ts')).define,
      },
      { name: 'graph', about: 'draw what stands around a memory', load: async () => (await import('./commands/mem-graph.ts')).define },
      { name: 'show', about: 'show one memory and its links', load: async () => (await import('./commands/mem-show.ts')).define },
      {
        name: 'list',
        about: 'list memories in the order they were applied',
        load: async () => (await import('./commands/mem-list.ts')).define,
      },
      { name: 'diff', about: 'show what changed since a frontier', load: async () => (await import('./commands/mem-diff.ts')).define },
      { name: 'link', about: 'link two memories: A causes B', load: async () => (await import('./commands/mem-link.ts')).define },
      { name: 'supersede', about: 'replace a memory by another', load: async () => (await import('./commands/mem-supersede.ts')).define },
      { name: 'forget', about: 'retract a record of this node', load: async () => (await import('./commands/mem-forget.ts')).define },
      {
        name: 'policy',
        about: 'what this node forgets by itself',
        commands: [
          { name: 'set', about: 'set a policy', load: async () => (await import('./commands/mem-policy.ts')).defineSet },
          { name: 'list', about: 'list them', load: async () => (await import('./commands/mem-policy.ts')).defineList },
          { name: 'remove', about: 'remove one', load: async () => (await import('./commands/mem-policy.ts')).defineRemove },
          {
            name: 'run',
            about: 'run them now, or see what they would do',
            load: async () => (await import('./commands/mem-policy.ts')).defineRun,
          },
        ],
      },
      {
        name: 'conflicts',
        about: 'list what has several current successors, or two histories',
        load: async () => (await import('./commands/mem-conflicts.ts')).define,
      },
      { name: 'resolve', about: 'settle a conflict', load: async () => (await import('./commands/mem-resolve.ts')).define },
      {
        name: 'timeline',
        about: 'show what was thought when, and what replaced what',
        load: async () => (await import('./commands/mem-timeline.ts')).define,
      },
      {
        name: 'coherence',
        about: 'how well the memories hang together, and where they would come apart',
        load: async () => (await import('./commands/mem-coherence.ts')).define,
      },
      {
        name: 'communities',
        about: 'what the memories are about',
        load: async () => (await import('./commands/mem-communities.ts')).define,
      },
      {
        name: 'proposals',
        about: 'list causes that the memory itself suggests',
        load: async () => (await import('./commands/mem-proposals.ts')).defineList,
      },
      {
        name: 'confirm',
        about: 'link what is proposed, and say why',
        load: async () => (await import('./commands/mem-proposals.ts')).defineConfirm,
      },
      {
        name: 'reject',
        about: 'have it not proposed again',
        load: async () => (await import('./commands/mem-proposals.ts')).defineReject,
      },
      {
        name: 'impulses',
        about: 'show what the node noticed: contradictions, news, what fell apart',
        load: async () => (await import('./commands/mem-impulses.ts')).define,
      },
      { name: 'tick', about: 'have the node look at what is new', load: async () => (await import('./commands/mem-tick.ts')).define },
      {
        name: 'locate',
        about: 'all names of one thing: id, record, leaf, graph',
        load: async () => (await import('./commands/mem-locate.ts')).define,
      },
      {
        name: 'entities',
        about: 'the paths, identifiers, dates and names that lead from memory to memory',
        load: async () => (await import('./commands/mem-entities.ts')).define,
      },
      {
        name: 'import',
        about: 'remember what is written elsewhere',
        commands: [
          { name: 'git', about: 'the history of a repository', load: async () => (await import('./commands/mem-import.ts')).defineGit },
          {
            name: 'jsonl',
            about: "a file of JSON Lines, as this node's own, written now",
            load: async () => (await import('./commands/mem-import.ts')).defineJsonl,
          },
          {
            name: 'markdown',
            about: 'the sections of a folder of notes',
            load: async () => (await import('./commands/mem-import.ts')).defineMarkdown,
          },
          {
            name: 'chat',
            about: 'conversations with a model',
            load: async () => (await import('./commands/mem-import.ts')).defineChat,
          },
          {
            name: 'cbor',
            about: 'an export with proofs, as quotes with labels that say who wrote what, and when',
            load: async () => (await import('./commands/mem-import.ts')).defineCbor,
          },
          {
            name: 'mcp',
            about: 'the file of an MCP memory server',
            load: async () => (await import('./commands/mem-import.ts')).defineMcp,
          },
        ],
      },
      {
        name: 'export',
        about: 'write the memory to a file, or stdout',
        load: async () => (await import('./commands/mem-export.ts')).define,
      },
      {
        name: 'reembed',
        about: 'make vectors for memories that have none',
        load: async () => (await import('./commands/mem-reembed.ts')).define,
      },
      {
        name: 'status',
        about: 'how much there is, and how far it is applied',
        load: async () => (await import('./commands/mem-status.ts')).define,
      },
      { name: 'shell', about: 'ask several of these, one a line', load: async () => (await import('./commands/mem-shell.ts')).define },
    ],
  },
  {
    name: 'space',
    about: 'memories beside each other, each with readers and writers of its own',
    commands: [
      { name: 'list', about: 'list the spaces that this node knows', load: async () => (await import('./commands/space.ts')).defineList },
      {
        name: 'create',
        about: 'create a space, as an admin of the cluster',
        load: async () => (await import('./commands/space.ts')).defineCreate,
      },
      { name: 'grant', about: 'give a member a role in a space', load: async () => (await import('./commands/space.ts')).defineGrant },
      {
        name: 'rotate',
        about: 'give the readers of an encrypted space a new key',
        load: async () => (await import('./commands/space.ts')).defineRotate,
      },
      {
        name: 'revoke',
        about: 'take it away; what it wrote until then stays',
        load: async () => (await import('./commands/space.ts')).defineRevoke,
      },
      { name: 'show', about: 'show one space', load: async () => (await import('./commands/space.ts')).defineShow },
    ],
  },
  {
    name: 'verify',
    about: 'check a proof or an export with proofs, without any node',
    load: async () => (await import('./commands/verify.ts')).define,
  },
  {
    name: 'chain',
    about: 'the signed logs',
    commands: [
      { name: 'head', about: 'list the logs and where they end', load: async () => (await import('./commands/chain-head.ts')).define },
      { name: 'log', about: 'list the records of a log', load: async () => (await import('./commands/chain-log.ts')).define },
      { name: 'verify', about: 'check every byte of the journal', load: async () => (await import('./commands/chain-verify.ts')).define },
    ],
  },

  {
    name: 'cluster',
    about: 'a cluster of nodes on this machine, for development',
    commands: [
      { name: 'up', about: 'start nodes, made and joined if need be', load: async () => (await import('./commands/cluster.ts')).defineUp },
      { name: 'down', about: 'stop them all', load: async () => (await import('./commands/cluster.ts')).defineDown },
      { name: 'status', about: 'list them', load: async () => (await import('./commands/cluster.ts')).defineStatus },
      {
        name: 'partition',
        about: 'cut the connections between groups of nodes',
        load: async () => (await import('./commands/cluster.ts')).definePartition,
      },
      { name: 'heal', about: 'allow all connections again', load: async () => (await import('./commands/cluster.ts')).defineHeal },
      { name: 'kill', about: 'end a node without warning (SIGKILL)', load: async () => (await import('./commands/cluster.ts')).defineKill },
      {
        name: 'restart',
        about: 'stop a node if it runs, and start it',
        load: async () => (await import('./commands/cluster.ts')).defineRestart,
      },
    ],
  },
  {
    name: 'sim',
    about: 'a cluster in virtual time: partitions, crashes and hostile peers, from a seed',
    commands: [
      { name: 'list', about: 'list the scenarios that come with weft', load: async () => (await import('./commands/sim-list.ts')).define },
      { name: 'run', about: 'run a scenario and judge it', load: async () => (await import('./commands/sim-run.ts')).define },
      {
        name: 'fuzz',
        about: 'run scenarios drawn from one seed after another',
        load: async () => (await import('./commands/sim-fuzz.ts')).define,
      },
      {
        name: 'replay',
        about: 'run a seed again and show what happens',
        load: async () => (await import('./commands/sim-replay.ts')).define,
      },
      {
        name: 'shrink',
        about: 'make a seed that fails as small as it gets',
        load: async () => (await import('./commands/sim-shrink.ts')).define,
      },
      { name: 'view', about: 'show a report that was written', load: async () => (await import('./commands/sim-view.ts')).define },
      { name: 'diff', about: 'find where two runs part', load: async () => (await import('./commands/sim-diff.ts')).define },
      {
        name: 'doctor',
        about: 'prove that runs are the same twice on this machine',
        load: async () => (await import('./commands/sim-doctor.ts')).define,
      },
    ],
  },
  { name: 'mcp', about: 'let AI agents use the memory, over MCP', load: async () => (await import('./commands/mcp.ts')).define },
  {
    name: 'mcp-config',
    about: 'configure an AI client to use the memory',
    load: async () => (await import('./commands/mcp-config.ts')).define,
  },
  {
    name: 'completion',
    about: 'print a script that completes commands in your shell',
    load: async () => (await import('./commands/completion.ts')).define,
  },
]
