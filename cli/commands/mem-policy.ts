import { WeftError } from '../../base/errors.ts'
import type { PolicyInfo, PolicyInput, PolicyRun } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { positive } from '../parse.ts'
import { firstLine, plural, ROW_MAX_CHARS, short, table } from '../text.ts'

interface SetOptions {
  readonly after?: string
  readonly label?: string
  readonly memories?: number
  readonly bytes?: number
  readonly per?: string
  readonly erase?: boolean
  readonly evenIfNeeded?: boolean
}

/** What a policy of a kind is nothing without. */
const NEEDED: ReadonlyMap<string, readonly ('label' | 'after')[]> = new Map([
  ['decay', ['after']],
  ['label', ['label', 'after']],
])

export const defineSet: Define = command =>
  command
    .argument('<name>', 'small letters, digits and -')
    .argument('<kind>', 'decay, label or quota')
    .option('--after <time>', 'decay, label: how old, like 90d, 12h or 30m')
    .option('--label <name=value>', 'only memories with this label')
    .option('--memories <n>', 'quota: how many at most', positive)
    .option('--bytes <n>', 'quota: how much text and labels at most', positive)
    .option('--per <label>', 'quota: for each value of this label; what has no such label stays')
    .option('--erase', 'erase for ever, rather than take back')
    .option('--even-if-needed', 'also what a current memory rests on')
    .addHelpText(
      'after',
      '\ndecay: what is older, and was neither recalled on this node nor linked since. label: what has the label and is older. quota: what is too\nmuch, the least valuable first (the label `weight`, then links that lead to it, then age). Only what this node wrote is ever forgotten; it\nlooks a minute later, and then every hour. See first: weft mem policy run --dry-run',
    )
    .action(
      action(async (cli, [name, kind]: readonly [string, string], { erase, ...options }: SetOptions) => {
        const lacking = (NEEDED.get(kind) ?? []).filter(option => options[option] === undefined)
        if (lacking.length > 0)
          throw new WeftError('invalid_argument', `a ${kind} policy needs ${lacking.map(option => `--${option}`).join(' and ')}`)
        const policy = { kind, space: cli.space, ...options, ...(erase === true ? { action: 'erase' } : {}) } as PolicyInput
        const { policies } = await cli.request('policy.set', { name, policy })
        cli.print(policies[0], () => `${name}: ${policies.map(whatOf).join('')}`)
      }),
    )

export const defineList: Define = command =>
  command.action(
    action(async cli => {
      const { policies } = await cli.request('policy.list', {})
      const rows = policies.map(policy => [policy.name, policy.kind, whatOf(policy), policy.from])
      cli.print({ policies }, () =>
        table(['name', 'kind', 'what it does', 'from'], rows, 'no policies: this node forgets nothing by itself'),
      )
    }),
  )

export const defineRemove: Define = command =>
  command
    .argument('<name>')
    .action(
      action(async (cli, [name]: readonly [string]) =>
        cli.print(await cli.request('policy.remove', { name }), ({ removed }) => `${removed} is removed`),
      ),
    )

export const defineRun: Define = command =>
  command
    .argument('[name]', 'all of them without one')
    .option('--dry-run', 'only show what would go')
    .action(
      action(async (cli, [name]: readonly [string | undefined], { dryRun }: { readonly dryRun?: boolean }) => {
        const answer = await cli.request('policy.run', { name, dryRun: dryRun === true })
        cli.print(answer, () => answer.runs.map(run => renderRun(run, answer.dryRun)).join('\n') || 'no policies')
      }),
    )

function whatOf(policy: PolicyInfo): string {
  const verb = policy.action === 'erase' ? 'erases' : 'takes back'
  const where = policy.space === undefined ? '' : ` in ${policy.space}`
  const needed = policy.evenIfNeeded ? ', also what others rest on' : ''
  const label = policy.label === undefined ? '' : ` with ${policy.label}`
  if (policy.kind !== 'quota')
    return `${verb} what ${policy.kind === 'decay' ? 'was not used for' : 'is older than'} ${policy.after}${label}${where}${needed}`
  const most = [
    ...(policy.memories === undefined ? [] : [plural(policy.memories, 'memory', 'memories')]),
    ...(policy.bytes === undefined ? [] : [plural(policy.bytes, 'byte')]),
  ]
  return `${verb} what is beyond ${most.join(' and ')}${label}${where}${policy.per === undefined ? '' : ` for each ${policy.per}`}${needed}`
}

/** 20 of them: a person reads no more, and `--json` has them all. */
const SHOWN_MAX = 20

function renderRun({ policy, action: verb, looked, victims, needed, forgotten, more }: PolicyRun, dryRun: boolean): string {
  const done = verb === 'erase' ? 'erased' : 'taken back'
  const rows = victims
    .slice(0, SHOWN_MAX)
    .map(({ id, text, at, because }) => `  ${short(id)}  ${at.slice(0, 19)}Z  ${firstLine(text, 60, ROW_MAX_CHARS)}  (${because})`)
  const left = victims.length > SHOWN_MAX ? [`  ... and ${victims.length - SHOWN_MAX} more`] : []
  const went = dryRun
    ? `${victims.length}${more ? ' and more' : ''} would be ${done}`
    : `${forgotten} ${done}${more ? ', more follow' : ''}`
  const kept = needed === 0 ? '' : `, ${needed} kept because something rests on them`
  return [`${policy}: ${went} of ${plural(looked, 'memory', 'memories')}${kept}`, ...rows, ...left].join('\n')
}
